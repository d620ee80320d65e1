/**
 * States in a store that is open in this worker, and the same documents by hand in a database of sql.js beside it.
 *
 * @module
 */
import { openStore } from '../../src/host/index.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import { Random } from '../runner/random.js';
import type { FindStatesJob } from '../runner/state-jobs.js';
import {
  FIELDS,
  fillStates,
  findInRounds,
  SQLITE_BY_HAND,
  sqliteByHand,
  stock,
  stockItems,
} from '../runner/stock-states.js';
import type { FindSides, FindTimes, FoundItem, StockItem } from '../runner/stock-states.js';

const WASM_URL = '/sql-wasm.wasm';

async function findStates(job: FindStatesJob): Promise<FindTimes> {
  const items = stockItems(job.states, new Random(job.seed));
  const store = await openStore({ name: job.storeName, wasmUrl: WASM_URL });
  const database = await openSqlJs({ wasmUrl: WASM_URL });
  try {
    const states = await fillStates(store.recorder, items);
    const ours: FindSides['ours'] = (field, value) => states.find(stock, { where: { [field]: value } });
    return await findInRounds({ ours, theirs: byHand(database, items) }, job);
  } finally {
    database.close();
    await store.close();
  }
}

function byHand(database: SqliteDatabase, items: readonly FoundItem[]): FindSides['theirs'] {
  for (const sql of SQLITE_BY_HAND) database.exec(sql);
  database.exec('BEGIN');
  const insert = database.prepare('INSERT INTO stock_by_hand VALUES (?, ?, ?)');
  for (const { id, version, data } of items) insert.run([id, version, JSON.stringify(data)]);
  database.exec('COMMIT');
  const statements = new Map(FIELDS.map((field) => [field, database.prepare(sqliteByHand(field))]));
  return (field, value) =>
    (statements.get(field)?.all([value]) ?? []).map(([id, version, data]) => ({
      id: id as string,
      version: version as number,
      data: JSON.parse(data as string) as StockItem,
    }));
}

class DaybookStates implements Contender {
  async find(job: FindStatesJob): Promise<FindTimes> {
    return await findStates(job);
  }

  // Its job opens the stores that it needs.
  async open(): Promise<void> {
    throw new Error('not by itself');
  }

  async commit(): Promise<void> {
    throw new Error('not by itself');
  }

  async count(): Promise<number> {
    throw new Error('not by itself');
  }

  async close(): Promise<void> {
    // Its job has done so.
  }
}

hostJobs(new DaybookStates());
