/** What is refused by what moves, observes and migrates stores, and by publishers and sessions. */
import {
  archivedHistory,
  archiveEvents,
  planArchive,
  positionBefore,
  restoreArchive,
} from '../../src/archive/index.js';
import { createClient } from '../../src/hooks/contract/index.js';
import { LiveQueries } from '../../src/live/index.js';
import { Migrator, schemaSql } from '../../src/migrations/index.js';
import { diagnose, observeDatabase, observePool, storeStats } from '../../src/operations/index.js';
import {
  clientPerUse,
  createPayloadView,
  createPgPool,
  createPostgresSchema,
} from '../../src/persistence/postgres/index.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite.js';
import { openSqlJs } from '../../src/persistence/sqlite/index.js';
import {
  BroadcastPublisher,
  cloudEvents,
  decodeHeaderValue,
  verifyWebhook,
  webhookHeaders,
  WebhookPublisher,
} from '../../src/publishing/index.js';
import { exportEvents, findResumePoint, hashEvents, importEvents } from '../../src/transfer/index.js';
import { count, fn, given, integer, ms, refuses, signal, whole, word } from './table.js';
import type { Row } from './table.js';
import type { World } from './world.js';

const TABLE = given('books', 5, '', 'a\0b');
const PROGRESS = { signal: signal(), onProgress: fn(() => undefined) };
const MIGRATION = { version: 1, name: 'first', up: 'CREATE TABLE a (b TEXT)' };
const MIGRATIONS = given(
  [MIGRATION],
  5,
  'text',
  [{ ...MIGRATION, version: 0 }],
  [{ ...MIGRATION, name: 'a b' }],
  [{ ...MIGRATION, up: 5 }],
  [MIGRATION, MIGRATION],
);
const migrator = ({ sqlite }: World): Migrator => new Migrator({ recorder: sqlite, migrations: [] });
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OBSERVED = { onSlowQuery: fn(() => undefined), slowQueryMs: ms() };

async function drained(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _part of stream);
}

export const OPERATION_ROWS: readonly Row[] = [
  refuses(
    'exportEvents',
    [{ after: whole(0), upTo: whole(5), columns: word('refuse'), ...PROGRESS }],
    ({ memory }, options: never) => drained(exportEvents(memory, options)),
  ),
  refuses(
    'importEvents',
    [given(new Blob([]), new Blob(['{']), new Blob(['5\n']))],
    ({ memory }, file: never) => importEvents(memory, file),
    {
      codes: ['EVENTS_FILE', 'PROGRAMMING_ERROR'],
      onlyRefused: true,
    },
  ),
  refuses('findResumePoint', [given(new Blob([]), new Blob(['5\n']))], (_world, file: never) => findResumePoint(file), {
    codes: ['EVENTS_FILE'],
    onlyRefused: true,
  }),
  refuses('hashEvents', [{ after: whole(0), upTo: whole(5), ...PROGRESS }], ({ memory }, options: never) =>
    hashEvents(memory, options),
  ),
  refuses(
    'archiveEvents',
    [{ upTo: whole(1), eventsMax: count() }],
    ({ sqlite, app }, options: never) =>
      archiveEvents({
        recorder: sqlite,
        snapshots: { select: () => Promise.resolve(undefined) },
        decode: (one) => app.decode(one),
        place: {} as never,
        ...(options as { upTo: number }),
      }),
    { onlyRefused: true },
  ),
  refuses(
    'planArchive',
    [{ upTo: whole(1) }],
    ({ sqlite }, options: never) =>
      planArchive({
        recorder: sqlite,
        snapshots: { select: () => Promise.resolve(undefined) },
        ...(options as object),
      } as never),
    { onlyRefused: true },
  ),
  refuses(
    'positionBefore',
    [
      {
        before: given(new Date(0), new Date(Number.NaN), 'then'),
        by: word('occurredAt'),
        decode: given(fn().good, undefined),
      },
    ],
    ({ sqlite }, options: never) => positionBefore({ recorder: sqlite, ...(options as object) } as never),
    { onlyRefused: true },
  ),
  refuses(
    'restoreArchive',
    [{ fetchArchive: fn(), signal: signal() }],
    ({ sqlite }, options: never) =>
      restoreArchive({ recorder: sqlite, archive: { id: 'a' }, ...(options as object) } as never),
    { onlyRefused: true },
  ),
  refuses('archivedHistory', [{ fetchArchive: fn() }], ({ sqlite }, options: never) =>
    archivedHistory({ recorder: sqlite, ...(options as { fetchArchive: never }) }),
  ),
  refuses(
    'createClient',
    [{ name: given('shop', 5, null, ''), open: fn(), close: fn(), keepMs: ms() }],
    (_world, options: never) => createClient(options),
  ),
  refuses(
    'LiveQueries.query',
    [fn(() => Promise.resolve(1)), { signal: given(undefined, 'text', {}) }],
    async ({ sqlite }, run: never, options: never) => {
      await using live = new LiveQueries({ recorder: sqlite });
      return live.query(run, options);
    },
    { onlyRefused: true },
  ),
  refuses(
    'storeStats',
    [
      {
        largest: whole(),
        days: whole(),
        aggregateTypeOf: fn(() => 'a'),
        eventIndex: TABLE,
        timeoutMs: ms(),
        signal: signal(),
      },
    ],
    ({ sqlite }, options: never) => storeStats(sqlite, options),
  ),
  refuses('diagnose', [{ outboxTable: TABLE, timeoutMs: ms(), signal: signal() }], ({ sqlite }, options: never) =>
    diagnose(sqlite, options),
  ),
  refuses('observeDatabase', [OBSERVED], ({ database }, options: never) => observeDatabase(database, options)),
  refuses('observePool', [OBSERVED], ({ pool }, options: never) => observePool(pool, options)),
  refuses(
    'new Migrator',
    [{ migrations: MIGRATIONS, set: given('app', 5, ''), ledgerTable: TABLE, waitMs: ms(), lockTimeoutMs: ms() }],
    ({ sqlite }, options: never) => new Migrator({ recorder: sqlite, ...(options as object) }),
  ),
  refuses(
    'Migrator.up',
    [{ to: given(undefined, -1, 1.5, '5'), signal: given(undefined, 'text', {}) }],
    (world, options: never) => migrator(world).up(options),
  ),
  refuses(
    'Migrator.down',
    [{ to: given(undefined, -1, 1.5, '5'), signal: given(undefined, 'text', {}) }],
    (world, options: never) => migrator(world).down(options),
    { onlyRefused: true, codes: ['PROGRAMMING_ERROR'] },
  ),
  refuses('Migrator.plan', [{ direction: given('up', 'sideways') }], (world, options: never) =>
    migrator(world).plan(options),
  ),
  refuses('Migrator.accept', [given(1, 0, 1.5, '1')], (world, version: never) => migrator(world).accept(version), {
    codes: ['PROGRAMMING_ERROR', 'MIGRATION_ERROR'],
    onlyRefused: true,
  }),
  refuses(
    'Migrator.resolve',
    [given(1, 0, 1.5, '1'), word('applied')],
    (world, version: never, outcome: never) => migrator(world).resolve(version, outcome),
    { codes: ['PROGRAMMING_ERROR', 'MIGRATION_ERROR'], onlyRefused: true },
  ),
  refuses('schemaSql', [{ migrations: MIGRATIONS }], (_world, options: never) => schemaSql(options)),
  refuses(
    'createPgPool',
    [
      {
        poolSize: whole(),
        maxOverflow: integer(1),
        poolTimeoutMs: ms(),
        connectTimeoutMs: ms(),
        overflowIdleMs: ms(),
        endTimeoutMs: ms(),
        maxAgeMs: ms(),
        connect: given(undefined),
      },
    ],
    async (_world, options: never) => {
      await using _pool = await createPgPool(options);
    },
  ),
  refuses('clientPerUse', [fn()], (_world, connect: never) => clientPerUse(connect)),
  refuses('createPostgresSchema', [TABLE], ({ pool }, schema: never) => createPostgresSchema(pool, schema)),
  refuses(
    'createPayloadView',
    [{ view: TABLE, schema: TABLE, fields: given(['a'], 5, 'a', [5], ['']) }],
    ({ sqlite }, options: never) => createPayloadView(sqlite, options),
    { codes: ['PROGRAMMING_ERROR', 'NOT_SUPPORTED'], onlyRefused: true },
  ),
  refuses('openNodeSqlite', [{ path: given(':memory:', 5), lockTimeoutMs: ms() }], async (_world, options: never) =>
    (await openNodeSqlite(options)).close(),
  ),
  refuses('openSqlJs', [{ lockTimeoutMs: ms() }], async (_world, options: never) => (await openSqlJs(options)).close()),
  refuses(
    'cloudEvents',
    [{ source: given('shop', 5, ''), mode: word('binary'), destination: given('d', 5) }],
    (_world, options: never) => cloudEvents(options),
  ),
  refuses(
    'new BroadcastPublisher',
    [{ openChannel: fn(() => ({})) }],
    (_world, options: never) => new BroadcastPublisher(options),
  ),
  refuses(
    'new WebhookPublisher',
    [{ url: given('https://x.example', '', 'nowhere'), secret: given(SECRET) }],
    (_world, options: never) => new WebhookPublisher(options),
    { codes: ['PROGRAMMING_ERROR'] },
  ),
  refuses(
    'webhookHeaders',
    [given([SECRET], ['whsec_!']), given({ id: 'a', body: new Uint8Array() }), given(1_000)],
    (_world, secrets: never, message: never, at: never) => webhookHeaders(secrets, message, at),
  ),
  refuses(
    'verifyWebhook',
    [given(SECRET, 'whsec_!'), given({ headers: {}, body: '' }, { headers: { 'webhook-id': 'a' }, body: 'b' })],
    (_world, secret: never, webhook: never) => verifyWebhook(secret, webhook),
    { codes: ['DATA_ERROR'], onlyRefused: true },
  ),
  refuses('decodeHeaderValue', [given('a', '%', '%E0%A4%A')], (_world, value: never) => decodeHeaderValue(value), {
    codes: ['DATA_ERROR'],
  }),
];
