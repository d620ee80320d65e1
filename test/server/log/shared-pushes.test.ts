/** Pushes of a log that come at once: fewer transactions, the answers of one after the other, and nothing twice. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import type { PendingUnit } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import type { PushOutcome, Sender } from '../../../src/server/log/unit-log.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { DecoratedSqlRecorder } from '../../support/decorated-sql-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import { notingPool } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../../support/unit-log-fixture.js';

const DEVICES = 20;
const APPEND = /INSERT INTO "\w+_units"\s+\(unit_id, position/;
const CLOCK = { nowMs: () => 1_764_000_000_000 };

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

const senderOf = (device: number): Sender => ({ subject: `subject ${device}`, replicaId: `${device}` });
const someUnit = (): PendingUnit => sampleUnit([sampleEvent(newOriginatorId(), 1)]);

type Query = SqlQueryable['query'];

/** The same log over another pool. @param append - runs the statement that writes the rows of units */
function logOver(
  pool: PostgresPool,
  { events, name }: PostgresLogFixture,
  append: (run: Query, ...args: Parameters<Query>) => ReturnType<Query> = async (run, ...args) => await run(...args),
): PostgresUnitLog {
  const postgresRecorder = new PostgresProcessRecorder({ pool, eventsTable: events.replaceAll('"', '') });
  const recorder = new DecoratedSqlRecorder(postgresRecorder, (queryable) => {
    const run: Query = (text, values) => queryable.query(text, values);
    return { query: async (...args) => (APPEND.test(args[0]) ? await append(run, ...args) : await run(...args)) };
  });
  return new PostgresUnitLog({ recorder, name, clock: CLOCK });
}

/** A log whose first transaction waits, when it has written everything, until a test lets it go on. */
function heldLog(pool: PostgresPool, fixture: PostgresLogFixture) {
  const [reached, goOn] = [Promise.withResolvers<number>(), Promise.withResolvers<void>()];
  const log = logOver(pool, fixture, async (run, ...args) => {
    const result = await run(...args);
    const { rows } = await run('SELECT pg_backend_pid() AS pid');
    reached.resolve(Number(rows[0]?.['pid']));
    await goOn.promise;
    return result;
  });
  return { log, reached: reached.promise, goOn: () => goOn.resolve() };
}

/** What becomes of all of them. */
async function outcomesOf(pushes: readonly Promise<PushOutcome>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(pushes);
  return settled.map((one) =>
    one.status === 'fulfilled' ? one.value.decisions : (one.reason as { code: string }).code,
  );
}

const commitsOf = (statements: readonly RunStatement[]): number =>
  statements.filter(({ text }) => text.trim() === 'COMMIT').length;

describe('pushes that come at once', () => {
  it('share a transaction, and each has the answer that it would have had alone', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const noted: RunStatement[] = [];
    const log = logOver(notingPool(postgres.pool, noted), fixture);
    const memory = new MemoryUnitLog({ clock: CLOCK });
    const [shelf, box] = [newOriginatorId(), newOriginatorId()];
    const begin = sampleUnit([sampleEvent(shelf, 1)]);
    const again = someUnit();
    // All on one aggregate: some fit, some are overtaken, some are added whatever there is; and one is sent by two.
    const next = sampleUnit([sampleEvent(shelf, 2)], { after: [begin.id] });
    const pushes = Array.from({ length: DEVICES }, (_, device): readonly PendingUnit[] => {
      if (device === 0) return [begin];
      if (device === 1) return [next, sampleUnit(sampleEvents(box, 1, 2))];
      if (device % 4 === 1) return [someUnit(), sampleUnit([sampleEvent(shelf, 2)], { after: [begin.id] }), someUnit()];
      if (device % 4 === 2) return [sampleUnit([sampleEvent(shelf, 9)], { isCommutative: true, after: [begin.id] })];
      if (device % 4 === 3) return [again];
      return [sampleUnit([sampleEvent(shelf, 1), sampleEvent(shelf, 3)]), someUnit()];
    });
    const expected: PushOutcome[] = [];
    for (const [device, units] of pushes.entries()) expected.push(await memory.push(units, senderOf(device)));
    const outcomes = await Promise.all(pushes.map(async (units, device) => await log.push(units, senderOf(device))));
    const end = expected.at(-1)!.head;
    // The first one went at once, and the others with each other.
    expect(commitsOf(noted)).toBe(2);
    expect(outcomes).toEqual(expected.map((outcome, device) => ({ ...outcome, head: device === 0 ? 1 : end })));
    expect(new Set(expected.map(({ conflict }) => conflict === undefined))).toEqual(new Set([true, false]));
    expect(await readLog(log)).toEqual(await readLog(memory));
  });

  it('do not make anybody wait who comes alone, and not whoever reads', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const before = someUnit();
    const { log, reached, goOn } = heldLog(postgres.pool, fixture);
    await fixture.open().push([before], senderOf(0));
    const first = log.push([someUnit()], senderOf(1));
    await reached;
    const others = [log.push([someUnit()], senderOf(2)), log.push([someUnit()], senderOf(3))];
    // In the middle of a transaction: what was there before, and no waiting.
    expect((await readLog(log)).units.map(({ id }) => id)).toEqual([before.id]);
    expect(await log.head()).toBe(1);
    goOn();
    expect((await first).head).toBe(2);
    expect((await Promise.all(others)).map(({ head }) => head)).toEqual([4, 4]);
  });

  it('fail alone when they cannot be stored, or are not answered for', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const poison = someUnit();
    const log = logOver(postgres.pool, fixture, async (run, ...args) => {
      if (String(args[1]?.[0]).includes(poison.id)) throw new RangeError('no');
      return await run(...args);
    });
    const good = Array.from({ length: 6 }, someUnit);
    const pushes = [
      log.push([good[0]!], senderOf(0)),
      log.push([good[1]!], senderOf(1)),
      log.push([{ ...someUnit(), id: 'none' }], senderOf(2)),
      log.push([good[2]!, poison], senderOf(3)),
      log.push([someUnit()], senderOf(4), () => Promise.reject(new RangeError('cannot tell'))),
      log.push([good[3]!], senderOf(5)),
    ];
    const settled = await Promise.allSettled(pushes);
    expect(settled.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'],
    ]);
    const stored = new Set((await readLog(log)).units.map(({ id }) => id));
    expect(stored).toEqual(new Set([good[0]!.id, good[1]!.id, good[3]!.id]));
  });

  it('are recorded by their own senders', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const log = logOver(postgres.pool, fixture);
    const units = Array.from({ length: DEVICES }, someUnit);
    const refused = new Set([units[3]!.id, units[12]!.id]);
    await Promise.all(
      units.map((unit, device) =>
        log.push([unit], senderOf(device), async ({ id }) =>
          refused.has(id) ? { code: 'NO', message: `Not from ${device}.` } : undefined,
        ),
      ),
    );
    const { rows } = await postgres.pool.query(
      `SELECT unit_id::text AS id, author, replica, message FROM "${fixture.name}_units" ORDER BY replica::int`,
    );
    expect(rows).toEqual(
      units.map(({ id }, device) => ({
        id,
        author: `subject ${device}`,
        replica: `${device}`,
        message: refused.has(id) ? `Not from ${device}.` : null,
      })),
    );
  });
});

describe('a connection that breaks under a shared transaction', () => {
  const DEAD = { severity: 'FATAL', sqlState: '08006', message: 'connection failure' } as const;

  it.each([
    ['in the commit, which was not carried out', false],
    ['in the commit, which was carried out', true],
  ])('%s: all of it are told, send again, and have nothing twice', async (_when, isCarriedOut) => {
    const fixture = await makePostgresLog(postgres.pool);
    const proxy = await openPostgresProxy(postgres.url);
    const pool = await createPgPool({ connectionString: proxy.url });
    onTestFinished(async () => {
      await pool.end();
      await proxy.close();
    });
    const { log, reached, goOn } = heldLog(pool, fixture);
    const units = Array.from({ length: DEVICES }, someUnit);
    const pushes = units.map((unit, device) => log.push([unit], senderOf(device)));
    await reached;
    // Of the first one, and of all the others together.
    const times = 2;
    proxy.faults.push({ text: '; COMMIT', answer: DEAD, isCarriedOut, times });
    goOn();
    expect(new Set(await outcomesOf(pushes))).toEqual(new Set(['OPERATIONAL_ERROR']));
    expect(proxy.faults).toEqual([]);
    expect(await fixture.open().head()).toBe(isCarriedOut ? DEVICES : 0);
    const outcomes = await Promise.all(units.map((unit, device) => log.push([unit], senderOf(device))));
    for (const { decisions } of outcomes) expect(decisions).toMatchObject([{ kind: 'accepted', isNew: !isCarriedOut }]);
    expect((await readLog(log)).units.map(({ id }) => id).sort()).toEqual(units.map(({ id }) => id).sort());
  });

  it('in the middle, because the server ended it: nothing is stored, and all is well the next time', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const { log, reached, goOn } = heldLog(postgres.pool, fixture);
    const units = Array.from({ length: DEVICES }, someUnit);
    const [alone, ...together] = units.map((unit, device) => log.push([unit], senderOf(device)));
    const pid = await reached;
    await postgres.pool.query('SELECT pg_terminate_backend($1)', [pid]);
    goOn();
    expect(await outcomesOf([alone!])).toEqual(['OPERATIONAL_ERROR']);
    // They came meanwhile, and had another connection.
    for (const decisions of await outcomesOf(together)) expect(decisions).toMatchObject([{ kind: 'accepted' }]);
    const outcomes = await Promise.all(units.map((unit, device) => log.push([unit], senderOf(device))));
    expect(outcomes.map(({ decisions: [decision] }) => decision?.kind === 'accepted' && decision.isNew)).toEqual([
      true,
      ...together.map(() => false),
    ]);
    expect(await log.head()).toBe(DEVICES);
  });
});
