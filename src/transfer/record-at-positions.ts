/**
 * Records events at the positions that they had, where those are free.
 *
 * Who follows the log elsewhere counts by them, and goes on where it is.
 *
 * @module
 */
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { plain } from './events-file.js';
import type { FileEvent } from './events-file.js';

/** @returns the positions that the events have, in their order */
export async function recordAtPositions(
  recorder: SqlRecorder,
  events: readonly FileEvent[],
): Promise<readonly NotificationId[]> {
  const { log, nextPositionSql = [] } = recorder.dialect;
  return await recorder.transaction(async (transaction) => {
    const { connection } = transaction;
    if (log !== undefined) await connection.query(log.lockSql);
    const ids: NotificationId[] = [];
    let last = await transaction.maxNotificationId();
    for (const run of runsOf(events)) {
      const position = (run[0] as FileEvent).id;
      if (position > last) for (const sql of nextPositionSql) await connection.query(sql, [position]);
      for (const id of await transaction.insertEvents(run.map(plain))) ids.push(id);
      last = ids.at(-1) ?? last;
    }
    return ids;
  });
}

/** Events whose positions follow each other without a gap. */
function runsOf(events: readonly FileEvent[]): readonly (readonly FileEvent[])[] {
  const runs: FileEvent[][] = [];
  for (const event of events) {
    const run = runs.at(-1);
    if (run !== undefined && (run.at(-1) as FileEvent).id + 1 === event.id) run.push(event);
    else runs.push([event]);
  }
  return runs;
}
