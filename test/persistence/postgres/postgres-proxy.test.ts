/**
 * What stands between a writer and PostgreSQL answers in the server's name, after the server has committed: everything
 * that records must leave open what came of it, and record nothing twice.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import {
  createPgPool,
  PostgresAggregateRecorder,
  PostgresProcessRecorder,
} from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import { createSyncServer, PostgresUnitLog } from '../../../src/server/index.js';
import { createSession } from '../../../src/session/async-local-session.js';
import { receive } from '../../../src/testing/conformance/application-context.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import {
  stockIdOf,
  testOrder,
  testOrders,
  testReservation,
  testStock,
  testWarehouse,
} from '../../../src/testing/conformance/order-world.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import type { PostgresProxy, ProxyAnswer } from '../../support/postgres-proxy.js';
import { makeEvents } from '../../support/stored-events.js';
import { pendingUnits, postUnits } from '../../support/unit-wire.js';

const ANSWERS: Readonly<Record<string, ProxyAnswer>> = {
  'pgbouncer, the server is gone': { severity: 'FATAL', sqlState: '08P01', message: 'server conn crashed?' },
  'pgbouncer, it took too long': { severity: 'FATAL', sqlState: '08P01', message: 'query timeout' },
  'a broken connection': { severity: 'FATAL', sqlState: '08006', message: 'connection failure' },
  'a broken connection, as an ERROR': { severity: 'ERROR', sqlState: '08006', message: 'failure', goesOn: true },
  'an administrator': { severity: 'FATAL', sqlState: '57P01', message: 'terminating connection' },
  'a system error, and the session goes on': { severity: 'FATAL', sqlState: '58000', message: 'error', goesOn: true },
  'an internal error': { severity: 'FATAL', sqlState: 'XX000', message: 'error' },
};
const UNKNOWN = { code: 'OPERATIONAL_ERROR', details: { outcome: 'unknown' } };
const COMMIT = '; COMMIT';
const RETRY = { attemptsMax: 5, delayMsMax: 1 };

let postgres: PostgresFixture;
let proxy: PostgresProxy;
let pool: PgPool;

beforeAll(async () => {
  postgres = await openPostgres();
  proxy = await openPostgresProxy(postgres.url);
  pool = await createPgPool({ connectionString: proxy.url });
});
beforeEach(() => void proxy.faults.splice(0));
afterAll(async () => {
  await pool.end();
  await proxy.close();
  await postgres.close();
});

/** A recorder by way of the proxy, and one that is not. */
async function openRecorders(): Promise<
  { readonly name: string } & Readonly<Record<'recorder' | 'plain', PostgresProcessRecorder>>
> {
  const name = uniqueName();
  const plain = await postgres.make({ applicationName: name });
  return { name, plain, recorder: new PostgresProcessRecorder({ pool, applicationName: name }) };
}

// A refused repetition takes ids, as every refused insert does.
const countOf = async (recorder: PostgresProcessRecorder): Promise<number> =>
  (await recorder.selectNotifications({ start: 1, limit: 100 })).length;

describe.each(Object.entries(ANSWERS))('after the commit, said by %s', (_name, answer) => {
  const fault = (text: string): void => void proxy.faults.push({ text, answer });

  it('leaves an insert open, which was recorded once', async () => {
    const { name, recorder, plain } = await openRecorders();
    const events = makeEvents(3);
    fault(`LOCK TABLE "${name}_events"`);
    await expect(recorder.insertEvents(events)).rejects.toMatchObject(UNKNOWN);
    expect(await plain.selectEvents(events[0]!.originatorId)).toEqual(events);
    expect(await countOf(plain)).toBe(3);
    expect(proxy.faults).toEqual([]);
  });

  it('leaves an insert open whose plan is kept', async () => {
    const { name, plain } = await openRecorders();
    await using own = await createPgPool({ connectionString: proxy.url, poolSize: 1, maxOverflow: 0 });
    const single = new PostgresProcessRecorder({ pool: own, applicationName: name });
    for (let count = 0; count < 2; count++) await single.insertEvents(makeEvents(1));
    const events = makeEvents(1);
    fault('EXECUTE daybook_');
    await expect(single.insertEvents(events)).rejects.toMatchObject(UNKNOWN);
    expect(proxy.faults).toEqual([]);
    expect(await plain.selectEvents(events[0]!.originatorId)).toEqual(events);
    expect(await countOf(plain)).toBe(3);
  });

  it.each(['with events', 'alone'])('leaves tracking open, which a repetition finds: %s', async (how) => {
    const { name, recorder, plain } = await openRecorders();
    const tracking = { applicationName: 'upstream', notificationId: 7 };
    const events = how === 'alone' ? [] : makeEvents(1);
    await recorder.insertEvents([], { tracking: { ...tracking, notificationId: 6 } });
    fault(`INSERT INTO "${name}_tracking"`);
    await expect(recorder.insertEvents(events, { tracking })).rejects.toMatchObject(UNKNOWN);
    expect(await plain.maxTrackingId('upstream')).toBe(7);
    await expect(recorder.insertEvents(events, { tracking })).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect(await countOf(plain)).toBe(events.length);
  });

  it('leaves a sequence without notifications open', async () => {
    const applicationName = uniqueName();
    const snapshots = new PostgresAggregateRecorder({ pool, applicationName });
    await snapshots.createTable();
    const events = makeEvents(2);
    fault(`INSERT INTO "${applicationName}_snapshots"`);
    await expect(snapshots.insertEvents(events)).rejects.toMatchObject(UNKNOWN);
    expect(await snapshots.selectEvents(events[0]!.originatorId)).toEqual(events);
  });

  it('leaves a transaction open', async () => {
    const { recorder, plain } = await openRecorders();
    fault(COMMIT);
    let runs = 0;
    await expect(
      recorder.transaction(async (transaction) => {
        runs++;
        await transaction.insertEvents(makeEvents(1));
      }),
    ).rejects.toMatchObject(UNKNOWN);
    expect([runs, await countOf(plain)]).toEqual([1, 1]);
  });

  it('leaves a session of a request open', async () => {
    const { recorder, plain } = await openRecorders();
    const session = createSession(recorder);
    fault(COMMIT);
    await expect(session.run(() => session.recorder.insertEvents(makeEvents(1)))).rejects.toMatchObject(UNKNOWN);
    expect(await countOf(plain)).toBe(1);
  });

  it.each(['', ' and an outbox'])('decides no command again, with retry%s', async (outbox) => {
    const { name, recorder, plain } = await openRecorders();
    const inline = outbox === '' ? [] : [new SqlOutbox({ recorder, table: `${name}_outbox` })];
    for (const participant of inline) await participant.createTables();
    const app = new Application({ recorder, aggregates: [stockItem], inline });
    const id = crypto.randomUUID();
    await app.execute(stockItem, id, receive(7));
    const text = outbox === '' ? `LOCK TABLE "${name}_events"` : COMMIT;
    fault(text);
    await expect(app.execute(stockItem, id, receive(1), { retry: RETRY })).rejects.toMatchObject(UNKNOWN);
    expect((await app.repository.load(stockItem, id)).state.quantity).toBe(8);
    fault(text);
    const appended = app.append(stockItem, id, [{ type: 'Received', data: { quantity: 1 } }]);
    await expect(appended).rejects.toMatchObject(UNKNOWN);
    expect((await app.repository.load(stockItem, id)).state.quantity).toBe(9);
    expect(await countOf(plain)).toBe(3);
    for (const participant of inline) expect(await participant.pending()).toHaveLength(3);
  });

  it('repeats a commit under its id, which is recorded once', async () => {
    const { name, recorder, plain } = await openRecorders();
    const commits = new SqlCommitIds({ recorder, table: `${name}_commits` });
    await commits.createTables();
    const commit = (): Promise<number> =>
      commits.once('commit-1', async (transaction) => {
        await transaction.insertEvents(makeEvents(1));
        return 42;
      });
    fault(COMMIT);
    await expect(commit()).rejects.toMatchObject(UNKNOWN);
    expect(await commit()).toBe(42);
    expect(await countOf(plain)).toBe(1);
  });

  it('lets a process go on by its tracking, which reacts once', async () => {
    const { name, recorder } = await openRecorders();
    const orders = testOrders((await openRecorders()).plain);
    const warehouse = testWarehouse(recorder);
    const nails = stockIdOf('nails');
    await warehouse.execute(testStock, nails, { type: 'Add', data: { quantity: 10 } });
    await orders.execute(testOrder, crypto.randomUUID(), { type: 'Place', data: { item: 'nails', quantity: 1 } });
    const runner = new ProcessRunner({ from: orders, into: warehouse, process: testReservation });
    fault(`INSERT INTO "${name}_tracking"`);
    await expect(runner.catchUp()).rejects.toMatchObject(UNKNOWN);
    await runner.catchUp();
    expect((await warehouse.repository.load(testStock, nails)).state).toEqual({ free: 9 });
  });

  it('lets a device push again, which is confirmed and recorded once', async () => {
    const { recorder, plain } = await openRecorders();
    const unitLog = new PostgresUnitLog({ recorder, name: uniqueName() });
    await unitLog.createTables();
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, log: () => undefined });
    const units = pendingUnits(4);
    fault(COMMIT);
    expect((await postUnits(fetch, units)).status).toBe(503);
    const again = await postUnits(fetch, units);
    expect([again.status, again.body]).toMatchObject([200, { head: 4 }]);
    expect(await countOf(plain)).toBe(4);
  });

  it('leaves what is beside the events open', async () => {
    const { name, recorder } = await openRecorders();
    const snapshots = new SqlSnapshotStore({ recorder, table: `${name}_states` });
    await snapshots.createTables();
    const id = crypto.randomUUID();
    const snapshot = {
      ...{ originatorId: id, originatorVersion: 1, eventId: crypto.randomUUID(), aggregateType: 'StockItem' },
      ...{ stateVersion: 1, state: new Uint8Array([1]), takenAtMs: 1 },
    };
    fault(COMMIT);
    await expect(snapshots.upsert(snapshot)).rejects.toMatchObject(UNKNOWN);
    expect(await snapshots.select(id)).toEqual(snapshot);
  });

  it('repeats a read, and creates tables all the same', async () => {
    if (answer.sqlState === '58000' || answer.sqlState === 'XX000') return;
    const { name, recorder } = await openRecorders();
    await recorder.insertEvents(makeEvents(1));
    fault(`FROM "${name}_events"`);
    expect(await recorder.maxNotificationId()).toBe(1);
    const other = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    fault('CREATE TABLE');
    await other.createTable();
    expect(await other.maxNotificationId()).toBe(0);
  });
});

describe('a session that the server ended before it recorded', () => {
  const answer = ANSWERS['an administrator'] as ProxyAnswer;

  it('is replaced, and the events are recorded once', async () => {
    const { name, recorder, plain } = await openRecorders();
    proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer, isCarriedOut: false, times: 3 });
    const events = makeEvents(2);
    expect(await recorder.insertEvents(events)).toEqual([1, 2]);
    expect(await plain.selectEvents(events[0]!.originatorId)).toEqual(events);
  });

  it.each(['event', 'tracking'])('is proven to have recorded nothing where another %s is in the way', async (what) => {
    const { name, recorder, plain } = await openRecorders();
    const [events, others] = [makeEvents(2), makeEvents(2)];
    const tracking = { applicationName: 'upstream', notificationId: 3 };
    if (what === 'event') await plain.insertEvents([{ ...events[1]!, state: new Uint8Array([1]) }]);
    else await plain.insertEvents(others, { tracking });
    proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer, isCarriedOut: false });
    await expect(recorder.insertEvents(events, { tracking })).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: what },
    });
    proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer, isCarriedOut: false });
    // The same bytes may be of either.
    const taken = what === 'event' ? (await plain.selectEvents(events[0]!.originatorId)).slice(0, 1) : others;
    await expect(recorder.insertEvents(taken)).rejects.toMatchObject(UNKNOWN);
  });

  it('of a command that somebody else was faster than is decided again', async () => {
    const { name, recorder, plain } = await openRecorders();
    const [app, faster] = [recorder, plain].map((each) => new Application({ recorder: each, aggregates: [stockItem] }));
    const id = crypto.randomUUID();
    await app!.execute(stockItem, id, receive(1));
    proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer, isCarriedOut: false });
    const attempt = app!.execute(stockItem, id, receive(1), { retry: RETRY });
    await Promise.all([attempt, faster!.execute(stockItem, id, receive(1), { retry: RETRY })]);
    expect((await app!.repository.load(stockItem, id)).state.quantity).toBe(3);
  });
});

describe('in the middle of a transaction', () => {
  it.each(Object.entries(ANSWERS))(
    'said by %s, nothing is sent any more, and nothing stored',
    async (_name, answer) => {
      const { name, recorder, plain } = await openRecorders();
      proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer });
      const attempt = recorder.transaction(async (transaction) => {
        await transaction.connection.query('SELECT 1');
        await transaction.insertEvents(makeEvents(1)).catch(() => undefined);
        // On another connection of a proxy's, this would be stored alone.
        await transaction.insertEvents(makeEvents(1)).catch(() => undefined);
      });
      await expect(attempt).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        details: { sqlState: answer.sqlState },
      });
      await expect(attempt).rejects.not.toMatchObject(UNKNOWN);
      expect(await countOf(plain)).toBe(0);
    },
  );

  // A server that fails within itself is no connection that is gone.
  const gone = Object.entries(ANSWERS).filter(([, { sqlState }]) => sqlState !== '58000' && sqlState !== 'XX000');
  it.each(gone)(
    'said by %s to its first statement, it begins on another connection: nothing has happened yet',
    async (_name, answer) => {
      const { name, recorder, plain } = await openRecorders();
      proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer });
      await recorder.transaction(async (transaction) => {
        await transaction.insertEvents(makeEvents(1));
        await transaction.insertEvents(makeEvents(1));
      });
      expect(await countOf(plain)).toBe(2);
      // Once only: it may be this statement that ends connections.
      proxy.faults.push({ text: `LOCK TABLE "${name}_events"`, answer, times: 2 });
      const attempt = recorder.transaction(async (transaction) => await transaction.insertEvents(makeEvents(1)));
      await expect(attempt).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        details: { sqlState: answer.sqlState },
      });
      await expect(attempt).rejects.not.toMatchObject(UNKNOWN);
      expect(await countOf(plain)).toBe(2);
    },
  );

  it('by a statement that took too long, nothing is sent any more, and nothing stored', async () => {
    const { recorder: plain, name } = await openPostgres();
    await using impatient = await createPgPool({ connectionString: postgres.url, queryTimeoutMs: 200 });
    const recorder = new PostgresProcessRecorder({ pool: impatient, applicationName: name });
    const attempt = recorder.transaction(async (transaction) => {
      await transaction.insertEvents(makeEvents(1));
      await transaction.connection.query('SELECT pg_sleep(0.5)').catch(() => undefined);
    });
    await expect(attempt).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await expect(attempt).rejects.not.toMatchObject(UNKNOWN);
    expect(await countOf(plain)).toBe(0);
  });
});
