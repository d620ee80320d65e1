// Prints what an application makes its users download, gzipped, and fails above the budgets. `--json FILE` writes it too.
import { writeFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { DIST, ROOT, runOrFail } from './lib/project.mjs';

const KB = 1_000;
// The page waits for the main thread's part before it can show anything; the worker loads beside it.
// Two tenths are for signals that every call of a recorder takes: they cannot cross to the worker, so they are heeded here.
// Two more are for what was written in the store, by whatever tab: caches are old by that, and live queries add the less.
// 0.1 are to say with an error of ours what is no list, no function or no event.
const MAIN_BUDGET_BYTES = 13 * KB;
// Without sql.js, whose size is not ours. Of what came since ADR 17, which says that it is to be looked at again: views in the
// commit of a page, history that leaves, what is set aside and tried again, what is decided on which past: 5 together. Units, pages and healing are 7 kB of it: what a page changes is decided where the
// tables are, inside the commit. Commands that are kept, and decisions in the commit of a page, are 2.7. One is to find, load
// and replay what the rescue part brings back (ADR 18), and one to move what commutes behind what others were first with.
// Half of one is to count what is pending against a limit, inside the commit as well: for a tab that is overtaken nobody else
// could. And 1.8 are for scopes that change: what a page does not show is known where the units are, and leaves in its commit.
// To have what was deleted leave the storage, for who was forgotten, is 0.4 of it, and 0.3 in the two below, which make
// images or share the file with who does.
// 0.6 are for live queries: what a commit has written is told where it is applied, and several reads are one crossing.
// 1.6 are for parts of a bootstrap: what of one is taken is decided where the tables are, and leaves or gives way in its commit.
// 0.2 are for counts of what is pending, by triggers: with 50,000 units that wait, each commit took 13 ms to count them.
// 0.1 are for what was decided again and leaves with other history: nobody is to be told that it was withdrawn.
// 0.1 are for images without the pages that are free when history has left, here and in the two below, which share the file.
// 0.1 are to know what came back after a loss and has left since, or it would come back once more; in the service worker, too.
// 0.1 are to take a text that is asked again apart once; in the two below, too.
// 0.1 are to tell of a page before the replica takes it in: a third of a millisecond sooner in another browser.
// 0.1 are to say with an error of ours what is no list, no function or no event.
const WORKER_BUDGET_BYTES = 56.2 * KB;
// Beside the main thread's, where an application has live queries.
const LIVE_BUDGET_BYTES = 4 * KB;
// Loaded only for an export, an import or a deletion, which move or read a whole store anyway.
// 0.1 are to say with an error of ours what is no list, no function or no event.
const BACKUP_WORKER_BUDGET_BYTES = 50.8 * KB;
// Loaded by stores that synchronise, and after a loss.
const RESCUE_PART_BUDGET_BYTES = 9.5 * KB;
// A part of the application's service worker: what reads a store, and what sends. What replays a journal knows of scopes, too.
// Two tenths more: how much is pending is kept by triggers, and what no page brings any more is set aside.
// A tenth is not to read twice what is pending, nor to look at the store where nothing has changed.
// A tenth: what exchanges pages begins with the log, where a bootstrap has begun and there are views in line since.
// 0.1 are to say with an error of ours what is no list, no function or no event.
const SERVICE_WORKER_BUDGET_BYTES = 51.2 * KB;
const ADAPTERS = ['react', 'preact', 'vue', 'svelte', 'solid', 'angular'];
const ADAPTER_BUDGET_BYTES = 3 * KB;

await mainOnOwnNode(import.meta.url, async () => {
  if (!existsSync(join(DIST, 'worker.js'))) await runOrFail(process.execPath, ['scripts/build.mjs', '--no-types']);
  const rows = await measureAll();
  printTable(rows);
  const at = process.argv.indexOf('--json');
  if (at > 0) writeFileSync(process.argv[at + 1], `${JSON.stringify(rows, null, 2)}\n`);
  const tooLarge = rows.filter(({ gzipBytes, budgetBytes }) => budgetBytes !== undefined && gzipBytes > budgetBytes);
  for (const { name } of tooLarge) console.error(`error: above its budget: ${name}`);
  return tooLarge.length > 0 ? 1 : 0;
});

async function measureAll() {
  const { workerBuild, backupWorkerBuild, rescuePartBuild } = await import('../rolldown.config.mjs');
  // From its sources, because sql.js is bundled into what is published.
  const serviceWorkerBuild = { input: join(ROOT, 'src/service-worker/index.ts'), platform: 'browser' };
  const openOnly = "export { openDaybook } from './dist/index.js';";
  const withApplication = `${openOnly} export { Application, defineDecider, event, command } from './dist/application.js';`;
  const withSync = `${openOnly} export { startSync } from './dist/sync.js';`;
  const withLive = `${openOnly} export { LiveQueries } from './dist/live.js';`;
  const open = measure('main thread: { openDaybook }', await bundleText(openOnly), MAIN_BUDGET_BYTES);
  return [
    open,
    above(open, measure('what { LiveQueries } adds to it', await bundleText(withLive), LIVE_BUDGET_BYTES)),
    ...(await Promise.all(ADAPTERS.map(measureAdapter))),
    measure('main thread: { openDaybook, Application, defineDecider }', await bundleText(withApplication)),
    measure('main thread: { openDaybook, startSync }', await bundleText(withSync)),
    measure('worker, without sql.js', await bundle({ ...workerBuild, external: [/^sql\.js/] }), WORKER_BUDGET_BYTES),
    measure(
      'backup worker, without sql.js',
      await bundle({ ...backupWorkerBuild, external: [/^sql\.js/] }),
      BACKUP_WORKER_BUDGET_BYTES,
    ),
    measure('rescue part', await bundle(rescuePartBuild), RESCUE_PART_BUDGET_BYTES),
    measure(
      'service worker: { pushPending }, without sql.js',
      await bundle({ ...serviceWorkerBuild, external: [/^sql\.js/] }),
      SERVICE_WORKER_BUDGET_BYTES,
    ),
    measure(
      'Durable Object: { openObjectRecorder, Application, defineDecider }',
      await bundleText(
        "export { openObjectRecorder } from './dist/durable-object.js'; export { Application, defineDecider } from './dist/application.js';",
      ),
    ),
    measure(
      'D1: { D1ProcessRecorder, Application, defineDecider }',
      await bundleText(
        "export { D1ProcessRecorder } from './dist/d1.js'; export { Application, defineDecider } from './dist/application.js';",
      ),
    ),
    measure('hub: { openSyncHub }', await bundleText("export { openSyncHub } from './dist/hub.js';")),
    measure('worker', readFileSync(join(DIST, 'worker.js'))),
    measure('backup worker', readFileSync(join(DIST, 'backup-worker.js'))),
    measure('sql-wasm.wasm', readFileSync(join(DIST, 'sql-wasm.wasm'))),
  ];
}

/** What an adapter and the client under it add to live queries, without which there is neither; the framework is the application's. */
async function measureAdapter(name) {
  const without = "export { openDaybook } from './dist/index.js'; export { LiveQueries } from './dist/live.js';";
  const text = `${without} export { createClient, daybookHooks } from './dist/${name}.js';`;
  const there = measure('', await bundleText(without));
  return above(there, measure(`what daybook/${name} adds to both`, await bundleText(text, true), ADAPTER_BUDGET_BYTES));
}

function measure(name, content, budgetBytes) {
  const bytes = Buffer.byteLength(content);
  return { name, bytes, gzipBytes: gzipSync(content, { level: 9 }).length, budgetBytes };
}

/** What something adds to what is there. */
function above(there, { name, bytes, gzipBytes, budgetBytes }) {
  return { name, bytes: bytes - there.bytes, gzipBytes: gzipBytes - there.gzipBytes, budgetBytes };
}

/** Bundles a module's text as an application would: with all that it imports, minified. */
function bundleText(text, hasFramework = false) {
  const entry = join(ROOT, 'size-entry.js');
  const fromMemory = {
    name: 'from-memory',
    resolveId: (id) => (id === entry ? id : undefined),
    load: (id) => (id === entry ? text : undefined),
  };
  const external = hasFramework ? ADAPTERS.map((name) => new RegExp(`^(@?${name}|solid-js)(/|$)`)) : [];
  return bundle({ input: entry, platform: 'browser', plugins: [fromMemory], external });
}

async function bundle(options) {
  const { rolldown } = await import('rolldown');
  const build = await rolldown(options);
  try {
    const { output } = await build.generate({ format: 'esm', minify: true, codeSplitting: false });
    return output[0].code;
  } finally {
    await build.close();
  }
}

function printTable(rows) {
  const kilobytes = (bytes) => `${(bytes / KB).toFixed(1)} kB`;
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, bytes, gzipBytes, budgetBytes } of rows) {
    const budget = budgetBytes === undefined ? '' : `   budget ${kilobytes(budgetBytes)}`;
    console.log(
      `${name.padEnd(width)}  ${kilobytes(gzipBytes).padStart(9)} gzipped  ${kilobytes(bytes).padStart(9)}${budget}`,
    );
  }
}
