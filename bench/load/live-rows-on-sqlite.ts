import { LiveQueries } from '../../src/live/index.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { defineState, SqlStateStore } from '../../src/states/index.js';
import { compareLiveRows, countedSchema } from '../runner/live-rows.js';
import type { LiveTimes, LiveWork } from '../runner/live-rows.js';

/** A live query of states in Node, on a file. */
export async function liveRowsOnSqlite(path: string, work: LiveWork): Promise<LiveTimes> {
  const database = await openNodeSqlite({ path });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const live = new LiveQueries({ recorder });
  try {
    const counted = defineState({ name: 'counted', schema: countedSchema });
    const states = new SqlStateStore({ recorder, states: [counted] });
    return await compareLiveRows({ states, live, counted }, work);
  } finally {
    await live.close();
    database.close();
  }
}
