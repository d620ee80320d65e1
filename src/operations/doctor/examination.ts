import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { SqlLog } from '../../persistence/sql/sql-dialect.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { Clock } from '../../util/clock.js';
import type { BoundedReads } from '../reading/bounded-reads.js';
import type { Finding } from './finding.js';
import type { DoctorThresholds } from './thresholds.js';

/** What a check has to go by. */
export interface Examination {
  readonly recorder: SqlRecorder;
  readonly reads: BoundedReads;
  readonly thresholds: DoctorThresholds;
  readonly outboxTable: string;
  /** Of the tables beside the events; `undefined` for the first of the search path. */
  readonly schema: string | undefined;
  readonly followed: Readonly<Record<string, Pick<ApplicationRecorder, 'maxNotificationId'>>>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
}

/** The same where the engine has several logs in a database, and says which one it is. */
export interface ServerExamination extends Examination {
  readonly log: SqlLog;
}

/** Looks at one thing. Whatever it throws is told as something that could not be seen. */
export interface Check<Context extends Examination = Examination> {
  readonly name: string;
  /** For the message where it could not be seen. */
  readonly what: string;
  readonly run: (context: Context) => Promise<readonly Finding[]>;
}
