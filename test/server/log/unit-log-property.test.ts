/**
 * Devices that push, follow, fall behind, heal, and a server that is set back, at random: a log in tables answers each request
 * as the one in memory does, byte by byte, and whatever was answered, the log keeps its rules.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { ConfirmedUnit, Cursor, LostUnit, PendingUnit } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import type { StoredUnitLog } from '../../../src/server/log/stored-unit-log.js';
import { asLost, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeSqliteLog } from '../../support/sqlite-log-fixture.js';
import type { SqliteLogFixture } from '../../support/sqlite-log-fixture.js';
import { makePostgresLog, makeSharedLog } from '../../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../../support/unit-log-fixture.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = 60;
const AGGREGATES = ['a', 'b', 'c'].map((letter) => `${letter.repeat(8)}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`);
const DEVICES = 3;
const OPTIONS = { seals: { keys: [new Uint8Array(32).fill(3)] }, clock: { nowMs: () => 1_764_000_000_000 } };

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

/** What somebody does. Numbers choose among what there is at that time. */
type Step =
  | { readonly kind: 'record'; readonly device: number; readonly drafts: readonly Draft[] }
  | {
      readonly kind: 'push';
      readonly device: number;
      readonly from: number;
      readonly count: number;
      readonly isAhead: boolean;
    }
  | { readonly kind: 'follow'; readonly device: number; readonly eventsMax: number }
  | { readonly kind: 'beside'; readonly aggregate: number; readonly count: number }
  | { readonly kind: 'backup' }
  | { readonly kind: 'restore'; readonly which: number };
interface Draft {
  readonly aggregates: readonly number[];
  readonly isCommutative: boolean;
}

const device = fc.nat({ max: DEVICES - 1 });
const draft: fc.Arbitrary<Draft> = fc.record({
  aggregates: fc.array(fc.nat({ max: AGGREGATES.length - 1 }), { minLength: 1, maxLength: 3 }),
  isCommutative: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      device,
      drafts: fc.array(draft, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('push' as const),
      device,
      from: fc.nat({ max: 2 }),
      count: fc.integer({ min: 1, max: 5 }),
      isAhead: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('follow' as const), device, eventsMax: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('beside' as const),
      aggregate: fc.nat({ max: AGGREGATES.length - 1 }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('backup' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), which: fc.nat({ max: 5 }) }) },
);

/**
 * All that is counted below happens in these steps, whatever the seed is: chance alone has shown one kind or the other too
 * seldom to rely on.
 */
const ALL_KINDS: Step[] = [
  { kind: 'backup' },
  // A unit that a log set back has lost, and whose version somebody else has taken meanwhile, is set aside.
  { kind: 'record', device: 0, drafts: [{ aggregates: [0], isCommutative: false }] },
  { kind: 'push', device: 0, from: 0, count: 1, isAhead: false },
  { kind: 'follow', device: 0, eventsMax: 6 },
  { kind: 'restore', which: 0 },
  { kind: 'beside', aggregate: 0, count: 1 },
  { kind: 'follow', device: 0, eventsMax: 6 },
  // One that nobody has come before is restored.
  { kind: 'record', device: 1, drafts: [{ aggregates: [1], isCommutative: false }] },
  { kind: 'push', device: 1, from: 0, count: 1, isAhead: false },
  { kind: 'follow', device: 1, eventsMax: 6 },
  { kind: 'restore', which: 0 },
  { kind: 'follow', device: 1, eventsMax: 6 },
  // Who has not followed is in conflict; who follows a unit that never came is early.
  { kind: 'record', device: 2, drafts: [1, 2, 2].map((index) => ({ aggregates: [index], isCommutative: false })) },
  { kind: 'push', device: 2, from: 0, count: 1, isAhead: false },
  { kind: 'push', device: 2, from: 2, count: 1, isAhead: true },
  // The seventh id is refused.
  { kind: 'record', device: 0, drafts: [2, 2].map((index) => ({ aggregates: [index], isCommutative: false })) },
  { kind: 'push', device: 0, from: 0, count: 2, isAhead: false },
];

/** A device, as simple as it can be: what it follows, and units that it has decided on that. */
class Device {
  cursor: Cursor = CURSOR_START;
  readonly marks: Cursor[] = [];
  confirmed: ConfirmedUnit[] = [];
  pending: PendingUnit[] = [];

  record(drafts: readonly Draft[], newId: () => string): void {
    for (const { aggregates, isCommutative } of drafts) {
      const ends = this.#ends();
      const after = [...new Set(aggregates)].map((index) => ends.get(AGGREGATES[index]!)?.unit);
      const events = aggregates.map((index): StoredEvent => {
        const originatorId = AGGREGATES[index]!;
        const originatorVersion = (ends.get(originatorId)?.version ?? 0) + 1;
        ends.set(originatorId, { version: originatorVersion, unit: '' });
        return { originatorId, originatorVersion, topic: 't', state: Uint8Array.of(index, this.pending.length) };
      });
      this.pending.push(sampleUnit(events, { id: newId(), isCommutative, after }));
    }
  }

  #ends(): Map<string, { version: number; unit: string }> {
    const ends = new Map<string, { version: number; unit: string }>();
    for (const { id, events } of [...this.confirmed, ...this.pending]) {
      for (const { originatorId, originatorVersion } of events) {
        ends.set(originatorId, { version: originatorVersion, unit: id });
      }
    }
    return ends;
  }
}

/** Both logs, which are asked alike. */
class Logs {
  readonly #logs: readonly [StoredUnitLog, StoredUnitLog];

  constructor(memory: StoredUnitLog, inTables: StoredUnitLog) {
    this.#logs = [memory, inTables];
  }

  async both<T>(ask: (log: StoredUnitLog) => Promise<T>): Promise<T> {
    const [expected, found] = [await ask(this.#logs[0]), await ask(this.#logs[1])];
    expect(found).toEqual(expected);
    return expected;
  }
}

/** What the log must be, whatever happened. @param sent - units as they were decided, by id */
function assertRules(units: readonly ConfirmedUnit[], sent: ReadonlyMap<string, PendingUnit>): void {
  let position = 0;
  const versions = new Map<string, number>();
  expect(new Set(units.map(({ id }) => id)).size).toBe(units.length);
  for (const unit of asLost(units)) {
    expect(unit.position).toBe((position += unit.events.length));
    for (const { originatorId, originatorVersion } of unit.events) {
      expect(originatorVersion).toBe((versions.get(originatorId) ?? 0) + 1);
      versions.set(originatorId, originatorVersion);
    }
    const decided = sent.get(unit.id);
    if (decided === undefined || decided.isCommutative) continue;
    expect(unit.after).toEqual(decided.after);
    expect(unit.events).toEqual(decided.events);
  }
}

const LAYOUTS: Readonly<Record<string, () => Promise<PostgresLogFixture | SqliteLogFixture>>> = {
  PostgreSQL: () => makePostgresLog(postgres.pool),
  // Its neighbour is left alone by all that happens, also by the backups.
  'tables that are shared': () => makeSharedLog(postgres.pool, { partitions: 2 }),
  SQLite: async () => {
    const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path: ':memory:' }));
    await recorder.createTable();
    return await makeSqliteLog(recorder);
  },
};

it.each(Object.entries(LAYOUTS))(
  `of many devices is the same in %s and in memory, seed ${SEED}`,
  { timeout: 240_000 },
  async (_layout, make) => {
    const seen = { accepted: 0, conflicts: 0, early: 0, rejected: 0, unknown: 0, restored: 0, setAside: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const memory = new MemoryUnitLog(OPTIONS);
        const fixture = await make();
        const logs = new Logs(memory, fixture.open(OPTIONS));
        const devices = Array.from({ length: DEVICES }, () => new Device());
        const backups: (() => Promise<void>)[] = [];
        const sent = new Map<string, PendingUnit>();
        let ids = 0;
        const newId = (): string => `${(++ids).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
        const senderOf = (index: number): { subject: string; replicaId: string } => ({
          subject: index === 0 ? '' : `subject ${index}`,
          replicaId: `${index}`,
        });
        const heal = async (one: Device, index: number): Promise<void> => {
          seen.unknown++;
          const common = await logs.both((log) => log.common(one.marks));
          const kept = common === CURSOR_START ? 0 : Number(common.split('.')[1]);
          const lost: LostUnit[] = asLost(one.confirmed).filter(({ position }) => position > kept);
          const { decisions: healings } = await logs.both((log) => log.heal(lost, senderOf(index)));
          for (const { kind } of healings) {
            expect(kind).not.toBe('refused');
            if (kind === 'restored' || kind === 'setAside') seen[kind]++;
          }
          one.confirmed = one.confirmed.filter(({ position }) => position <= kept);
          one.cursor = common;
          one.marks.splice(
            0,
            one.marks.length,
            ...one.marks
              .slice(one.marks.indexOf(common))
              .filter((m) => m === common || Number(m.split('.')[1]) <= kept),
          );
        };
        const actions = {
          record: async ({ device: index, drafts }: Extract<Step, { kind: 'record' }>) => {
            devices[index]!.record(drafts, newId);
          },
          push: async ({ device: index, from, count, isAhead }: Extract<Step, { kind: 'push' }>) => {
            const one = devices[index]!;
            const units = one.pending.slice(from, from + count);
            for (const unit of units) sent.set(unit.id, unit);
            const authorize = async ({ id }: PendingUnit): Promise<{ code: string; message: string } | undefined> =>
              id.startsWith('0000000') && id.charAt(7) === '7' ? { code: 'NO', message: 'No.' } : undefined;
            const follows = isAhead ? one.pending[from - 1]?.id : undefined;
            const { decisions, conflict } = await logs.both((log) =>
              log.push(units, senderOf(index), authorize, undefined, follows),
            );
            if (follows !== undefined && conflict === units[0]?.id) seen.early++;
            if (conflict !== undefined) seen.conflicts++;
            for (const { id, kind } of decisions) {
              seen[kind]++;
              // As a device does: what was refused goes, with what stood on it.
              if (kind === 'rejected') one.pending = one.pending.filter((unit) => unit.id !== id);
            }
          },
          follow: async ({ device: index, eventsMax }: Extract<Step, { kind: 'follow' }>) => {
            const one = devices[index]!;
            const page = await logs.both((log) => log.page(one.cursor, { eventsMax, bytesMax: 1_000 }));
            if (page === undefined) {
              await heal(one, index);
              return;
            }
            const ours = new Set(page.units.map(({ id }) => id));
            // What is not confirmed was decided on another state: it is decided anew, when somebody records again.
            if (page.units.length > 0)
              one.pending = one.pending.filter(({ id }) => !ours.has(id) && one.pending.length < 8);
            one.confirmed.push(...page.units);
            one.cursor = page.to;
            if (page.to !== CURSOR_START) one.marks.unshift(page.to);
          },
          beside: async ({ aggregate, count }: Extract<Step, { kind: 'beside' }>) => {
            const originatorId = AGGREGATES[aggregate]!;
            const stored = await fixture.recorder.selectEvents(originatorId, { desc: true, limit: 1 });
            const last = stored[0]?.originatorVersion ?? 0;
            const events = Array.from({ length: count }, (_, index) => ({
              ...{ originatorId, originatorVersion: last + 1 + index, topic: 'beside' },
              state: Uint8Array.of(++ids & 255),
            }));
            memory.insertBeside(events);
            await fixture.insertBeside(events);
          },
          backup: async () => {
            const both = [memory.backup(), await fixture.backup()] as const;
            backups.push(async () => {
              both[0]();
              await both[1]();
            });
          },
          restore: async ({ which }: Extract<Step, { kind: 'restore' }>) => {
            if (backups.length > 0) await backups[which % backups.length]!();
          },
        };
        for (const one of steps) await (actions[one.kind] as (step: Step) => Promise<void>)(one);
        const { units } = await logs.both((log) => readLog(log));
        assertRules(units, sent);
        await logs.both((log) => log.refused({ limit: 1_000 }));
      }),
      { seed: SEED, numRuns: RUNS, examples: [[ALL_KINDS]] },
    );
    // All of it happens, or the comparison says little.
    for (const [what, count] of Object.entries(seen)) expect(count, `seed ${SEED}: ${what}`).toBeGreaterThan(0);
  },
);
