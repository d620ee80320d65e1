/**
 * A look at a store by whoever operates it: what is wrong, or will be, and what could not be seen.
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import { ProgrammingError } from '../../persistence/errors.js';
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { checkedMs, FOREIGN_MS_MAX } from '../../persistence/validation.js';
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import { BoundedReads, detailOf } from '../reading/bounded-reads.js';
import type { Check, Examination } from './examination.js';
import { diagnosisOf } from './finding.js';
import type { Diagnosis, Finding } from './finding.js';
import { FOLLOWER_CHECKS } from './follower-checks.js';
import { REPLICATION_CHECKS } from './replication-checks.js';
import { SERVER_CHECKS } from './server-checks.js';
import { TABLE_CHECKS } from './table-checks.js';
import { thresholdsOf } from './thresholds.js';
import type { DoctorThresholds } from './thresholds.js';
import { UNIT_LOG_CHECKS } from './unit-log-checks.js';
import { throwIfAborted } from '../../persistence/heed-signal.js';

const TIMEOUT_MS_DEFAULT = 30_000;
const OUTBOX_DEFAULT = 'event_outbox';
const DENIED_STATE = '42501';

/** Options of {@link diagnose}. */
export interface DiagnoseOptions {
  /** From where on a figure is worth a word. */
  readonly thresholds?: Partial<DoctorThresholds>;
  /** @defaultValue `event_outbox`; one that is not there, or is of another log, is passed over */
  readonly outboxTable?: string;
  /** Of the tables beside the events. PostgreSQL only. @defaultValue the first of the search path */
  readonly schema?: string;
  /**
   * Logs that a process of this recorder follows, under the names that it tracks them by: whoever can say where they end.
   *
   * @defaultValue none: how far others are followed is not looked at
   */
  readonly followed?: Readonly<Record<string, Pick<ApplicationRecorder, 'maxNotificationId'>>>;
  /** How long all of it may take, in milliseconds. What was not reached is `unknown`. @defaultValue 30,000 */
  readonly timeoutMs?: number;
  /** Ends it between two statements. */
  readonly signal?: AbortSignal;
  /** @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs' | 'monotonicMs'>;
}

/**
 * Looks at a store and at the server that it is on. Reads only, by short statements.
 *
 * ```text
 * server        version, whether it is a standby                  PostgreSQL
 * setting       fsync, full_page_writes, synchronous_commit, …    PostgreSQL
 * connections   how many of those that there are                  PostgreSQL
 * transaction   those that are open for long                      PostgreSQL
 * slot          what slots of replication hold back, or lost      PostgreSQL
 * uniqueness    whether a position of an aggregate is unique      PostgreSQL
 * vacuum        autovacuum, dead rows, statistics, freezing       PostgreSQL
 * index         those that are invalid, or that nobody reads      PostgreSQL
 * projection    events to take in; dead letters
 * outbox        messages that wait, and for how long; given up
 * tracking      how far the logs of `followed` are followed
 * units         how far a sync server's log is; what it has set aside
 * ```
 *
 * What the role may not see is a finding of its own, with the level `unknown`, and the rest is looked at. A database that
 * does not answer is a finding, too.
 *
 * @example
 * ```ts
 * const { level, findings } = await diagnose(recorder);
 * if (level !== 'ok') console.table(findings.filter((one) => one.level !== 'ok'));
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 * @throws the signal's reason when it was aborted
 */
export async function diagnose(recorder: SqlRecorder, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const context = contextOf(recorder, options);
  const { log } = recorder.dialect;
  const unreachable = await findUnreachable(context, options.signal);
  if (unreachable !== undefined) return diagnosisOf([unreachable]);
  const found: (readonly Finding[])[] = [];
  if (log !== undefined) {
    for (const check of [...SERVER_CHECKS, ...REPLICATION_CHECKS, ...TABLE_CHECKS]) {
      found.push(await seen(check, { ...context, log }, options.signal));
    }
  }
  for (const check of [...FOLLOWER_CHECKS, ...UNIT_LOG_CHECKS]) found.push(await seen(check, context, options.signal));
  return diagnosisOf(found.flat());
}

function contextOf(recorder: SqlRecorder, options: DiagnoseOptions): Examination {
  const { outboxTable = OUTBOX_DEFAULT, schema, followed = {}, timeoutMs = TIMEOUT_MS_DEFAULT, signal } = options;
  const { clock = systemClock } = options;
  // A recorder without SQL, from JavaScript.
  if ((recorder as Partial<SqlRecorder>).dialect === undefined) {
    throw new ProgrammingError('diagnose needs a recorder with SQL: of PostgreSQL, SQLite, or a store in the browser.');
  }
  checkedMs('timeoutMs', timeoutMs, { min: 1, max: FOREIGN_MS_MAX });
  sqlTableName(outboxTable, schema, recorder.dialect);
  const unfit = Object.entries(followed).find(
    ([, upstream]) => typeof (upstream as Partial<ApplicationRecorder> | undefined)?.maxNotificationId !== 'function',
  );
  if (unfit !== undefined) throw new ProgrammingError(`followed.${unfit[0]} must be a recorder.`);
  const reads = new BoundedReads(recorder, { timeoutMs, signal, clock });
  return { recorder, reads, thresholds: thresholdsOf(options.thresholds), outboxTable, schema, followed, clock };
}

async function findUnreachable({ reads }: Examination, signal: AbortSignal | undefined): Promise<Finding | undefined> {
  try {
    await reads.rows({ text: 'SELECT 1 AS answer', values: [] });
    return undefined;
  } catch (error) {
    throwIfAborted(signal);
    return {
      ...{ check: 'connection', level: 'critical', subject: 'database', details: codeOf(error) },
      message: `The database does not answer: ${messageOf(error)}`,
      advice: 'See whether it runs, whether it is reached from here, and whether the role may connect.',
    };
  }
}

async function seen<Context extends Examination>(
  { name, what, run }: Check<Context>,
  context: Context,
  signal: AbortSignal | undefined,
): Promise<readonly Finding[]> {
  try {
    return await run(context);
  } catch (error) {
    throwIfAborted(signal);
    const isDenied = detailOf(error, 'sqlState') === DENIED_STATE;
    return [
      {
        ...{ check: name, level: 'unknown', subject: what, details: codeOf(error) },
        message: `It could not be seen: ${what}. ${messageOf(error)}`,
        advice: isDenied ? 'GRANT SELECT on it to the role that looks.' : undefined,
      },
    ];
  }
}

function codeOf(error: unknown): Finding['details'] {
  const sqlState = detailOf(error, 'sqlState');
  const code = isEventSourcingError(error) ? error.code : 'UNKNOWN';
  return typeof sqlState === 'string' ? { code, sqlState } : { code };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
