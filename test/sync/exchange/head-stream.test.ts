import { describe, expect, test } from 'vitest';
import { HeadStream } from '../../../src/sync/exchange/head-stream.js';
import { readEventStream } from '../../../src/sync/exchange/event-stream.js';
import type { StreamMessage } from '../../../src/sync/exchange/event-stream.js';
import { CountingClock } from '../../support/counting-clock.js';

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
    await expect(read(Array.from({ length: 20 }, () => bytes('x'.repeat(1_000))))).rejects.toThrow('has no end');
  });
});

/** A server's end of the lines that were asked for. */
class Lines {
  readonly clock = new CountingClock();
  readonly heads: number[] = [];
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
