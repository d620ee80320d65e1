import { expect, test } from '@playwright/test';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rolldown } from 'rolldown';
import { listen } from '../../src/server/hosts/http-listener.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type * as Transport from '../../src/sync/exchange/http-transport.js';
import type * as Clocks from '../../src/util/clock.js';

type Library = typeof Transport & typeof Clocks;

/** What a page of another origin loads. */
async function libraryText(): Promise<string> {
  const input = new URL('two-origins-entry.ts', import.meta.url).pathname;
  const files = ['src/sync/exchange/http-transport.ts', 'src/util/clock.ts'];
  const text = files.map(
    (file) => `export * from ${JSON.stringify(new URL(`../../${file}`, import.meta.url).pathname)};`,
  );
  const build = await rolldown({
    input,
    platform: 'browser',
    plugins: [
      {
        name: 'from-memory',
        resolveId: (id: string) => (id === input ? id : undefined),
        load: (id: string) => (id === input ? text.join('\n') : undefined),
      },
    ],
  });
  const { output } = await build.generate({ format: 'esm' });
  await build.close();
  return output[0].code;
}

test('a page of another origin sends and fetches compressed, and asks for leave once for each address', async ({
  page,
  browserName,
}) => {
  const script = await libraryText();
  const site = createServer((request, response) => {
    if (request.url === '/library.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(
        '<script type="module">import * as library from "/library.js"; globalThis.library = library;</script>',
      );
    }
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const { fetch } = createSyncServer({ unitLog: new MemoryUnitLog(), tokens: ['good'], corsOrigins: [origin] });
  const seen: string[] = [];
  const listener = await listen({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const answer = await fetch(request);
      const encodings = [request.headers.get('content-encoding'), answer.headers.get('content-encoding')];
      seen.push([request.method, new URL(request.url).pathname, ...encodings].join(' '));
      return answer;
    },
  });
  try {
    await page.goto(origin);
    await page.waitForFunction(() => 'library' in globalThis);
    const read = await page.evaluate(async (url) => {
      const { HttpTransport, systemClock } = (globalThis as unknown as { library: Library }).library;
      const getToken = (): string => 'good';
      const bound = globalThis.fetch.bind(globalThis);
      const replicaId = crypto.randomUUID();
      const transport = new HttpTransport({ url, replicaId, fetch: bound, clock: systemClock, getToken });
      const { signal } = new AbortController();
      const units = Array.from({ length: 60 }, (_, index) => {
        const state = new TextEncoder().encode(JSON.stringify({ quantity: Math.random(), note: 'in the back room' }));
        const event = { originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'Counted', state };
        return {
          id: crypto.randomUUID(),
          isCommutative: false,
          scopes: [],
          firstNotificationId: index + 1,
          after: [undefined],
          events: [event],
        };
      });
      for (let at = 0; at < units.length; at += 15) await transport.push(units.slice(at, at + 15), signal);
      const ids: string[] = [];
      let cursor = '0';
      for (let page = 0; page < 4; page++) {
        const { to, units: confirmed } = await transport.page(cursor, { eventsMax: 15, bytesMax: 1_000_000 }, signal);
        ids.push(...confirmed.map(({ id }) => id));
        cursor = to;
      }
      return { isSame: JSON.stringify(ids) === JSON.stringify(units.map(({ id }) => id)), limits: transport.limits };
    }, listener.url);
    expect(read).toMatchObject({ isSame: true, limits: { events: 500, unitEvents: 10_000 } });
    const times = (line: string): number => seen.filter((one) => one === line).length;
    expect([times('POST /v2/push gzip '), times('POST /v2/units  gzip')]).toEqual([4, 4]);
    // How long leave lasts is the browser's to say: Firefox, driven by a test, asks again now and then.
    const asked = ['/v2/push', '/v2/units'].map((path) => times(`OPTIONS ${path}  `));
    if (browserName === 'chromium') expect(asked).toEqual([1, 1]);
  } finally {
    await listener.close(0);
    site.close();
  }
});
