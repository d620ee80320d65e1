import { describe, expect, test } from 'vitest';
import { packPage } from '../../../src/persistence/unit-batch.js';
import type { UnitPage } from '../../../src/persistence/unit.js';
import { HeadStream } from '../../../src/sync/exchange/head-stream.js';
import { readEventStream } from '../../../src/sync/exchange/event-stream.js';
import type { StreamMessage } from '../../../src/sync/exchange/event-stream.js';
import { LIVE_PAGE_BYTES_MAX } from '../../../src/sync/protocol/index.js';
import { toBase64 } from '../../../src/util/base64.js';
import { CountingClock } from '../../support/counting-clock.js';
import { STREAM_VECTORS } from '../../vectors/sync-protocol.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function read(chunks: readonly Uint8Array[]): Promise<StreamMessage[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const messages: StreamMessage[] = [];
  for await (const message of readEventStream(body, new AbortController().signal)) messages.push(message);
  return messages;
}

describe('an event stream', () => {
  const text = ': keep\r\n\r\nevent: head\ndata: 7\n\nid: 3\nretry: 10\ndata:a\rdata: ü\r\r\nevent: nothing\n\n: end\n';
  const messages: StreamMessage[] = [
    'comment',
    { event: 'head', data: '7' },
    { event: 'message', data: 'a\nü' },
    'comment',
  ];

  test('is read whole', async () => {
    expect(await read([bytes(text)])).toEqual(messages);
  });

  test('is read wherever it is cut', async () => {
    for (let at = 1; at < bytes(text).length; at++) {
      expect(await read([bytes(text).slice(0, at), bytes(text).slice(at)]), `cut at ${at}`).toEqual(messages);
    }
    expect(await read(Array.from(bytes(text), (byte) => Uint8Array.of(byte)))).toEqual(messages);
  });

  test('without an end of line is given up', async () => {
    await expect(read(Array.from({ length: 50 }, () => bytes('x'.repeat(1_000))))).rejects.toThrow('has no end');
  });
});

/** A server's end of the lines that were asked for. */
class Lines {
  readonly clock = new CountingClock();
  readonly heads: (number | undefined)[] = [];
  readonly pages: UnitPage[] = [];
  readonly live: boolean[] = [];
  readonly lines: ReadableStreamDefaultController<Uint8Array>[] = [];
  asked = 0;
  isRefused = false;
  readonly #stop = new AbortController();
  readonly stream = new HeadStream({
    clock: this.clock,
    random: () => 1 - 1e-9,
    open: async () => {
      this.asked++;
      if (this.isRefused) throw new Error('refused');
      return new ReadableStream({ start: (controller) => void this.lines.push(controller) });
    },
    onHead: (head) => this.heads.push(head),
    onPage: (page) => this.pages.push(page),
    onLive: (isLive) => this.live.push(isLive),
  });
  readonly done = this.stream.run(this.#stop.signal);

  async send(text: string): Promise<void> {
    this.lines.at(-1)?.enqueue(bytes(text));
    await settled();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settled();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

describe('a line to the server', () => {
  test('tells of heads, and of being there', async () => {
    const lines = new Lines();
    await settled();
    expect(lines.live).toEqual([]);
    await lines.send(': keep\n\n');
    expect(lines.live).toEqual([true]);
    await lines.send(
      'event: head\ndata: 8\n\nevent: other\ndata: 9\n\nevent: head\ndata: -1\n\nevent: head\ndata: x\n\n',
    );
    expect(lines.heads).toEqual([8]);
    await lines.stop();
    expect(lines.live).toEqual([true, false]);
    expect(lines.clock.openCount).toBe(0);
  });

  test('gives pages, up to the largest that there are, and says that there is something where one cannot be read', async () => {
    const lines = new Lines();
    await settled();
    const state = new Uint8Array(LIVE_PAGE_BYTES_MAX - 130).map((_, index) => index);
    const event = {
      originatorId: '0b1c2d3e-0000-4000-8000-000000000000',
      originatorVersion: 1,
      topic: 'Counted',
      state,
    };
    const origin = { author: 'ann', recordedAtMs: 7, seal: Uint8Array.of(1) };
    const id = '0b1c2d3e-0000-4000-8000-000000000001';
    const unit = { id, events: [event], isCommutative: false, scopes: [], position: 4, total: 1, origin };
    const page = { from: '0', to: '1.4.ab', position: 4, head: 4, units: [unit] };
    const packed = packPage(page);
    expect(packed.length).toBeGreaterThan(LIVE_PAGE_BYTES_MAX - 60);
    expect(packed.length).toBeLessThanOrEqual(LIVE_PAGE_BYTES_MAX);
    const text = `event: page\ndata: ${toBase64(packed)}\n\n`;
    await lines.send(text.slice(0, 20_000));
    expect(lines.pages).toEqual([]);
    await lines.send(text.slice(20_000));
    expect(lines.pages).toEqual([page]);
    await lines.send('event: page\ndata: AQAB\n\n');
    await lines.send('event: page\ndata: ?\n\n');
    expect([lines.pages.length, lines.heads]).toEqual([1, [undefined, undefined]]);
    await lines.stop();
  });

  test.each(STREAM_VECTORS)('takes %j', async (text, head, page) => {
    const lines = new Lines();
    await settled();
    await lines.send(text);
    expect([lines.heads, lines.pages]).toEqual(page === undefined ? [[head], []] : [[], [page]]);
    await lines.stop();
  });

  test('that is silent for too long is taken for dead, and made anew at once', async () => {
    const lines = new Lines();
    await settled();
    await lines.send(': keep\n\n');
    await lines.pass(49_000);
    await lines.send(': keep\n\n');
    await lines.pass(49_000);
    expect(lines.asked).toBe(1);
    await lines.pass(1_000);
    expect(lines.asked).toBe(2);
    expect(lines.live).toEqual([true, false]);
    await lines.stop();
  });

  test('that is closed after a while is made anew at once; one that is closed at once, after a wait', async () => {
    const lines = new Lines();
    await settled();
    await lines.send(': keep\n\n');
    await lines.pass(10_000);
    lines.lines.at(-1)?.close();
    await settled();
    expect(lines.asked).toBe(2);
    await lines.send(': keep\n\n');
    lines.lines.at(-1)?.close();
    await settled();
    expect(lines.asked).toBe(2);
    await lines.pass(1_000);
    expect(lines.asked).toBe(3);
    await lines.stop();
  });

  test('that is refused is asked for less and less often, down to once in five minutes; and at once when there is hope', async () => {
    const lines = new Lines();
    lines.isRefused = true;
    for (let ms = 0; ms < 3_600_000; ms += 1_000) await lines.pass(1_000);
    expect(lines.asked).toBeGreaterThan(15);
    expect(lines.asked).toBeLessThan(25);
    const { asked } = lines;
    lines.stream.attemptNow();
    await settled();
    expect(lines.asked).toBe(asked + 1);
    await lines.stop();
    expect(lines.clock.openCount).toBe(0);
  });

  test('is let go when nobody answers, and when it is no longer wanted', async () => {
    const lines = new Lines();
    await settled();
    await lines.pass(50_000);
    expect(lines.asked).toBe(1);
    await lines.pass(1_000);
    expect(lines.asked).toBe(2);
    await lines.stop();
    expect(lines.live).toEqual([]);
  });
});
