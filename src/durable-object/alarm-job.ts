/**
 * What an object does by its alarm.
 *
 * @module
 */
import type { OutboxWorker } from '../application/outbox/outbox-worker.js';
import type { SqlOutbox } from '../application/outbox/sql-outbox.js';
import type { ProcessRunner } from '../application/processes/process-runner.js';
import type { ProjectionRunner } from '../application/projections/projection-runner.js';

/** How a job stands after a run. */
export interface AlarmJobResult {
  /** When it is to run again without anything being recorded, in milliseconds since 1970. @defaultValue not before something is */
  readonly dueAtMs?: number | undefined;
  /** Why it could not do all that there is, and is to be tried again. It counts as a run that rejected. */
  readonly failure?: { readonly error: unknown; readonly retryAfterMs?: number } | undefined;
}

/**
 * Work that follows what is recorded. It may be broken off anywhere, with the object, and is run again: at least once, so what
 * it does twice must do no harm.
 */
export interface AlarmJob {
  /** Tells it from the other jobs of the object, in this release and in later ones: when it is due is kept under it. */
  readonly name: string;
  /** Does what there is to do now. Never runs twice at once. */
  run(): Promise<AlarmJobResult>;
}

/** Keeps a view up: each event is in it exactly once, wherever the object was killed. */
export function projectionJob<View>(name: string, runner: Pick<ProjectionRunner<View>, 'catchUp'>): AlarmJob {
  return {
    name: `projection ${name}`,
    async run() {
      await runner.catchUp();
      return {};
    },
  };
}

/** Lets a process react: to each event exactly once, where it records into the object's own log. */
export function processJob(name: string, runner: Pick<ProcessRunner, 'catchUp'>): AlarmJob {
  return {
    name: `process ${name}`,
    async run() {
      await runner.catchUp();
      return {};
    },
  };
}

/**
 * Publishes what is in an outbox: each entry at least once. The worker is not started: the alarm is its clock.
 *
 * What was claimed by an object that was killed is published when its lease is over (`leaseMs` of the worker).
 *
 * @param outbox - that of the worker
 */
export function outboxJob(
  name: string,
  {
    worker,
    outbox,
  }: { readonly worker: Pick<OutboxWorker, 'runOnce'>; readonly outbox: Pick<SqlOutbox, 'nextDueAtMs'> },
): AlarmJob {
  return {
    name: `outbox ${name}`,
    async run() {
      const { unavailable } = await worker.runOnce();
      return unavailable === undefined ? { dueAtMs: await outbox.nextDueAtMs() } : { failure: unavailable };
    },
  };
}
