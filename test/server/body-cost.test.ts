import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { listen } from '../../src/server/hosts/http-listener.js';
import { createSyncServer, MemoryUnitLog } from '../../src/server/index.js';
import { UNITS_MEDIA_TYPE } from '../../src/sync/protocol/index.js';
import { REPLICA } from '../support/unit-wire.js';
import { fitsShape } from '../../src/server/json-shape.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const limits = { depthMax: 4, partsMax: 10 };

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

describe('what nobody wanted', () => {
  const headOf = (more: string): string =>
    `POST /v2/push HTTP/1.1\r\nHost: localhost\r\nDaybook-Protocol: 2\r\nDaybook-Replica: ${REPLICA}\r\nContent-Type: ${UNITS_MEDIA_TYPE}\r\n${more}\r\n`;

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
    const { fetch } = createSyncServer({ unitLog: new MemoryUnitLog(), tokens: ['good'], log: vi.fn() });
    const listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
    try {
      const { sent, heard } = await sendForEver(Number(new URL(listener.url).port), head);
      expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(sent).toBeLessThan(20_000_000);
    } finally {
      await listener.close(0);
    }
  });

  it('of which the handler has read a part, and then no more, ends as well', async () => {
    const fetch = async (request: Request): Promise<Response> => {
      await request.body?.getReader().read();
      return new Response('enough', { status: 413 });
    };
    const listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
    try {
      const head = headOf('Transfer-Encoding: chunked\r\n');
      const { sent, heard } = await sendForEver(Number(new URL(listener.url).port), head);
      expect(heard).toMatch(/^HTTP\/1.1 413 /);
      expect(sent).toBeLessThan(20_000_000);
    } finally {
      await listener.close(0);
    }
  });
});
