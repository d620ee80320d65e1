/** What a log in PostgreSQL promises beside what all of them do: of its tables, of other writers, and of a server that dies. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { derivedUnitId } from '../../../src/persistence/derived-unit-id.js';
import type { OperationalError } from '../../../src/persistence/errors.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresClient } from '../../../src/persistence/postgres/index.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { pageOf, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import { createSqlAlchemyTables } from '../../support/sqlalchemy-tables.js';
import { SQLITE_ENGINES } from '../../support/sqlite-engines.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../../support/unit-log-fixture.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

const makeLog = (): Promise<PostgresLogFixture> => makePostgresLog(postgres.pool);

/** Inserts an event as a program does that takes no lock, and has its id from wherever. */
async function insertRow(
  connection: Pick<PostgresClient, 'query'>,
  { events }: PostgresLogFixture,
  originatorId: string,
  { version = 1, id }: { version?: number; id?: unknown } = {},
): Promise<void> {
  const columns = `originator_id, originator_version, topic, state${id === undefined ? '' : ', notification_id'}`;
  await connection.query(
    `INSERT INTO ${events} (${columns}) VALUES ($1, $2, 'plain', '\\x01'${id === undefined ? '' : ', $3'})`,
    id === undefined ? [originatorId, version] : [originatorId, version, id],
  );
}

async function nextId(connection: Pick<PostgresClient, 'query'>, { events }: PostgresLogFixture): Promise<unknown> {
  const { rows } = await connection.query(
    `SELECT nextval(pg_get_serial_sequence('${events}', 'notification_id')) AS id`,
  );
  return rows[0]?.['id'];
}

const idsOf = async (log: PostgresUnitLog): Promise<readonly string[]> =>
  (await readLog(log)).units.map(({ id }) => id);
const aggregatesOf = async (log: PostgresUnitLog): Promise<readonly (string | undefined)[]> =>
  (await readLog(log)).units.map(({ events }) => events[0]?.originatorId);
const someUnit = (): ReturnType<typeof sampleUnit> => sampleUnit([sampleEvent(newOriginatorId(), 1)]);

describe('writers that take no lock', () => {
  it('are waited for, so that an id that is committed late is not passed over', async () => {
    const fixture = await makeLog();
    const log = fixture.open();
    const [slow, fast] = [newOriginatorId(), newOriginatorId()];
    const client = await postgres.pool.connect();
    await client.query('BEGIN');
    await insertRow(client, fixture, slow);
    await insertRow(postgres.pool, fixture, fast);
    // The first one has the lower id and is not there yet; the second is, and must not be adopted before it.
    const page = pageOf(log, CURSOR_START);
    const push = log.push([someUnit()], SENDER);
    await client.query('COMMIT');
    client.release();
    // The push comes after them, and into the page where it had the lock first.
    expect((await page).units.slice(0, 2).map(({ events }) => events[0]!.originatorId)).toEqual([slow, fast]);
    await push;
    expect((await aggregatesOf(log)).slice(0, 2)).toEqual([slow, fast]);
  });

  it('do not hold up pages where they have committed nothing', async () => {
    const fixture = await makeLog();
    const log = fixture.open();
    const unit = someUnit();
    await log.push([unit], SENDER);
    const client = await postgres.pool.connect();
    await client.query('BEGIN');
    await insertRow(client, fixture, newOriginatorId());
    expect(await idsOf(log)).toEqual([unit.id]);
    await client.query('ROLLBACK');
    client.release();
  });

  it('who stop in the middle hold up a page no longer than lockTimeoutMs', async () => {
    const fixture = await makePostgresLog(postgres.pool, { lockTimeoutMs: 50 });
    const log = fixture.open();
    const unit = someUnit();
    await log.push([unit], SENDER);
    const [slow, fast] = [newOriginatorId(), newOriginatorId()];
    const client = await postgres.pool.connect();
    await client.query('BEGIN');
    await insertRow(client, fixture, slow);
    await insertRow(postgres.pool, fixture, fast);
    const before = await readLog(log);
    expect(before.units.map(({ id }) => id)).toEqual([unit.id]);
    await expect(log.push([someUnit()], SENDER)).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await client.query('COMMIT');
    client.release();
    const after = await readLog(log, before.cursor);
    expect(after.units.map(({ events }) => events[0]!.originatorId)).toEqual([slow, fast]);
  });

  it('who took an id long before they commit come to the end, and change nothing of what was read', async () => {
    const fixture = await makeLog();
    const log = fixture.open();
    const early = someUnit();
    await log.push([early], SENDER);
    const id = await nextId(postgres.pool, fixture);
    const later = [someUnit(), sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)])];
    await log.push(later, SENDER);
    const before = await readLog(log);
    const late = newOriginatorId();
    await insertRow(postgres.pool, fixture, late, { id });
    const after = await readLog(log, before.cursor);
    expect(after.units.map(({ events, position }) => [events[0]!.originatorId, position])).toEqual([[late, 5]]);
    expect((await readLog(log)).units.slice(0, -1)).toEqual(before.units);
    // It counts: somebody can stand on it.
    const lateId = after.units[0]!.id;
    const onIt = sampleUnit([sampleEvent(late, 2)], { after: [lateId] });
    expect((await log.push([onIt], SENDER)).conflict).toBeUndefined();
    expect((await readLog(log, after.cursor)).units.map((unit) => unit.id)).toEqual([onIt.id]);
    // Its gap is closed: nothing is looked for there any more.
    const { rows } = await postgres.pool.query(`SELECT * FROM "${fixture.name}_gaps"`);
    expect(rows).toEqual([]);
  });

  it('who have many ids at once, as sequences with a cache give, are found in the gaps that are left', async () => {
    const fixture = await makeLog();
    const log = fixture.open();
    const sequence = `pg_get_serial_sequence('${fixture.events}', 'notification_id')`;
    await postgres.pool.query(`SELECT nextval(${sequence}) FROM generate_series(1, 20)`);
    await log.push([someUnit()], SENDER);
    const places = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    for (const [index, id] of [9, 4, 20].entries()) await insertRow(postgres.pool, fixture, places[index]!, { id });
    expect((await aggregatesOf(log)).slice(1)).toEqual([places[1], places[0], places[2]]);
    const { rows } = await postgres.pool.query(
      `SELECT first_id::int AS first, last_id::int AS last FROM "${fixture.name}_gaps" ORDER BY 1`,
    );
    expect(rows).toEqual([
      { first: 1, last: 3 },
      { first: 5, last: 8 },
      { first: 10, last: 19 },
    ]);
  });

  it('are found in any of very many gaps, in time', async () => {
    const fixture = await makeLog();
    const log = fixture.open();
    const sequence = `pg_get_serial_sequence('${fixture.events}', 'notification_id')`;
    await postgres.pool.query(
      `INSERT INTO ${fixture.events} (originator_id, originator_version, topic, state)
       SELECT gen_random_uuid(), nextval(${sequence}), 'plain', '\\x01' FROM generate_series(1, 600)`,
    );
    expect(await log.head()).toBe(600);
    const late = newOriginatorId();
    await insertRow(postgres.pool, fixture, late, { id: 301 });
    // The newest hundred are looked at each time, and a hundred from somewhere: of 600 it has it soon.
    for (let looks = 0; looks < 1_000 && (await log.head()) === 600; looks++);
    expect((await readLog(log)).units.at(-1)?.events[0]?.originatorId).toBe(late);
  });

  it('who take an id in the middle of a unit make nobody see a part of it', async () => {
    const fixture = await makeLog();
    const [rows, takeOne] = [uniqueName(), uniqueName()];
    // At the first row of the first attempt; what a sequence gives is not taken back.
    await postgres.pool.query(`CREATE SEQUENCE ${rows}; CREATE SEQUENCE ${takeOne};
      CREATE FUNCTION ${takeOne}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('${rows}') = 1 THEN
          PERFORM setval('${takeOne}', nextval(pg_get_serial_sequence('${fixture.events}', 'notification_id')));
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER ${takeOne} BEFORE INSERT ON ${fixture.events} FOR EACH ROW EXECUTE FUNCTION ${takeOne}()`);
    const log = fixture.open();
    const unit = sampleUnit(sampleEvents(newOriginatorId(), 1, 3));
    expect(await log.push([unit], SENDER)).toMatchObject({ decisions: [{ kind: 'accepted', position: 3 }], head: 3 });
    const late = newOriginatorId();
    const { rows: taken } = await postgres.pool.query(`SELECT last_value FROM ${takeOne}`);
    await insertRow(postgres.pool, fixture, late, { id: taken[0]?.['last_value'] });
    const { units } = await readLog(log);
    expect(units.map(({ events }) => events.length)).toEqual([3, 1]);
    expect(units[0]?.events).toEqual(unit.events);
  });
});

it('a value that the database cannot store is refused with its unit, and the others go on', async () => {
  const database = uniqueName();
  await postgres.pool.query(`CREATE DATABASE ${database} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
  const url = new URL(postgres.url);
  url.pathname = `/${database}`;
  const pool = await createPgPool({ connectionString: url.href });
  onTestFinished(() => pool.end());
  const fixture = await makePostgresLog(pool);
  const [first, third] = [someUnit(), someUnit()];
  const unstorable = sampleUnit([{ ...sampleEvent(newOriginatorId(), 1), topic: 'stock:Priced.€' }]);
  const { decisions, head } = await fixture.open().push([first, unstorable, third], SENDER);
  expect(decisions.map(({ kind }) => kind)).toEqual(['accepted', 'rejected', 'accepted']);
  expect(decisions[1]).toMatchObject({ code: 'INVALID_REQUEST' });
  expect([head, await idsOf(fixture.open())]).toEqual([2, [first.id, third.id]]);
});

describe('a table that has events already', () => {
  it('gets a log of them, in parts', async () => {
    const { pool } = postgres;
    const recorder = await postgres.make();
    const { eventsTable } = recorder.dialect.log!;
    await pool.query(
      `INSERT INTO ${eventsTable} (originator_id, originator_version, topic, state)
       SELECT '00000000-0000-4000-8000-000000000001', n, 'plain', convert_to(n::text, 'UTF8') FROM generate_series(1, 2500) n`,
    );
    const log = new PostgresUnitLog({ recorder, name: uniqueName() });
    await log.createTables();
    const { units, pages } = await readLog(log, CURSOR_START, { eventsMax: 1_000, bytesMax: 1_000_000 });
    expect([units.length, pages]).toEqual([2_500, 4]);
    const stored = await recorder.selectEvents('00000000-0000-4000-8000-000000000001');
    expect(units.map(({ id }) => id)).toEqual(stored.map(derivedUnitId));
    expect(units.map(({ events }) => events[0])).toEqual(stored);
    // Again, by several at once: nothing is added.
    await Promise.all([log.createTables(), log.createTables()]);
    expect(await log.head()).toBe(2_500);
    const next = sampleUnit([sampleEvent(stored[0]!.originatorId, 2_501)], { after: [units.at(-1)!.id] });
    expect((await log.push([next], SENDER)).conflict).toBeUndefined();
  });

  it('whose columns have other names, as SQLAlchemy makes them', async () => {
    const { pool } = postgres;
    const options = await createSqlAlchemyTables(pool, uniqueName());
    const recorder = new PostgresProcessRecorder({ pool, ...options });
    const log = new PostgresUnitLog({ recorder, name: uniqueName() });
    await log.createTables();
    const event = sampleEvent(newOriginatorId(), 1);
    await recorder.insertEvents([event]);
    const unit = sampleUnit([sampleEvent(event.originatorId, 2)], { after: [derivedUnitId(event)] });
    expect((await log.push([unit], SENDER)).conflict).toBeUndefined();
    expect(await idsOf(log)).toEqual([derivedUnitId(event), unit.id]);
  });
});

describe('the tables', () => {
  it('of events hold what a Python application needs, in the order of the log', async () => {
    const { pool, open, events, recorder } = await makeLog();
    const log = open();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1)]);
    await log.push([first, sampleUnit([sampleEvent(a, 9)], { isCommutative: true })], SENDER);
    const { rows } = await pool.query(
      `SELECT notification_id::int AS id, originator_id::text AS aggregate, originator_version::int AS version, topic,
         convert_from(state, 'UTF8') AS state FROM ${events} ORDER BY notification_id`,
    );
    const text = (version: number): string => JSON.stringify({ version, text: 'é 🐈 \u0000' });
    expect(rows).toEqual([
      { id: 1, aggregate: a, version: 1, topic: 'topic1', state: text(1) },
      { id: 2, aggregate: b, version: 1, topic: 'topic1', state: text(1) },
      { id: 3, aggregate: a, version: 2, topic: 'topic1', state: text(9) },
    ]);
    expect(await recorder.maxNotificationId()).toBe(3);
  });

  it('wake whoever listens', async () => {
    const { pool, open, recorder } = await makeLog();
    const log = open();
    const listener = await pool.connect();
    onTestFinished(() => listener.release(new Error('Listened until now.')));
    const heard = new Promise<void>((resolve) => void listener.on?.('notification', () => resolve()));
    const { rows } = await pool.query(`SELECT relname AS name FROM pg_class WHERE oid = to_regclass($1)`, [
      recorder.dialect.log?.eventsTable,
    ]);
    await listener.query(`LISTEN "${String(rows[0]?.['name'])}"`);
    await log.push([someUnit()], SENDER);
    await heard;
  });

  it('belong to one table of events', async () => {
    const { name } = await makeLog();
    const other = new PostgresUnitLog({ recorder: await postgres.make(), name });
    await expect(other.createTables()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  it('are refused where they cannot be', async () => {
    const engine = await SQLITE_ENGINES['SQLite on sql.js']!();
    onTestFinished(() => engine.remove());
    const recorder = new SqliteProcessRecorder(await engine.connect());
    expect(() => new PostgresUnitLog({ recorder })).toThrow(/PostgresProcessRecorder/);
    const { recorder: onPostgres } = postgres;
    expect(() => new PostgresUnitLog({ recorder: onPostgres, name: 'a b' })).toThrow(/cannot name/);
    for (const keys of [[], [new Uint8Array(31)], ['x'.repeat(32)] as unknown as Uint8Array[]]) {
      expect(() => new PostgresUnitLog({ recorder: onPostgres, seals: { keys } })).toThrow(/seals\.keys/);
    }
    const missing = new PostgresUnitLog({ recorder: onPostgres, name: uniqueName() });
    await expect(missing.head()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  it('say so when their events are gone, and are well again when they are back', async () => {
    const { pool, open, events } = await makeLog();
    const log = open();
    await log.push([someUnit(), someUnit(), someUnit()], SENDER);
    const cursors = await readLog(log);
    const moved = uniqueName();
    await pool.query(`CREATE TABLE ${moved} AS SELECT * FROM ${events} WHERE notification_id = 3`);
    await pool.query(`DELETE FROM ${events} WHERE notification_id = 3`);
    await expect(log.push([someUnit()], SENDER)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    await pool.query(`INSERT INTO ${events} SELECT * FROM ${moved}`);
    await pool.query(`DELETE FROM ${events} WHERE notification_id = 2`);
    await expect(readLog(log)).rejects.toMatchObject({ code: 'INTERNAL_ERROR', details: { lastId: 2 } });
    await pool.query(
      `INSERT INTO ${events} (originator_id, originator_version, topic, state, notification_id) VALUES ($1, 1, 'topic1', $2, 2)`,
      [cursors.units[1]!.events[0]!.originatorId, cursors.units[1]!.events[0]!.state],
    );
    expect(await readLog(log)).toEqual(cursors);
  });
});

describe('connections at once', () => {
  it('that push to one aggregate get one order, and each unit once', async () => {
    const fixture = await makeLog();
    const id = newOriginatorId();
    const first = sampleUnit([sampleEvent(id, 1)]);
    await fixture.open().push([first], SENDER);
    const devices = await Promise.all(
      Array.from({ length: 6 }, async (_, device) => {
        const pool = await createPgPool({ connectionString: postgres.url });
        const recorder = new PostgresProcessRecorder({ pool, ...tableOf(fixture) });
        const log = new PostgresUnitLog({ recorder, name: fixture.name });
        const accepted: string[] = [];
        let end = { version: 1, unit: first.id };
        for (let round = 0; round < 8; round++) {
          const unit = sampleUnit([sampleEvent(id, end.version + 1)], { after: [end.unit] });
          // Again and again, as a device that loses, follows the log, and decides again, under the same id.
          for (let attempt = unit; ;) {
            const { conflict } = await log.push([attempt], { subject: '', replicaId: `${device}` });
            if (conflict === undefined) break;
            const last = (await readLog(log)).units.at(-1)!;
            const version = last.events.at(-1)!.originatorVersion;
            attempt = { ...attempt, after: [last.id], events: [sampleEvent(id, version + 1)] };
          }
          accepted.push(unit.id);
          const last = (await readLog(log)).units.at(-1)!;
          end = { version: last.events.at(-1)!.originatorVersion, unit: last.id };
        }
        await pool.end();
        return accepted;
      }),
    );
    const { units } = await readLog(fixture.open());
    expect(units.map(({ id: unit }) => unit).sort()).toEqual([first.id, ...devices.flat()].sort());
    expect(units.map(({ events }) => events[0]!.originatorVersion)).toEqual(units.map((_, index) => index + 1));
    expect(units.map(({ position }) => position)).toEqual(units.map((_, index) => index + 1));
  });
});

describe('a server that dies', () => {
  const DEAD = { severity: 'FATAL', sqlState: '08006', message: 'connection failure' } as const;

  it.each([
    ['before the commit', false, 'accepted'],
    ['after the commit', true, 'accepted'],
  ])('%s: the same push, sent again, is recorded once', async (_when, isCarriedOut, kind) => {
    const fixture = await makeLog();
    const proxy = await openPostgresProxy(postgres.url);
    const pool = await createPgPool({ connectionString: proxy.url });
    onTestFinished(async () => {
      await pool.end();
      await proxy.close();
    });
    const recorder = new PostgresProcessRecorder({ pool, ...tableOf(fixture) });
    const log = new PostgresUnitLog({ recorder, name: fixture.name });
    const rejected = someUnit();
    const units = [someUnit(), rejected, sampleUnit(sampleEvents(newOriginatorId(), 1, 3))];
    const authorize = async ({ id }: { id: string }): Promise<{ code: string; message: string } | undefined> =>
      id === rejected.id ? { code: 'NO', message: 'No.' } : undefined;
    proxy.faults.push({ text: '; COMMIT', answer: DEAD, isCarriedOut });
    await expect(log.push(units, SENDER, authorize)).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    expect(await fixture.open().head()).toBe(isCarriedOut ? 4 : 0);
    const outcome = await log.push(units, SENDER, authorize);
    expect(outcome.decisions).toMatchObject([{ kind, isNew: !isCarriedOut }, { kind: 'rejected' }, { kind }]);
    expect(await idsOf(log)).toEqual([units[0]!.id, units[2]!.id]);
  });

  it.each([
    // With this a transaction begins, on another connection where nothing has happened yet.
    { text: 'LOCK TABLE', times: 2, isRecorded: false },
    { text: 'INSERT INTO', times: 1, isRecorded: false },
    // It goes with the commit, whose answer is lost with its own.
    { text: 'WITH added', times: 1, isRecorded: true },
  ])('at $text: all is recorded, or nothing', async ({ text, times, isRecorded }) => {
    const fixture = await makeLog();
    const proxy = await openPostgresProxy(postgres.url);
    const pool = await createPgPool({ connectionString: proxy.url });
    onTestFinished(async () => {
      await pool.end();
      await proxy.close();
    });
    const recorder = new PostgresProcessRecorder({ pool, ...tableOf(fixture) });
    const log = new PostgresUnitLog({ recorder, name: fixture.name });
    const units = [someUnit(), someUnit()];
    proxy.faults.push({ text, answer: DEAD, times });
    const error: unknown = await log.push(units, SENDER).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'OPERATIONAL_ERROR' });
    expect((error as OperationalError).details['outcome']).toBe(isRecorded ? 'unknown' : undefined);
    const ends = [await fixture.open().head(), await fixture.recorder.maxNotificationId()];
    expect(ends).toEqual(isRecorded ? [2, 2] : [0, 0]);
    const { head, decisions } = await log.push(units, SENDER);
    expect([head, decisions.map((decision) => 'isNew' in decision && decision.isNew)]).toEqual([
      2,
      [!isRecorded, !isRecorded],
    ]);
  });
});

function tableOf({ events }: PostgresLogFixture): { eventsTable: string } {
  return { eventsTable: events.replaceAll('"', '') };
}
