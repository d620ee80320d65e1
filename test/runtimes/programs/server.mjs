// A sync server of the built package, until its standard input ends. The first argument is how requests come: `host`, by
// startNodeHost, or `fetch`, by what the runtime has for that. Then the address of a PostgreSQL, a name, and tokens.
import { once } from 'node:events';

const [how, databaseUrl, applicationName, ...tokens] = process.argv.slice(2);
const who = { tokens: tokens.map((token) => ({ token, subject: token })) };

async function startHost() {
  const { startNodeHost } = await import('daybook/node');
  const host = await startNodeHost({ port: 0, databaseUrl, applicationName, log: () => undefined, ...who });
  return { url: host.url, close: () => host.close() };
}

async function startFetch() {
  const { createPgPool, PostgresProcessRecorder } = await import('daybook/postgres');
  const { createSyncServer, PostgresUnitLog } = await import('daybook/server');
  const pool = await createPgPool({ connectionString: databaseUrl });
  const recorder = new PostgresProcessRecorder({ pool, applicationName });
  await recorder.createTable();
  const unitLog = new PostgresUnitLog({ recorder, name: applicationName });
  await unitLog.createTables();
  const closing = new AbortController();
  const listen = (_tenant, onNews) => recorder.listen(onNews);
  const { fetch } = createSyncServer({ unitLog, listen, closing: closing.signal, ...who });
  const { url, stop } = serveBy(fetch);
  return {
    url,
    async close() {
      closing.abort();
      await stop();
      await pool.end();
    },
  };
}

function serveBy(fetch) {
  const { Deno, Bun } = globalThis;
  if (Deno !== undefined) {
    const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: () => undefined }, (request) =>
      fetch(request),
    );
    return { url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
  }
  // Streams of news rest for twenty seconds.
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 60, fetch: (request) => fetch(request) });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop() };
}

const server = how === 'host' ? await startHost() : await startFetch();
console.log(JSON.stringify({ url: server.url }));
process.stdin.resume();
await once(process.stdin, 'end');
await server.close();
process.exit(0);
