/** Connections that nobody uses for a while: they stay for longer than whoever reuses them counts on. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { listen } from '../../../src/server/hosts/http-listener.js';
import type { HttpListener } from '../../../src/server/hosts/http-listener.js';

// What proxies keep a connection for that they reuse, as a rule, in seconds.
const PROXY_SECONDS = 60;
// Node's own time, and what it adds to it: after that it would have closed the connection.
const NODES_OWN_MS = 6_500;

let listener: HttpListener | undefined;
afterEach(async () => await listener?.close(0));

async function open(): Promise<Socket> {
  listener = await listen({ fetch: () => new Response('here'), hostname: '127.0.0.1', port: 0 });
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1').setEncoding('utf8');
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  let answer = '';
  while (!answer.includes('here')) {
    // A closed connection says nothing more.
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [string | boolean];
    if (typeof chunk !== 'string') throw new Error('The connection was closed.');
    answer += chunk;
  }
  return answer;
}

it('says how long a connection is kept, which is longer than proxies keep theirs', async () => {
  const socket = await open();
  const seconds = Number(/keep-alive: timeout=(\d+)/i.exec(await ask(socket))?.[1]);
  expect(seconds).toBeGreaterThan(PROXY_SECONDS);
  socket.destroy();
});

it('answers on a connection that was idle for longer than Node keeps one by itself', async () => {
  const socket = await open();
  await ask(socket);
  await new Promise((resolve) => setTimeout(resolve, NODES_OWN_MS));
  expect(await ask(socket)).toContain('200 OK');
  socket.destroy();
});

it('holds up no end: what is idle is closed with the server', async () => {
  const socket = await open();
  await ask(socket);
  const closed = once(socket, 'close');
  expect(await listener?.close(10_000)).toBe(true);
  await closed;
});
