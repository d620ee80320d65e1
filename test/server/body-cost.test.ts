import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { listen } from '../../src/server/hosts/http-listener.js';
import { createSyncServer } from '../../src/server/index.js';
import type { SyncServer } from '../../src/server/index.js';
import { fitsShape } from '../../src/server/json-shape.js';
import { PUSH_BODY_BYTES_MAX, PUSH_EVENTS_MAX } from '../../src/sync/protocol/index.js';
import { postPush } from '../support/push-client.js';
import { makeEvents, makePush } from '../support/stored-events.js';

const serve = (recorder = new MemoryProcessRecorder()): SyncServer =>
  createSyncServer({ recorder, allowAnonymous: true, log: vi.fn() });
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const limits = { depthMax: 4, partsMax: 10 };

afterEach(() => vi.restoreAllMocks());

describe('the shape of JSON', () => {
  it.each<[string, boolean]>([
    ['[[[[]]]]', true],
    ['[[[[[]]]]]', false],
    ['{"a":{"b":{"c":{"d":1}}}}', true],
    ['{"a":{"b":{"c":{"d":{}}}}}', false],
    ['[1,2,3,4,5,6,7,8,9,10]', true],
    ['[1,2,3,4,5,6,7,8,9,10,11]', false],
    ['[{},{},{},{},{}]', true],
    ['[{},{},{},{},{},{}]', false],
    // What stands in texts is no structure.
    ['["[[[[[[[[,,,,,,,,,,,,"]', true],
    ['["\\"[[[[[[[[[[[[["]', true],
    ['["\\\\",[[[[]]]]]', false],
    ['["\\\\\\"[[[[[[["]', true],
    ['"[[[[[[[[', true],
    ['[]][[[[[[', false],
    ['', true],
  ])('%s', (text, fits) => {
    expect(fitsShape(utf8(text), limits)).toBe(fits);
  });

  it('is looked at once for each byte, also in texts of escapes', () => {
    const timeOf = (text: string): number => {
      const bytes = utf8(text);
      const before = performance.now();
      fitsShape(bytes, limits);
      return performance.now() - before;
    };
    const quotes = '"\\\\" '.repeat(200_000);
    timeOf(quotes);
    expect(timeOf(`"${'\\'.repeat(1_000_000)}"`)).toBeLessThan(50 * timeOf(`"${'a'.repeat(1_000_000)}"`) + 100);
    expect(timeOf('\\"'.repeat(500_000))).toBeLessThan(50 * timeOf(quotes) + 100);
  });
});

describe('what is sent costs in proportion', () => {
  it.each<[string, string]>([
    ['brackets', '['.repeat(PUSH_BODY_BYTES_MAX)],
    ['brackets that are closed', `${'['.repeat(500_000)}${']'.repeat(500_000)}`],
    ['objects in objects', '{"a":'.repeat(200_000)],
    ['many empty objects', `{"events":[${'{},'.repeat(300_000)}{}]}`],
    ['many numbers', `{"events":[${'1,'.repeat(500_000)}1]}`],
    ['many names', `{${Array.from({ length: 80_000 }, (_, index) => `"k${index}":0`).join(',')}}`],
  ])('%s are refused before they are parsed', async (_case, body) => {
    const parse = vi.spyOn(JSON, 'parse');
    const answer = await serve().fetch(
      new Request('http://server.test/v1/push', {
        method: 'POST',
        body,
        headers: { 'daybook-protocol': '1', 'content-type': 'application/json' },
      }),
    );
    expect([answer.status, parse.mock.calls.length]).toEqual([400, 0]);
  });

  it('and the largest push that anybody has is within the limits, with fields that come later', async () => {
    const push = makePush(makeEvents(PUSH_EVENTS_MAX));
    const newer = { tags: ['a', 'b', 'c'], context: { deeper: { still: [{ more: [1, 2, 3] }] } } };
    const body = { ...push, newer, events: push.events.map((event) => ({ ...event, ...newer })) };
    expect((await postPush(serve().fetch, body)).status).toBe(200);
  });

  it('a body in single bytes takes no more memory than in one piece', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const used = (): number => {
      gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const bytes = utf8(JSON.stringify(makePush(makeEvents(1))).padEnd(200_000));
    let [at, before, after] = [0, 0, 0];
    const body = new ReadableStream({
      pull(controller): void {
        if (at === 0) before = used();
        if (at === bytes.length) {
          after = used();
          controller.close();
          return;
        }
        controller.enqueue(bytes.slice(at, ++at));
      },
    });
    expect((await postPush(serve().fetch, body)).status).toBe(200);
    expect(after - before).toBeLessThan(5 * bytes.length + 2_000_000);
  });

  it('events that are recorded are read one by one, up to the first that differs', async () => {
    const recorder = new MemoryProcessRecorder();
    const { fetch } = serve(recorder);
    const replicaId = crypto.randomUUID();
    const large = makeEvents(30).map((event) => ({ ...event, state: new Uint8Array(20_000) }));
    await postPush(fetch, makePush(large, { replicaId }));
    const read = vi.spyOn(recorder, 'selectEvents');
    const small = large.map((event) => ({ ...event, state: new Uint8Array(1) }));
    expect((await postPush(fetch, makePush(small, { replicaId }))).body.error?.code).toBe('REPLICA_DIVERGED');
    expect(await Promise.all(read.mock.results.map(({ value }) => value as Promise<unknown[]>))).toEqual([[large[0]]]);
  });
});

describe('what nobody wanted', () => {
  const headOf = (more: string): string =>
    `POST /v1/push HTTP/1.1\r\nHost: localhost\r\nDaybook-Protocol: 1\r\nContent-Type: application/json\r\n${more}\r\n`;

  /** Sends chunks for as long as the other side takes them. */
  async function sendForEver(port: number, head: string): Promise<{ readonly sent: number; readonly heard: string }> {
    const socket: Socket = connect(port, '127.0.0.1');
    const chunk = Buffer.alloc(65_536, 'x');
    const framed = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
    let heard = '';
    socket.on('data', (data: Buffer) => (heard += data.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(head);
    let open = true;
    void closed.then(() => (open = false));
    const pump = (): void => {
      while (open && socket.writable && socket.bytesWritten < 200_000_000 && socket.write(framed));
    };
    socket.on('drain', pump);
    pump();
    await closed;
    return { sent: socket.bytesWritten, heard };
  }

  it.each([
    ['a token that is not good', 401, headOf('Transfer-Encoding: chunked\r\n')],
    ['a length beyond the limit', 413, headOf('Content-Length: 9000000000\r\nAuthorization: Bearer good\r\n')],
    ['chunks beyond the limit', 413, headOf('Transfer-Encoding: chunked\r\nAuthorization: Bearer good\r\n')],
  ])('is read for a little after the answer, and no further: %s', async (_case, status, head) => {
    const recorder = new MemoryProcessRecorder();
    const { fetch } = createSyncServer({ recorder, tokens: ['good'], log: vi.fn() });
    const listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
    try {
      const { sent, heard } = await sendForEver(Number(new URL(listener.url).port), head);
      expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(sent).toBeLessThan(20_000_000);
    } finally {
      await listener.close(0);
    }
  });
});
