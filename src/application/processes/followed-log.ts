import { HistoryTruncatedError, ProgrammingError } from '../../persistence/errors.js';
import type { Notification } from '../../persistence/stored-event.js';
import { logName, ownerOf } from '../../persistence/sql/log-owner.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { EventLog } from '../log/event-log.js';

/** A tracking name, and the first event of the log that has it. */
const SOURCES_TABLE = 'process_sources';
/** Of recorders without SQL, whose tracking records are gone with them. */
const inMemory = new WeakMap<object, Map<string, string>>();

/** What a process follows, and where its progress is recorded. */
export interface Followed {
  readonly from: Pick<EventLog, 'recorder'> & { readonly name: string };
  readonly into: { readonly recorder: object };
}

/**
 * Sees that what is tracked under a name is of this log, and of no other one that has an application of the same name: it
 * counts by notification ids, which each log begins at 1. Whoever comes first has the name. A log is known by its first
 * event, so that it may move to another table or another database.
 *
 * @param firstOf - reads the event that the log is known by. @defaultValue the one with the smallest id
 * @returns whether that is sure; not while the log is empty
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is of another log
 */
export async function claimTracking(
  trackingName: string,
  { from, into: { recorder } }: Followed,
  firstOf: () => Promise<Notification | undefined> = async () =>
    (await from.recorder.selectNotifications({ start: 1, limit: 1 }))[0],
): Promise<boolean> {
  const log = await logOf(firstOf);
  if (log === undefined) return false;
  const owner = isSql(recorder) ? await recordedOwner(recorder, trackingName, log) : owned(recorder, trackingName, log);
  if (owner === undefined || owner === log) return true;
  throw new ProgrammingError(
    `What is tracked as ${trackingName} is of another log than this one of the application ${from.name}: this one begins with ${log}, and that one with ${owner}. Nothing was reacted to. Give the applications that are followed names of their own, or the processes; or the wires, their tracking names. Where the log has lost its first events, correct ${SOURCES_TABLE}.`,
    { details: { trackingName, log, owner } },
  );
}

/** What a log begins with, or began, where that has left. */
async function logOf(firstOf: () => Promise<Notification | undefined>): Promise<string | undefined> {
  try {
    const first = await firstOf();
    return first === undefined ? undefined : `version ${first.originatorVersion} of ${first.originatorId}`;
  } catch (error) {
    if (error instanceof HistoryTruncatedError) return String(error.details['firstEvent']);
    throw error;
  }
}

async function recordedOwner(recorder: SqlRecorder, trackingName: string, name: string): Promise<string | undefined> {
  // Where a database has several logs, each has tracking records of its own.
  const target = await logName(recorder);
  const kept = target === undefined ? trackingName : `${trackingName} in ${target}`;
  return await ownerOf(recorder, { table: SOURCES_TABLE, kept, name });
}

function isSql(recorder: object): recorder is SqlRecorder {
  return 'dialect' in recorder && 'transaction' in recorder;
}

function owned(recorder: object, trackingName: string, log: string): string {
  const owners = inMemory.get(recorder) ?? new Map<string, string>();
  inMemory.set(recorder, owners);
  const owner = owners.get(trackingName) ?? log;
  owners.set(trackingName, owner);
  return owner;
}
