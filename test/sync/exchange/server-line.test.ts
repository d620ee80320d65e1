/** Which line a device asks for, where a server states WebSockets that cannot be had, or states none. */
import { afterEach, expect, test, vi } from 'vitest';
import { listen } from '../../../src/server/hosts/http-listener.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import { ServerLine } from '../../../src/sync/exchange/server-line.js';
import { systemClock } from '../../../src/util/clock.js';
import { REPLICA } from '../../support/unit-wire.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A host that takes no WebSockets, whatever it states; and what it is asked. */
async function openLine(sockets: boolean): Promise<{ readonly line: ServerLine; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createSyncServer({ unitLog: new MemoryUnitLog(), allowAnonymous: true, sockets });
  const fetch = async (request: Request): Promise<Response> => {
    asked.push(request.headers.get('upgrade') ?? request.headers.get('accept') ?? '');
    return await server.fetch(request);
  };
  const listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
  closing.push(() => listener.close(0));
  const transport = new HttpTransport({
    ...{ url: listener.url, replicaId: REPLICA, fetch: globalThis.fetch, clock: systemClock },
  });
  return { line: new ServerLine(transport, systemClock), asked };
}

/** Opens a line, and lets go of it. */
async function opened(line: ServerLine): Promise<unknown> {
  const end = new AbortController();
  try {
    const stream = await line.open(end.signal);
    const { value } = await stream.getReader().read();
    return new TextDecoder().decode(value).startsWith(': keep\n\n') ? 'stream' : 'something else';
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    end.abort();
  }
}

test('a WebSocket that is stated and cannot be had is a stream the next time, and asked for again after that', async () => {
  const sockets = vi.spyOn(globalThis, 'WebSocket');
  const { line } = await openLine(true);
  expect([await opened(line), sockets.mock.calls.length]).toEqual(['UNAVAILABLE', 1]);
  expect([await opened(line), sockets.mock.calls.length]).toEqual(['stream', 1]);
  expect([await opened(line), sockets.mock.calls.length]).toEqual(['UNAVAILABLE', 2]);
  sockets.mockRestore();
});

test('where none is stated, none is asked for', async () => {
  const sockets = vi.spyOn(globalThis, 'WebSocket');
  const { line, asked } = await openLine(false);
  expect([await opened(line), await opened(line)]).toEqual(['stream', 'stream']);
  expect(sockets).not.toHaveBeenCalled();
  expect(asked).toEqual(['text/event-stream', 'text/event-stream']);
  sockets.mockRestore();
});
