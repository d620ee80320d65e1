/** What the benchmarks of states do, with little: both sides find the same, and what changes is delivered. */
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { postgresSides, sqliteSides } from '../../bench/load/find-states.js';
import type { OpenedSides } from '../../bench/load/find-states.js';
import { liveRowsOnSqlite } from '../../bench/load/live-rows-on-sqlite.js';
import { Random } from '../../bench/runner/random.js';
import { FIELDS, findInRounds, stockItems } from '../../bench/runner/stock-states.js';
import type { FoundItem } from '../../bench/runner/stock-states.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const STATES = 1_000;

async function folder(): Promise<string> {
  const { path, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  return path;
}

async function newDatabase(): Promise<string> {
  const admin = await createPgPool({ connectionString: inject('pgUrl') });
  onTestFinished(() => admin.end());
  const name = uniqueName();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(inject('pgUrl'));
  url.pathname = name;
  return url.href;
}

const SIDES: Readonly<Record<string, (items: readonly FoundItem[]) => Promise<OpenedSides>>> = {
  'node:sqlite': async (items) => sqliteSides(join(await folder(), 'stock.sqlite'), items),
  PostgreSQL: async (items) => postgresSides(await newDatabase(), items),
};

test.each(Object.entries(SIDES))(`states on %s are found as by hand (SEED=${SEED})`, async (_engine, open) => {
  const sides = await open(stockItems(STATES, new Random(SEED)));
  try {
    // It throws where either side finds something else.
    const times = await findInRounds(sides, { seed: SEED, rounds: 2, states: STATES, finds: 30 });
    for (const field of FIELDS) expect(Math.min(...times[field].ours, ...times[field].theirs)).toBeGreaterThan(0);
    expect(await sides.ours('aisle', 'aisle-3')).toEqual(await sides.theirs('aisle', 'aisle-3'));
  } finally {
    await sides.close();
  }
});

test('a live query of states gets each change, and keeps its other rows', async () => {
  const times = await liveRowsOnSqlite(join(await folder(), 'live.sqlite'), { rounds: 2, rows: 50, changes: 5 });
  expect([times.ours.length, times.theirs.length]).toEqual([2, 2]);
});
