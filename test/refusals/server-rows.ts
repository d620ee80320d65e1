/** What servers, devices and configuration refuse. */
import {
  createEventSourcing,
  createMigration,
  folderArchive,
  parseCliOptions,
  readMigrations,
  startEmbeddedPostgres,
  startNodeHost,
} from '../../src/server/hosts/index.js';
import {
  createKeyHandler,
  createSyncServer,
  MemoryReplicaStore,
  MemoryUnitLog,
  PostgresTenants,
  PostgresUnitLog,
  ReplicaRegistry,
  SqliteUnitLog,
  TenantLogs,
  tenantSchema,
} from '../../src/server/index.js';
import { deleteDaybook, importDaybook, openDaybook } from '../../src/client/index.js';
import { serverHistory, startSync } from '../../src/sync/index.js';
import { pushPending } from '../../src/service-worker/index.js';
import { openStore } from '../../src/host/index.js';
import { SqlSubjectKeys } from '../../src/application/index.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { systemClock } from '../../src/util/clock.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { count, fn, given, ms, refuses, word } from './table.js';
import type { Row } from './table.js';

/** Of a store in a browser. */
const NAME = given('books', 5, '', 'x'.repeat(201), '\ud800');
const TABLE = given('books', 5, 'a\0b');
const URL_OF = given('https://sync.example', 5, '', 'localhost:8787');
const ID = newOriginatorId();
const lent = { name: 'a', replicaId: ID, recorder: {}, onRecorded: () => () => undefined };

export const SERVER_ROWS: readonly Row[] = [
  refuses(
    'openDaybook',
    [{ name: NAME, openTimeoutMs: ms(), durability: word('strict'), signal: given(undefined, 'text') }],
    (_world, options: never) => openDaybook(options),
    { onlyRefused: true },
  ),
  refuses(
    'importDaybook',
    [{ name: NAME, as: word('copy') }],
    (_world, options: never) => importDaybook({ from: new Blob([]), ...(options as { name: string }) }),
    { onlyRefused: true },
  ),
  refuses(
    'deleteDaybook',
    [NAME, { timeoutMs: ms() }],
    (_world, name: never, options: never) => deleteDaybook(name, options),
    { onlyRefused: true },
  ),
  refuses('openStore', [{ name: NAME, durability: word('strict') }], (_world, options: never) => openStore(options), {
    onlyRefused: true,
  }),
  refuses(
    'startSync',
    [
      {
        url: URL_OF,
        direction: word('both'),
        getToken: fn(),
        onRebased: fn(),
        tenant: given(undefined, 5, ''),
        app: given(undefined, 5),
      },
    ],
    (_world, options: never) => startSync({ store: lent as never, ...(options as { url: string }) }),
    { onlyRefused: true },
  ),
  refuses('serverHistory', [{ url: URL_OF, replicaId: given(ID, 5, '') }], (_world, options: never) =>
    serverHistory(options),
  ),
  refuses('pushPending', [{ name: NAME, url: URL_OF }], (_world, options: never) => pushPending(options), {
    onlyRefused: true,
  }),
  refuses(
    'createSyncServer',
    [
      {
        verifyTokenLimitMs: ms(),
        authorizeLimitMs: ms(),
        corsOrigins: given([], 5, ['nowhere']),
        logSubjects: word('hash'),
        news: given({ announce: () => undefined, listen: () => () => undefined }, 5, 'nats', null, {}, { announce: 1 }),
      },
    ],
    (_world, options: never) =>
      createSyncServer({ unitLog: new MemoryUnitLog(), verifyToken: () => false, ...(options as object) }),
  ),
  refuses('createKeyHandler', [{ authorize: fn() }], ({ sqlite }, options: never) =>
    createKeyHandler({ keys: new SqlSubjectKeys({ recorder: sqlite }), ...(options as { authorize: never }) }),
  ),
  refuses(
    'new SqliteUnitLog',
    [{ name: TABLE, onLost: word('stop') }],
    ({ sqlite }, options: never) => new SqliteUnitLog({ recorder: sqlite, ...(options as object) }),
  ),
  refuses(
    'MemoryUnitLog.sentAfter',
    [given('0', 5, null, 'x'.repeat(300)), { eventsMax: count(), bytesMax: count() }],
    (_world, cursor: string, limits: never) => new MemoryUnitLog().sentAfter(cursor, limits),
  ),
  refuses('new MemoryUnitLog', [{ onLost: word('stop') }], (_world, options: never) => new MemoryUnitLog(options)),
  refuses(
    'new PostgresUnitLog',
    [{ name: TABLE, schema: TABLE, onLost: word('stop') }],
    ({ pool }, options: never) =>
      new PostgresUnitLog({ recorder: new PostgresProcessRecorder({ pool }), ...(options as object) }),
  ),
  refuses(
    'new ReplicaRegistry',
    [{ replicasPerSubjectMax: count() }],
    (_world, options: never) => new ReplicaRegistry({ store: new MemoryReplicaStore(), ...(options as object) }),
  ),
  refuses('ReplicaRegistry.list', [{ limit: count() }], (_world, selection: never) =>
    new ReplicaRegistry({ store: new MemoryReplicaStore() }).list(selection),
  ),
  refuses(
    'new TenantLogs',
    [{ open: fn(), openMax: count(), idleMs: ms(), onFailure: fn() }],
    (_world, options: never) =>
      new TenantLogs({ clock: systemClock, ...(options as { open: never; onFailure: never }) }),
  ),
  refuses(
    'new PostgresTenants',
    [{ place: fn(), serverConnectionsMax: count(), databaseConnectionsMax: count(), openMax: count(), idleMs: ms() }],
    (_world, options: never) => new PostgresTenants(options),
    { onlyRefused: true },
  ),
  refuses('tenantSchema', [given('shop', 5, null, 'a\0b')], (_world, tenant: never) => tenantSchema(tenant)),
  refuses(
    'parseCliOptions',
    [given([], ['--nothing'], ['--port', 'x'])],
    (_world, args: never) => parseCliOptions(args, {}, () => ''),
    { codes: ['PROGRAMMING_ERROR', 'USAGE_ERROR', 'CLI_USAGE'], onlyRefused: true },
  ),
  refuses(
    'createEventSourcing',
    [{ enabled: given(true), store: given(undefined, { provider: 'nowhere' }) }],
    (_world, config: never) => createEventSourcing(config),
    { codes: ['CONFIGURATION_ERROR', 'ENVIRONMENT_ERROR', 'PROGRAMMING_ERROR'] },
  ),
  refuses(
    'createMigration',
    [given('name', '', 'a b', 5)],
    (_world, name: never) => createMigration('/nowhere/at/all', name),
    { onlyRefused: true },
  ),
  refuses('readMigrations', [given('', '/nowhere/at/all')], (_world, folder: never) => readMigrations(folder), {
    onlyRefused: true,
  }),
  refuses('folderArchive', [given('/tmp/archives', 5, '')], (_world, path: never) => folderArchive(path)),
  refuses(
    'startEmbeddedPostgres',
    [{ port: given(5_433, -1, 'x', 70_000) }],
    (_world, options: never) => startEmbeddedPostgres({ databaseDir: '/nowhere/at/all', ...(options as object) }),
    { onlyRefused: true },
  ),
  refuses(
    'startNodeHost',
    [{ port: given(0, -1, 'x', 70_000) }],
    (_world, options: never) =>
      startNodeHost({
        allowAnonymous: true,
        databaseUrl: 'postgres://nobody@127.0.0.1:1/nowhere',
        ...(options as object),
      }),
    { onlyRefused: true },
  ),
];
