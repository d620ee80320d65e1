import { describe, expect, test, vi } from 'vitest';
import { HeadHub } from '../../../src/server/live/head-hub.js';
import { LIVE_KEEPALIVE_MS, liveStream } from '../../../src/server/live/live-stream.js';
import { CountingClock } from '../../support/counting-clock.js';

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
