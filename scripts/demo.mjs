// Runs the demo on a fresh clone: installs and builds what is missing, then starts page, server and PostgreSQL.
// With `-- --edge` the server is in Cloudflare's runtime, in place of Node and PostgreSQL. PORT and DATABASE_URL are passed on. Ctrl+C ends it in good order.
import { join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, run, runOrFail } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  await runOrFail(process.execPath, ['scripts/build.mjs', '--no-types']);
  await runOrFail(join(BIN, 'vite'), ['build', '--logLevel', 'warn']);
  const { code } = await run(process.execPath, ['demo/server/start-demo.ts', ...process.argv.slice(2)]);
  return code;
});
