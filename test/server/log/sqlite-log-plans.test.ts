/** No statement of a log in SQLite reads a whole table, however long the log is. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite-driver.js';
import type { SqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { packLostUnits } from '../../../src/persistence/unit-batch.js';
import { SqliteUnitLog } from '../../../src/server/log/sqlite/sqlite-unit-log.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { notingDatabase, sqliteFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { fillLongLog, LOG_PATHS, longLogOptions } from '../../support/unit-log-paths.js';
import type { LongLog } from '../../support/unit-log-paths.js';

// As many gaps as one look takes, from the newest on; SQLite's own table, with a row for each of a few tables; and the operator's
// list, of which as much is kept as the limits of it say.
const BOUNDED =
  /^SCAN (?:daybook_log_gaps|sqlite_sequence|daybook_log_rejected USING INDEX daybook_log_rejected_listed):/;

const noted: RunStatement[] = [];
let database: SqliteDatabase;
let long: LongLog;

beforeAll(async () => {
  database = await openNodeSqlite({ path: ':memory:' });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const shelf = newOriginatorId();
  const log = new SqliteUnitLog({ recorder, ...longLogOptions(shelf) });
  await log.createTables();
  const insertBeside = async (id: string, count: number): Promise<void> => {
    await recorder.query(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
      INSERT INTO stored_events (notification_id, originator_id, originator_version, topic, state)
      SELECT ${id}, randomblob(16), 1, 'beside', X'01' FROM numbers`);
  };
  long = { ...(await fillLongLog(log, shelf)), insertBeside };
  // Gaps, as others may leave them, and units that wait for others.
  await insertBeside('100000 + n * 2', 1_000);
  await recorder.query(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
    INSERT INTO daybook_log_set_aside (unit_id, unit, code, message, offered_by, offered_at_ms, edition, awaits)
    SELECT randomblob(16), $1, 'CONFLICT', '', '', 0, randomblob(16), randomblob(16) FROM numbers`,
    [packLostUnits([])],
  );
  await log.head();
  // From now on it is noted, by a connection that has compiled nothing yet.
  const noting = new SqliteProcessRecorder(notingDatabase(database, noted));
  long = { ...long, log: new SqliteUnitLog({ recorder: noting, ...longLogOptions(shelf) }) };
}, 120_000);
afterAll(() => database.close());

it.each(Object.keys(LOG_PATHS))('%s', async (path) => {
  await LOG_PATHS[path]!(long);
  // All up to now: what was asked before is compiled, and not again.
  const statements = [...new Map(noted.map((statement) => [statement.text, statement])).values()];
  expect(statements.length).toBeGreaterThan(0);
  const faults = statements.flatMap((statement) => sqliteFaults(database, statement));
  expect(faults.filter((fault) => !BOUNDED.test(fault))).toEqual([]);
});
