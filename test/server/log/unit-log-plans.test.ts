/** No statement of a log reads a whole table, however long the log is: for a push, a page, a common place, an offer. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { Cursor } from '../../../src/persistence/unit.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, pageOf, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { notingPool, postgresFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';

const UNITS = 5_000;
const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS = { eventsMax: 50, bytesMax: 1_000_000 };

let postgres: PostgresFixture;
let log: PostgresUnitLog;
let recorder: PostgresProcessRecorder;
let middle: Cursor;
let shelf: string;
let last: string;
const noted: RunStatement[] = [];

beforeAll(async () => {
  postgres = await openPostgres();
  const applicationName = uniqueName();
  recorder = new PostgresProcessRecorder({ pool: notingPool(postgres.pool, noted), applicationName });
  await recorder.createTable();
  log = new PostgresUnitLog({ recorder, name: uniqueName(), seals: { keys: [new Uint8Array(32).fill(1)] } });
  await log.createTables();
  shelf = newOriginatorId();
  for (let version = 1; version <= UNITS; version += 500) {
    const units = Array.from({ length: 500 }, (_, index) => {
      // One aggregate is much longer than the others.
      const isShelf = index % 5 === 0;
      return sampleUnit([sampleEvent(isShelf ? shelf : newOriginatorId(), 1)], { isCommutative: true });
    });
    last = units.findLast((_, index) => index % 5 === 0)!.id;
    await log.push(units, SENDER, async ({ id }) => (id.startsWith('0') ? { code: 'NO', message: 'No.' } : undefined));
  }
  middle = (await pageOf(log, CURSOR_START, { eventsMax: 2_000, bytesMax: 1e9 })).to;
  // Gaps, as failed inserts of others leave them.
  const { events: table } = tablesOf();
  await postgres.pool.query(
    `INSERT INTO ${table} (originator_id, originator_version, topic, state, notification_id)
     SELECT gen_random_uuid(), 1, 'beside', '\\x01', 100000 + n * 2 FROM generate_series(1, 1000) n`,
  );
  await postgres.pool.query(`SELECT setval(pg_get_serial_sequence('${table}', 'notification_id'), 102000)`);
  await log.head();
  await postgres.pool.query('ANALYZE');
}, 120_000);
afterAll(() => postgres.close());

function tablesOf(): { events: string } {
  return { events: recorder.dialect.log!.eventsTable };
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
  'what others recorded': async () => {
    await postgres.pool.query(
      `INSERT INTO ${tablesOf().events} (originator_id, originator_version, topic, state)
       SELECT gen_random_uuid(), 1, 'beside', '\\x02' FROM generate_series(1, 5)`,
    );
    // And one that comes late.
    await postgres.pool.query(
      `INSERT INTO ${tablesOf().events} (originator_id, originator_version, topic, state, notification_id)
       VALUES (gen_random_uuid(), 1, 'beside', '\\x03', 101999)`,
    );
    const head = await log.head();
    expect(head).toBeGreaterThan(UNITS);
  },
  'a common place': async () => {
    const marks = Array.from({ length: 50 }, (_, index) => `1.${index * 7 + 1}.${'ab'.repeat(16)}`);
    expect(await log.common([...marks, middle])).toBe(middle);
  },
  'an offer': async () => {
    const { units } = await pageOf(log, CURSOR_START, LIMITS);
    const known = await log.heal(asLost(units), SENDER);
    expect(known.every(({ kind }) => kind === 'known')).toBe(true);
    await log.setAside({ limit: 10 });
  },
};

it.each(Object.keys(PATHS))('%s', async (path) => {
  noted.length = 0;
  await PATHS[path]!();
  const statements = [...new Map(noted.map((statement) => [statement.text, statement])).values()];
  expect(statements.length).toBeGreaterThan(0);
  const faults: string[] = [];
  for (const statement of statements) faults.push(...(await postgresFaults(postgres.pool, statement)));
  expect(faults).toEqual([]);
});
