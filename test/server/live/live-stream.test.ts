import { describe, expect, test, vi } from 'vitest';
import { packPage } from '../../../src/persistence/unit-batch.js';
import { HeadHub } from '../../../src/server/live/head-hub.js';
import { headMessage, LIVE_KEEPALIVE_MS, liveStream, pageMessage } from '../../../src/server/live/live-stream.js';
import { CountingClock } from '../../support/counting-clock.js';
import { STREAM_VECTORS } from '../../vectors/sync-protocol.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Line {
  readonly clock: CountingClock;
  readonly hub: HeadHub;
  readonly end: AbortController;
  readonly onEnd: () => void;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  next(): Promise<string | undefined>;
}

function open(): Line {
  const clock = new CountingClock();
  const hub = new HeadHub({ clock, readHead: async () => 7, onFailure: () => undefined });
  const end = new AbortController();
  const onEnd = vi.fn();
  const reader = liveStream({ hub, clock, signal: end.signal, onEnd }).getReader();
  const next = async (): Promise<string | undefined> => {
    const { value } = await reader.read();
    return value === undefined ? undefined : new TextDecoder().decode(value);
  };
  return { clock, hub, end, onEnd, reader, next };
}

describe('the event stream of a log', () => {
  test.each(STREAM_VECTORS)('says %j', (text, head, page) => {
    const message = page === undefined ? headMessage(head) : pageMessage(packPage(page));
    expect(new TextDecoder().decode(message)).toBe(text);
  });

  test('asks what is to be said when there is room for it, one at a time, and says nothing where that is nothing', async () => {
    const clock = new CountingClock();
    const hub = new HeadHub({ clock, readHead: async () => 7, onFailure: () => undefined });
    const asked: number[] = [];
    const answers: ((message: Uint8Array | undefined) => void)[] = [];
    const tell = (head: number): Promise<Uint8Array | undefined> => {
      asked.push(head);
      return new Promise((resolve) => answers.push(resolve));
    };
    const { signal } = new AbortController();
    const reader = liveStream({ hub, clock, tell, signal }).getReader();
    await settled();
    expect(asked).toEqual([]);
    await reader.read();
    await settled();
    for (let head = 8; head <= 20; head++) hub.announce(head);
    await settled();
    expect(asked).toEqual([7]);
    answers[0]?.(undefined);
    await settled();
    expect(asked).toEqual([7, 20]);
    answers[1]?.(headMessage(20));
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('event: head\ndata: 20\n\n');
    await reader.cancel();
    expect([hub.size, clock.openCount]).toEqual([0, 0]);
  });

  test('ends when who listens may not hear of it any more', async () => {
    const clock = new CountingClock();
    const hub = new HeadHub({ clock, readHead: async () => 7, onFailure: () => undefined });
    const { signal } = new AbortController();
    const tell = (): Promise<undefined> => Promise.reject(new Error('no'));
    const reader = liveStream({ hub, clock, tell, signal }).getReader();
    await reader.read();
    expect((await reader.read()).done).toBe(true);
    expect([hub.size, clock.openCount]).toEqual([0, 0]);
  });

  test('begins at once, then tells of heads', async () => {
    const { hub, next } = open();
    expect(await next()).toBe(': keep\n\n');
    expect(await next()).toBe('event: head\ndata: 7\n\n');
    hub.announce(8);
    expect(await next()).toBe('event: head\ndata: 8\n\n');
  });

  test('gives a sign of life while nothing happens', async () => {
    const { clock, next } = open();
    await next();
    await next();
    clock.advance(LIVE_KEEPALIVE_MS);
    expect(await next()).toBe(': keep\n\n');
  });

  test('tells who reads slowly of the newest head alone', async () => {
    const { hub, next } = open();
    await settled();
    for (let head = 8; head <= 500; head++) hub.announce(head);
    expect(await next()).toBe(': keep\n\n');
    expect(await next()).toBe('event: head\ndata: 500\n\n');
  });

  test('closes the line of who does not read for a minute', async () => {
    const { clock, hub, onEnd } = open();
    await settled();
    for (let ms = 0; ms < 80_000; ms += LIVE_KEEPALIVE_MS) clock.advance(LIVE_KEEPALIVE_MS);
    expect(onEnd).toHaveBeenCalledTimes(1);
    expect(hub.size).toBe(0);
  });

  test.each<[string, (line: Line) => unknown]>([
    ['the server ends it', ({ end }) => end.abort()],
    ['the reader goes', ({ reader }) => reader.cancel()],
  ])('lets go of everything when %s', async (_how, stop) => {
    const line = open();
    await line.next();
    await stop(line);
    await settled();
    expect(line.hub.size).toBe(0);
    expect(line.clock.openCount).toBe(0);
    expect(line.onEnd).toHaveBeenCalledTimes(1);
    line.end.abort();
    expect(line.onEnd).toHaveBeenCalledTimes(1);
  });

  test('of a request that is over already is empty', async () => {
    const clock = new CountingClock();
    const hub = new HeadHub({ clock, readHead: async () => 7, onFailure: () => undefined });
    const onEnd = vi.fn();
    const reader = liveStream({ hub, clock, signal: AbortSignal.abort(), onEnd }).getReader();
    await reader.read();
    expect((await reader.read()).done).toBe(true);
    expect(hub.size).toBe(0);
    expect(clock.openCount).toBe(0);
    expect(onEnd).toHaveBeenCalledTimes(1);
  });
});
