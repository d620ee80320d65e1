/** No statement of a log reads a whole table, however long the log is: for a push, a page, a common place, an offer, a part of a bootstrap. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import type { StoredSnapshot } from '../../../src/persistence/snapshot-store.js';
import { packLostUnits } from '../../../src/persistence/unit-batch.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { Cursor } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, pageOf, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { analyzeAll, openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import { notingPool, postgresFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';

const TENANT = 'acme';
const UNITS = 5_000;
const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS = { eventsMax: 50, bytesMax: 1_000_000 };

const SEALS = { keys: [new Uint8Array(32).fill(1)] };

/** Units that wait for others. */
async function addWaiting(pool: PostgresPool, units: string, tenants: readonly string[]): Promise<void> {
  const [column, value] =
    tenants.length === 0 ? ['', ''] : ['tenant_id, ', `($2::text[])[1 + n % ${tenants.length}], `];
  const nothing = Buffer.from(packLostUnits([]));
  await pool.query(
    `INSERT INTO "${units}_set_aside"
      (${column}unit_id, unit, code, message, offered_by, offered_at_ms, edition, awaits)
      SELECT ${value}gen_random_uuid(), $1::bytea, 'CONFLICT', '', '', 0, gen_random_uuid(), gen_random_uuid()
      FROM generate_series(1, 20000) n`,
    tenants.length === 0 ? [nothing] : [nothing, tenants],
  );
}

function snapshotOf(originatorId: string, originatorVersion: number): StoredSnapshot {
  const of = { originatorId, originatorVersion, eventId: 'some', aggregateType: 'Shelf' };
  return { ...of, stateVersion: 1, takenAtMs: 0, state: Uint8Array.of(1) };
}

/** Events and units of many other tenants, some of which have much. */
async function addNeighbours(pool: PostgresPool, events: string, units: string): Promise<void> {
  await pool.query(`INSERT INTO ${events} (tenant_id, originator_id, originator_version, topic, state, notification_id)
    SELECT 't' || n % 97, gen_random_uuid(), 1, 'theirs', '\\x01', n FROM generate_series(1, 20000) n`);
  await pool.query(`INSERT INTO "${units}_units" (tenant_id, unit_id, position, last_id, count, author, replica, recorded_at_ms)
    SELECT 't' || n % 97, gen_random_uuid(), n, n, 1, '', '', 0 FROM generate_series(1, 20000) n`);
}

describe.each(['single', 'shared'])('%s', (layout) => {
  let postgres: PostgresFixture;
  let log: PostgresUnitLog;
  let recorder: PostgresProcessRecorder;
  let middle: Cursor;
  let shelf: string;
  let last: string;
  let openingSql: string;
  const noted: RunStatement[] = [];

  beforeAll(async () => {
    postgres = await openPostgres();
    const applicationName = uniqueName();
    const role = layout === 'shared' ? await makeTenantRole(postgres.pool) : undefined;
    openingSql = role === undefined ? 'SELECT 1' : `SET LOCAL ROLE ${role}; SET LOCAL daybook.tenant = '${TENANT}'`;
    recorder = new PostgresProcessRecorder({
      ...{ pool: notingPool(postgres.pool, noted), applicationName },
      ...(role === undefined ? {} : { shared: { tenant: TENANT, partitions: 3, role } }),
    });
    await recorder.createTable();
    const units = uniqueName();
    const snapshots = {
      select: async (originatorId: string) => (originatorId === shelf ? snapshotOf(shelf, 20) : undefined),
    };
    log = new PostgresUnitLog({ recorder, name: units, seals: SEALS, snapshots });
    await log.createTables();
    shelf = newOriginatorId();
    for (let version = 1; version <= UNITS; version += 500) {
      const some = Array.from({ length: 500 }, (_, index) => {
        // One aggregate is much longer than the others.
        const isShelf = index % 5 === 0;
        return sampleUnit([sampleEvent(isShelf ? shelf : newOriginatorId(), 1)], { isCommutative: true });
      });
      last = some.findLast((_, index) => index % 5 === 0)!.id;
      await log.push(some, SENDER, async ({ id }) => (id.startsWith('0') ? { code: 'NO', message: 'No.' } : undefined));
    }
    middle = (await pageOf(log, CURSOR_START, { eventsMax: 2_000, bytesMax: 1e9 })).to;
    // Gaps, as failed inserts of others leave them.
    await insertBeside('100000 + n * 2', 1_000);
    if (layout === 'shared') await addNeighbours(postgres.pool, tableOf(), units);
    await addWaiting(postgres.pool, units, layout === 'shared' ? [TENANT, 't1', 't2'] : []);
    await log.head();
    await analyzeAll(postgres.pool);
  }, 120_000);
  afterAll(() => postgres.close());

  const tableOf = (): string => recorder.dialect.log!.eventsTable;

  /** Events that others record. @param id - of the event n, as SQL */
  async function insertBeside(id: string, count: number): Promise<void> {
    const [column, value] = layout === 'shared' ? [', tenant_id', `, '${TENANT}'`] : ['', ''];
    await postgres.pool.query(
      `INSERT INTO ${tableOf()} (originator_id, originator_version, topic, state, notification_id${column})
     SELECT gen_random_uuid(), 1, 'beside', '\\x01', ${id}${value} FROM generate_series(1, ${count}) n`,
    );
    if (layout === 'shared') return;
    const sequence = `pg_get_serial_sequence('${tableOf()}', 'notification_id')`;
    await postgres.pool.query(`SELECT setval(${sequence}, (SELECT max(notification_id) FROM ${tableOf()}))`);
  }

  const PATHS: Readonly<Record<string, () => Promise<unknown>>> = {
    'a push of much': async () => {
      const strict = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
      const on = sampleUnit([sampleEvent(shelf, 1)], { isCommutative: true, after: [last] });
      const units = Array.from({ length: 200 }, () => sampleUnit([sampleEvent(newOriginatorId(), 1)]));
      expect((await log.push([strict, on, ...units], SENDER)).decisions).toHaveLength(202);
      await log.push([strict, on], SENDER);
    },
    'a push of a unit, of one that is refused, and of a conflict': async () => {
      await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], SENDER);
      const refused = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
      await log.push([refused], SENDER, async () => ({ code: 'NO', message: 'No.' }));
      const late = sampleUnit([sampleEvent(shelf, 3)], { after: [last] });
      expect((await log.push([late], SENDER)).conflict).toBe(late.id);
    },
    pages: async () => {
      await log.page(CURSOR_START, LIMITS);
      const { to } = await pageOf(log, middle, LIMITS);
      await log.page(to, { ...LIMITS, eventsMax: 1 });
    },
    'what is new': async () => {
      const { end } = await log.news(LIMITS);
      await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], SENDER);
      expect((await log.news({ ...LIMITS, after: end })).page?.units).toHaveLength(1);
      expect((await log.news({ ...LIMITS, after: middle })).page).toBeUndefined();
    },
    'what others recorded': async () => {
      await insertBeside('200000 + n', 5);
      // And one that comes late.
      await insertBeside('101999', 1);
      const head = await log.head();
      expect(head).toBeGreaterThan(UNITS);
    },
    'the history of an aggregate': async () => {
      const all = await log.history(shelf, { after: 0, upTo: UNITS, ...LIMITS });
      expect(all.length).toBeGreaterThanOrEqual(LIMITS.eventsMax);
      expect(await log.history(shelf, { after: UNITS, upTo: UNITS + 1, ...LIMITS })).toEqual([]);
    },
    'parts of a bootstrap': async () => {
      const bootstrap = [newOriginatorId(), newOriginatorId()];
      const first = await pageOf(log, CURSOR_START, { ...LIMITS, bootstrap });
      expect(first.bootstrap?.aggregates).toHaveLength(2);
      // In the midst of the aggregate that is long, whichever id it has.
      let part = await pageOf(log, CURSOR_START, { ...LIMITS, eventsMax: 1_000, bootstrap: [] });
      while (!part.bootstrap!.aggregates.some(({ originatorId }) => originatorId === shelf)) {
        part = await pageOf(log, part.to, { ...LIMITS, eventsMax: 1_000 });
      }
      expect((await pageOf(log, part.to, LIMITS)).bootstrap?.isEnd).toBe(false);
      const base = part.bootstrap?.aggregates.find(({ originatorId }) => originatorId === shelf)?.base;
      expect(base?.version).toBe(19);
    },
    'a common place': async () => {
      const marks = Array.from({ length: 50 }, (_, index) => `1.${index * 7 + 1}.${'ab'.repeat(16)}`);
      expect(await log.common([...marks, middle])).toBe(middle);
    },
    'an offer': async () => {
      const { units } = await pageOf(log, CURSOR_START, LIMITS);
      const { decisions: known } = await log.heal(asLost(units), SENDER);
      expect(known.every(({ kind }) => kind === 'known')).toBe(true);
      await log.refused({ limit: 10 });
    },
    'an offer that waits, and what it waits for': async () => {
      const id = newOriginatorId();
      const first = sampleUnit([sampleEvent(id, 1)]);
      const second = sampleUnit([sampleEvent(id, 2)], { after: [first.id] });
      const other = new MemoryUnitLog({ seals: SEALS });
      await other.push([first, second], SENDER);
      const lost = asLost((await pageOf(other, CURSOR_START, LIMITS)).units);
      expect((await log.heal(lost.slice(1), SENDER)).decisions[0]?.kind).toBe('setAside');
      const before = await log.head();
      await log.push([first], SENDER);
      expect(await log.head()).toBe(before + 2);
    },
  };

  it.each(Object.keys(PATHS))('%s', async (path) => {
    noted.length = 0;
    await PATHS[path]!();
    const statements = [...new Map(noted.map((statement) => [statement.text, statement])).values()];
    expect(statements.length).toBeGreaterThan(0);
    const faults: string[] = [];
    for (const statement of statements) faults.push(...(await postgresFaults(postgres.pool, statement, openingSql)));
    expect(faults).toEqual([]);
  });
});
