/**
 * The states that B22 and B23 find, and how finding them is compared: alike in Node and in a browser.
 *
 * @module
 */
import * as v from 'valibot';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { defineState, SqlStateStore } from '../../src/states/index.js';
import { Random } from './random.js';
import { runRounds } from './rounds.js';
import { median } from './statistics.js';

const AT_ONCE = 500;
// A single one is too short for the clock of a browser.
const BATCH_FINDS = 20;

/** A document of about 200 bytes of JSON. */
export interface StockItem {
  /** One state has it. */
  readonly sku: string;
  /** Ten states have it. */
  readonly shelf: number;
  /** A hundred states have it. */
  readonly aisle: string;
  readonly quantity: number;
  readonly note: string;
}

/** By which something is found, and how many states there are for each value. */
export const FOUND_BY = { sku: 1, shelf: 10, aisle: 100 } as const;

/** A field that is looked for. */
export type FoundBy = keyof typeof FOUND_BY;

/** Names of all of them. */
export const FIELDS: readonly FoundBy[] = ['sku', 'shelf', 'aisle'];

/** As an application defines it. */
export const stock = defineState({
  name: 'stock',
  schema: v.object({
    sku: v.string(),
    shelf: v.number(),
    aisle: v.string(),
    quantity: v.number(),
    note: v.string(),
  }),
  indexes: FIELDS,
});

/** A state, as both sides give it. */
export interface FoundItem {
  readonly id: string;
  readonly version: number;
  readonly data: StockItem;
}

/** So many states, from a seed. They come in no order of their fields. */
export function stockItems(count: number, random: Random): readonly FoundItem[] {
  return Array.from({ length: count }, (_, index) => ({
    id: random.uuid(),
    version: 1,
    data: { ...valuesOf(index, count), quantity: random.below(1_000), note: `${random.uuid()} ${random.uuid()}` },
  }));
}

/** Puts states into a store. */
export async function fillStates(recorder: SqlRecorder, items: readonly FoundItem[]): Promise<SqlStateStore> {
  const states = new SqlStateStore({ recorder, states: [stock] });
  await states.setUp();
  for (let at = 0; at < items.length; at += AT_ONCE) await states.restore(stock, items.slice(at, at + AT_ONCE));
  return states;
}

/** A table by hand on SQLite, with the same documents and indexes. */
export const SQLITE_BY_HAND: readonly string[] = [
  'CREATE TABLE stock_by_hand (id TEXT PRIMARY KEY, version INTEGER NOT NULL, data TEXT NOT NULL)',
  ...FIELDS.map((field) => `CREATE INDEX by_hand_${field} ON stock_by_hand (json_extract(data, '$.${field}'), id)`),
];

/** What is asked of it. */
export function sqliteByHand(field: FoundBy): string {
  return `SELECT id, version, data FROM stock_by_hand WHERE json_extract(data, '$.${field}') = ? ORDER BY id`;
}

/** What stands in the fields of one of so many. */
export function valuesOf(index: number, count: number): Pick<StockItem, FoundBy> {
  const shelf = index % (count / FOUND_BY.shelf);
  return { sku: `sku-${index}`, shelf, aisle: `aisle-${index % (count / FOUND_BY.aisle)}` };
}

/** Two ways to find the same. */
export interface FindSides {
  ours(field: FoundBy, value: string | number): Promise<readonly FoundItem[]>;
  theirs(field: FoundBy, value: string | number): Promise<readonly FoundItem[]> | readonly FoundItem[];
}

/** How finding is compared. */
export interface FindWork {
  readonly seed: number;
  readonly rounds: number;
  /** How many there are. */
  readonly states: number;
  /** Of each side in a round, by each field. */
  readonly finds: number;
}

/** Microseconds of one `find`, the median of batches, for each round, by each field. */
export type FindTimes = Readonly<
  Record<FoundBy, { readonly ours: readonly number[]; readonly theirs: readonly number[] }>
>;

/**
 * Finds by each field in rounds of both sides.
 *
 * @throws Error when a side finds something else than is there
 */
export async function findInRounds(sides: FindSides, work: FindWork): Promise<FindTimes> {
  const times: Partial<Record<FoundBy, { ours: readonly number[]; theirs: readonly number[] }>> = {};
  for (const field of FIELDS) {
    const side = (find: FindSides['theirs']) => async (round: number) => {
      const random = new Random(work.seed + round);
      const values = Array.from({ length: work.finds }, () => valuesOf(random.below(work.states), work.states)[field]);
      const tookUs: number[] = [];
      for (let at = 0; at < values.length; at += BATCH_FINDS) {
        const batch = values.slice(at, at + BATCH_FINDS);
        const startMs = performance.now();
        for (const value of batch) assertFound(field, value, await find(field, value));
        tookUs.push(((performance.now() - startMs) * 1_000) / batch.length);
      }
      return median(tookUs);
    };
    times[field] = await runRounds({ ours: side(sides.ours), theirs: side(sides.theirs) }, work.rounds);
  }
  return times as FindTimes;
}

function assertFound(field: FoundBy, value: string | number, found: readonly FoundItem[]): void {
  if (found.length !== FOUND_BY[field] || found[0]?.data[field] !== value) {
    throw new Error(`found ${found.length} states with ${field} ${value}, not ${FOUND_BY[field]}`);
  }
}
