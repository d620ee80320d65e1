// Builds dist/. Not Vite's library mode: that rewrites `new URL('./worker.js', import.meta.url)`, which every bundler of
// an application looks for.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Entry points by the name that they have in dist/. They share chunks. */
const entries = {
  index: at('src/index.ts'),
  core: at('src/core.ts'),
  application: at('src/application/index.ts'),
  publishing: at('src/publishing/index.ts'),
  nats: at('src/publishing/nats/index.ts'),
  host: at('src/host/index.ts'),
  sync: at('src/sync/index.ts'),
  'service-worker': at('src/service-worker/index.ts'),
  sqlite: at('src/persistence/sqlite/index.ts'),
  'node-sqlite': at('src/persistence/sqlite/node-sqlite.ts'),
  session: at('src/session/index.ts'),
  transfer: at('src/transfer/index.ts'),
  archive: at('src/archive/index.ts'),
  live: at('src/live/index.ts'),
  hooks: at('src/hooks/contract/index.ts'),
  react: at('src/hooks/react/index.ts'),
  preact: at('src/hooks/preact/index.ts'),
  vue: at('src/hooks/vue/index.ts'),
  svelte: at('src/hooks/svelte/index.ts'),
  solid: at('src/hooks/solid/index.ts'),
  angular: at('src/hooks/angular/index.ts'),
  states: at('src/states/index.ts'),
  operations: at('src/operations/index.ts'),
  migrations: at('src/migrations/index.ts'),
  postgres: at('src/persistence/postgres/index.ts'),
  'durable-object': at('src/durable-object/index.ts'),
  d1: at('src/d1/index.ts'),
  hub: at('src/hub/index.ts'),
  mongodb: at('src/mongodb/index.ts'),
  server: at('src/server/index.ts'),
  node: at('src/server/hosts/index.ts'),
  cli: at('src/server/hosts/cli.ts'),
  testing: at('src/testing/index.ts'),
  daybook: at('src/cli/daybook.ts'),
};

// sql.js ends with a UMD epilogue. webpack takes `typeof module` in an ES module for a constant and drops the
// assignment, so it becomes a plain export here. An epilogue that looks otherwise stops the build: see what changed.
const EPILOGUE = /if\s*\(typeof exports === ["']object["']\s*&&\s*typeof module === ["']object["']\)/;
const sqlJsAsEsm = {
  name: 'sqljs-as-esm',
  transform: {
    filter: { id: /sql\.js[/\\]dist[/\\]sql-wasm-browser\.js$/ },
    handler(code) {
      const start = code.search(EPILOGUE);
      if (start < 0) throw new Error('sql.js: its UMD epilogue was not found; compare the pinned version');
      const body = code.slice(0, start).replace(/\bmodule\s*=\s*undefined;/, '');
      return { code: `${body}\nexport default initSqlJs;\n`, map: null };
    },
  },
};

const wasmBesideWorker = {
  name: 'wasm-beside-worker',
  writeBundle({ dir }) {
    mkdirSync(dir, { recursive: true });
    // Written, not copied: the original is marked as executable.
    writeFileSync(`${dir}/sql-wasm.wasm`, readFileSync(at('node_modules/sql.js/dist/sql-wasm-browser.wasm')));
  },
};

// The minifier writes texts with backticks, and not every bundler takes such a text for the literal that it looks for.
// The replacement is as long as the original, so the source map stays right.
const literalsInQuotes = {
  name: 'literals-in-quotes',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk')
        chunk.code = chunk.code.replace(/\(`(\.\/(?:sql-wasm\.wasm|rescue-part\.js))`,/g, '("$1",');
    }
  },
};

// What is in the workers, and in what makes an application's own: nobody has it twice, and nobody has to install it. And
// what only the server is made of, so that the application of a browser does not install it.
const BUNDLED = /^(idb|sql\.js\/dist\/|@?hono\/|hono$|jose$)/;

/** Everything but the workers. What it imports by name stays an import: the application's bundler dedupes it. */
export const libraryBuild = {
  input: entries,
  platform: 'neutral',
  resolve: { mainFields: ['module', 'main'] },
  plugins: [sqlJsAsEsm],
  external: (id) => /^[^./]/.test(id) && !BUNDLED.test(id),
  output: { dir: at('dist'), format: 'esm', sourcemap: true, chunkFileNames: 'shared-[hash].js' },
};

/** A worker: one file without imports, because it is loaded by address and no bundler needs to see it. */
const workerOf = (input) => ({
  input,
  // Chooses the build of sql.js that does not ask for Node's modules.
  platform: 'browser',
  plugins: [sqlJsAsEsm, wasmBesideWorker, literalsInQuotes],
  output: { dir: at('dist'), format: 'esm', sourcemap: true, minify: true, codeSplitting: false },
});

/** The worker that has a store open. */
export const workerBuild = workerOf({ worker: at('worker/daybook-worker.ts') });

/** The worker for exports, imports and deletions: not loaded before one of them is asked for. */
export const backupWorkerBuild = workerOf({ 'backup-worker': at('worker/backup-worker.ts') });

/** What a worker loads when its store is synchronised. */
export const rescuePartBuild = {
  input: { 'rescue-part': at('worker/rescue-part.ts') },
  platform: 'browser',
  output: { dir: at('dist'), format: 'esm', sourcemap: true, minify: true, codeSplitting: false },
};

const config = defineConfig([libraryBuild, workerBuild, backupWorkerBuild, rescuePartBuild]);
export default config;
