/**
 * What migrations promise on every engine with SQL.
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import type { EventSourcingError } from '../../domain/errors.js';
import { Migrator } from '../../migrations/migrator.js';
import type { MigratorOptions } from '../../migrations/migrator-options.js';
import type { Migration } from '../../migrations/migration.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../persistence/sql/sql-snapshot-store.js';
import { systemClock } from '../../util/clock.js';
import { ConformanceError, expectEqual, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';

/** Where migrations are carried out. The database may hold whatever else. */
export interface MigrationContext {
  readonly recorder: SqlRecorder;
  /** Another recorder on the same database, as another process or tab has; it is closed after its use. @defaultValue the same one */
  connect?(): Promise<{ readonly recorder: SqlRecorder; close(): Promise<void> }>;
}

type Case = ConformanceCase<MigrationContext>;
type Scene = ReturnType<typeof newScene>;

const STARTS = 10;

/** Tables and a ledger that no other case has. */
function newScene(recorder: SqlRecorder) {
  const id = `m${newOriginatorId().replaceAll('-', '').slice(0, 16)}`;
  const [things, notes, ledgerTable] = [`${id}_things`, `${id}_notes`, `${id}_ledger`];
  const migrations: readonly [Migration, Migration, Migration] = [
    {
      ...{ version: 1, name: 'things' },
      up: `CREATE TABLE ${things} (id TEXT PRIMARY KEY, quantity BIGINT NOT NULL);\nCREATE INDEX ${things}_quantity ON ${things} (quantity);\n`,
      down: `DROP TABLE ${things};`,
    },
    {
      ...{ version: 2, name: 'names' },
      up: `ALTER TABLE ${things} ADD COLUMN name TEXT NOT NULL DEFAULT 'it''s; unnamed'`,
      down: `ALTER TABLE ${things} DROP COLUMN name`,
    },
    {
      ...{ version: 10, name: 'notes' },
      up: `CREATE TABLE ${notes} (place TEXT PRIMARY KEY, text TEXT); INSERT INTO ${notes} VALUES ('first', '-- no comment')`,
      down: `DROP TABLE ${notes}`,
    },
  ];
  const migrator = (options: Partial<MigratorOptions> = {}): Migrator =>
    new Migrator({ recorder, ledgerTable, migrations, ...options });
  const rows = async (table: string): Promise<number> =>
    Number((await recorder.query(`SELECT count(*) AS number FROM ${table}`)).rows[0]?.['number']);
  return { recorder, id, things, notes, ledgerTable, migrations, migrator, rows };
}

function onScene(name: string, run: (scene: Scene, context: MigrationContext) => Promise<void>): Case {
  return { name, run: async (context) => await run(newScene(context.recorder), context) };
}

async function versionsOf(migrator: Migrator): Promise<readonly string[]> {
  return (await migrator.status()).migrations.map(({ version, state }) => `${version} ${state}`);
}

async function refused(work: Promise<unknown>, code: string): Promise<EventSourcingError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isEventSourcingError(error) && error.code === code) return error;
  throw new ConformanceError(`expected a rejection with ${code}, got ${String(error)}`, { cause: error });
}

function isThere(scene: Scene, table: string): Promise<boolean> {
  return scene.rows(table).then(
    () => true,
    () => false,
  );
}

const inOrder = onScene(
  'migrations are applied in the order of their versions, once, and written down',
  async (scene) => {
    const [first, second, third] = scene.migrations;
    const migrator = scene.migrator({ migrations: [third, first, second] });
    expectEqual(await versionsOf(migrator), ['1 pending', '2 pending', '10 pending'], 'before');
    const startMs = systemClock.nowMs();
    const done = await migrator.up();
    expectEqual(
      done.map(({ version, name, direction }) => `${direction} ${version} ${name}`),
      ['up 1 things', 'up 2 names', 'up 10 notes'],
      'what was done',
    );
    expectEqual(await migrator.up(), [], 'what is done the second time');
    await scene.recorder.transaction(({ connection }) =>
      connection.query(`INSERT INTO ${scene.things} (id, quantity) VALUES ('a', 1)`),
    );
    const { rows } = await scene.recorder.query(`SELECT name FROM ${scene.things}`);
    expectEqual(rows, [{ name: "it's; unnamed" }], 'the default with a semicolon');
    const { migrations, isCurrent } = await migrator.status();
    expectTrue(isCurrent, 'it is where it should be');
    for (const { state, appliedAt, durationMs = -1, hasDown } of migrations) {
      expectEqual([state, hasDown], ['applied', true], 'a state');
      expectTrue(durationMs >= 0 && (appliedAt?.getTime() ?? 0) >= startMs - 1, 'when, and how long');
    }
  },
);

const upToOne = onScene('migrations are applied up to one, and the rest later', async (scene) => {
  const migrator = scene.migrator();
  expectEqual(
    (await migrator.up({ to: 2 })).map(({ version }) => version),
    [1, 2],
    'the first two',
  );
  expectEqual(await versionsOf(migrator), ['1 applied', '2 applied', '10 pending'], 'between');
  expectEqual(
    (await migrator.up()).map(({ version }) => version),
    [10],
    'the rest',
  );
});

const together = onScene('ten that start at once carry out each migration once', async (scene, context) => {
  const others = await Promise.all(Array.from({ length: STARTS }, async () => await context.connect?.()));
  try {
    const done = await Promise.all(
      others.map((other) => scene.migrator(other === undefined ? {} : { recorder: other.recorder }).up()),
    );
    expectEqual(
      done
        .flat()
        .map(({ version }) => version)
        .sort((one, another) => one - another),
      [1, 2, 10],
      'what all of them did',
    );
  } finally {
    for (const other of others) await other?.close();
  }
  expectEqual(await scene.rows(scene.notes), 1, 'rows that one wrote');
});

const failing = onScene('one that fails leaves nothing of itself, and what was before it', async (scene) => {
  const [first] = scene.migrations;
  const up = `CREATE TABLE ${scene.notes} (id TEXT PRIMARY KEY); INSERT INTO ${scene.id}_nowhere VALUES (1)`;
  const migrator = scene.migrator({ migrations: [first, { version: 2, name: 'wrong', up }] });
  const { details, cause } = await refused(migrator.up(), 'MIGRATION_FAILED');
  expectEqual(
    details,
    {
      ...{ version: 2, name: 'wrong', direction: 'up', statement: 2, unfinished: false },
      text: `INSERT INTO ${scene.id}_nowhere VALUES (1)`,
    },
    'details',
  );
  expectTrue(isEventSourcingError(cause), 'the cause is the database’s');
  expectEqual(await versionsOf(migrator), ['1 applied', '2 pending'], 'what is applied');
  expectEqual(await isThere(scene, scene.notes), false, 'a table of the one that failed');
  const mended = scene.migrator({ migrations: [first, { version: 2, name: 'right', up: up.replace(/;.*/, '') }] });
  expectEqual((await mended.up()).length, 1, 'migrations applied when it is mended');
});

const changed = onScene(
  'a text that was changed after it was applied is refused, but for ends of lines',
  async (scene) => {
    const [first, ...rest] = scene.migrations;
    const given = (up: string): Migrator => scene.migrator({ migrations: [{ ...first, up }] });
    await given(first.up).up();
    expectEqual(await given(`\ufeff${first.up.replaceAll('\n', '\r\n')}\n\n`).up(), [], 'other ends of lines');
    const other = given(`-- Things in stock.\n${first.up}`);
    const { details } = await refused(other.up(), 'MIGRATION_CHANGED');
    expectEqual([details['version'], details['applied'] === details['given']], [1, false], 'details');
    await refused(other.down(), 'MIGRATION_CHANGED');
    await refused(other.plan(), 'MIGRATION_CHANGED');
    expectEqual(await versionsOf(other), ['1 changed'], 'the state');
    await other.accept(1);
    expectEqual([await other.up(), await versionsOf(other)], [[], ['1 applied']], 'accepted');
    await refused(given(first.up).up(), 'MIGRATION_CHANGED');
    await refused(scene.migrator({ migrations: rest }).accept(2), 'PROGRAMMING_ERROR');
  },
);

const outOfOrder = onScene(
  'one that comes below what was applied, and one that is missing, are refused',
  async (scene) => {
    const [first, second, third] = scene.migrations;
    await scene.migrator({ migrations: [first, third] }).up();
    const late = scene.migrator();
    expectEqual(await versionsOf(late), ['1 applied', '2 late', '10 applied'], 'the states');
    expectEqual((await refused(late.up(), 'MIGRATION_ORDER')).details['reason'], 'late', 'the reason');
    expectEqual(
      (await late.up({ allowOutOfOrder: true })).map(({ version }) => version),
      [2],
      'when it is allowed',
    );
    const missing = scene.migrator({ migrations: [first, second] });
    expectEqual(
      (await refused(missing.up(), 'MIGRATION_ORDER')).details,
      { version: 10, name: 'notes', reason: 'missing' },
      'details',
    );
    expectEqual(await versionsOf(missing), ['1 applied', '2 applied', '10 missing'], 'the states');
  },
);

const backwards = onScene('migrations are taken back, the last one first, as far as asked', async (scene) => {
  const migrator = scene.migrator();
  await migrator.up();
  const steps = async (work: ReturnType<Migrator['down']>): Promise<readonly string[]> =>
    (await work).map(({ version, direction }) => `${direction} ${version}`);
  expectEqual(await steps(migrator.down({ mayLoseData: true })), ['down 10'], 'the last one');
  expectEqual(await versionsOf(migrator), ['1 applied', '2 applied', '10 pending'], 'after it');
  expectEqual(await steps(migrator.down({ to: 0, mayLoseData: true })), ['down 2', 'down 1'], 'all of them');
  expectEqual(await isThere(scene, scene.things), false, 'the table');
  expectEqual(await steps(migrator.down()), [], 'when none is applied');
  expectEqual((await migrator.up()).length, 3, 'and applied again');
});

const losingData = onScene('a way back that would lose data is refused, unless it may', async (scene) => {
  const [first, second, third] = scene.migrations;
  const migrator = scene.migrator();
  await migrator.up();
  // Of three, the one that has rows is the first to be taken back, and the column is behind it.
  const { details, message } = await refused(migrator.down({ to: 0 }), 'MIGRATION_LOSES_DATA');
  expectEqual([details['version'], message.includes(scene.notes)], [10, true], 'which');
  await scene.recorder.transaction(({ connection }) => connection.query(`DELETE FROM ${scene.notes}`));
  expectEqual(
    (await migrator.down()).map(({ version }) => version),
    [10],
    'a table without rows',
  );
  expectEqual((await refused(migrator.down({ to: 0 }), 'MIGRATION_LOSES_DATA')).details['version'], 2, 'a column');
  await refused(migrator.plan({ direction: 'down', to: 0 }), 'MIGRATION_LOSES_DATA');
  expectEqual(await versionsOf(migrator), ['1 applied', '2 applied', '10 pending'], 'nothing was taken back');
  const { down: _down, ...final } = second;
  const noWay = scene.migrator({ migrations: [first, final, third] });
  expectEqual((await refused(noWay.down(), 'MIGRATION_ORDER')).details['reason'], 'no-way-back', 'the reason');
  expectEqual((await migrator.down({ to: 1, mayLoseData: true })).length, 1, 'when it may');
});

const planning = onScene('a plan says what would be done, and does nothing', async (scene) => {
  const [first, ...rest] = scene.migrations;
  const snapshots = new SqlSnapshotStore({ recorder: scene.recorder, table: `${scene.id}_snapshots` });
  const migrator = scene.migrator({ own: [snapshots] });
  const plan = await migrator.plan();
  expectEqual(
    plan.own.map(({ table, statements }) => [table, statements.length]),
    [[`${scene.id}_snapshots`, 1]],
    'own tables',
  );
  expectEqual(
    plan.migrations.map(({ version, statements }) => [version, statements.length]),
    [
      [1, 2],
      [2, 1],
      [10, 2],
    ],
    'steps',
  );
  expectEqual(await isThere(scene, scene.ledgerTable), false, 'a ledger');
  await migrator.up();
  expectEqual(await migrator.plan(), { own: [], migrations: [] }, 'afterwards');
  const back = await migrator.plan({ direction: 'down', to: 1, mayLoseData: true });
  expectEqual(
    back.migrations.map(({ version, direction, statements }) => ({ version, direction, statements })),
    [...rest].reverse().map(({ version, down }) => ({ version, direction: 'down', statements: [down] })),
    'the way back',
  );
  expectTrue(first.down !== undefined, 'the first has a way back');
});

const ownTables = onScene('Daybook’s own tables are made, or found, and written down', async (scene) => {
  const own = [new SqlSnapshotStore({ recorder: scene.recorder, table: `${scene.id}_snapshots` })];
  const migrator = scene.migrator({ own, migrations: [] });
  const missing = async (): Promise<unknown> =>
    (await migrator.status()).own.map(({ table, steps, missing: names }) => [table, steps, names.length]);
  expectEqual(
    [await missing(), (await migrator.status()).isCurrent],
    [[[`${scene.id}_snapshots`, 1, 1]], false],
    'before',
  );
  await migrator.up();
  expectEqual(
    [await missing(), (await migrator.status()).isCurrent],
    [[[`${scene.id}_snapshots`, 1, 0]], true],
    'after',
  );
  expectEqual(await own[0]?.select('none'), undefined, 'what is in it');
  const { rows } = await scene.recorder.query(`SELECT set_name, name, state FROM ${scene.ledgerTable}`);
  const name = `${scene.id}_snapshots`;
  expectEqual(rows, [{ set_name: `daybook ${name}`, name, state: 'applied' }], 'the ledger');
  // Made by a program of before, without a ledger.
  const found = scene.migrator({ own, migrations: [], ledgerTable: `${scene.id}_other` });
  await found.up();
  expectEqual((await found.status()).own[0]?.missing.length, 0, 'what is found');
});

const sets = onScene('applications that share a ledger do not meet', async (scene) => {
  const [first, , third] = scene.migrations;
  const [one, other] = [
    scene.migrator({ set: 'one', migrations: [first] }),
    scene.migrator({ set: 'other', migrations: [{ ...third, version: 1 }] }),
  ];
  await one.up();
  expectEqual(await versionsOf(other), ['1 pending'], 'the other one');
  await other.up();
  expectEqual([await versionsOf(one), await versionsOf(other)], [['1 applied'], ['1 applied']], 'both');
});

const beside = onScene('what is to be in no transaction is run so, or refused where that cannot be', async (scene) => {
  const [first] = scene.migrations;
  const up = `-- daybook: no-transaction\nCREATE INDEX CONCURRENTLY ${scene.things}_later ON ${scene.things} (quantity, id)`;
  const migrator = scene.migrator({ migrations: [first, { version: 2, name: 'later', up }] });
  if (scene.recorder.dialect.besideWriters === undefined) {
    await refused(migrator.up(), 'NOT_SUPPORTED');
    expectEqual(await versionsOf(migrator), ['1 applied', '2 pending'], 'what is done');
    return;
  }
  await migrator.up();
  expectEqual(await versionsOf(migrator), ['1 applied', '2 applied'], 'what is done');
});

const ended = onScene('a signal ends it between two migrations', async (scene) => {
  const migrator = scene.migrator();
  const reason = new Error('Enough.');
  const thrown = await migrator.up({ signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
  expectTrue(thrown === reason, 'the reason is thrown');
  expectEqual(await isThere(scene, scene.things), false, 'a table');
});

/** The promises. */
export const migrationCases: readonly ConformanceCase<MigrationContext>[] = [
  inOrder,
  upToOne,
  together,
  failing,
  changed,
  outOfOrder,
  backwards,
  losingData,
  planning,
  ownTables,
  sets,
  beside,
  ended,
];
