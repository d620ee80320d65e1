/**
 * A Durable Object that has a store: opened before anything is delivered to it, its followers driven by its alarm.
 *
 * @module
 */
import { JobTable } from './job-table.js';
import { ObjectAlarms } from './object-alarms.js';
import type { AlarmJob } from './alarm-job.js';
import { openObjectRecorder } from '../persistence/durable-object/object-recorder.js';
import { objectDatabase } from '../persistence/durable-object/object-sqlite.js';
import type { ObjectContext, ObjectStorage } from '../persistence/durable-object/object-storage.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { SqliteProcessRecorder } from '../persistence/sqlite/sqlite-recorder.js';
import type { SqliteTableOptions } from '../persistence/sqlite/sqlite-replica.js';
import { checkedMs } from '../persistence/validation.js';
import type { BackoffBounds } from '../util/backoff.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';

const RETRY: BackoffBounds = { delayMsMin: 2_000, delayMsMax: 300_000 };

/** Options of {@link openDaybookObject} and {@link daybookObject}. */
export interface DaybookObjectOptions extends SqliteTableOptions {
  /** Bounds of the wait after a job has failed, at least a second. @defaultValue from 2 s, to 5 minutes at the most */
  readonly retry?: BackoffBounds;
  /** @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  /** From 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** What an object is opened with. */
export interface ObjectMeans<Context extends ObjectContext = ObjectContext> {
  /** Its tables are there. */
  readonly recorder: SqliteProcessRecorder;
  /** `ctx` of the object. */
  readonly context: Context;
}

/** What an object has open. */
export interface ObjectParts {
  /** What its alarm does, in this order. @defaultValue nothing: then there is no alarm */
  readonly jobs?: readonly AlarmJob[];
  /** Told of every failure of a job: it is tried again when it may pass, and else stopped until the object is started anew. */
  readonly onJobFailed?: (job: string, error: unknown) => void;
}

/** What `open` resolves to: whatever the object needs, and what is asked of it here. */
export type OpenedParts<Parts extends object> = Parts & ObjectParts;

/** An object that has a store. */
export interface DaybookObject<Parts extends object> {
  /** What was opened; to be awaited wherever it is used. */
  readonly daybook: Promise<Parts>;
  /** The object's handler of its alarm. An object has one alarm: work of your own is a job. */
  alarm(): Promise<void>;
  /**
   * Runs the jobs in the caller's own time, until nothing follows any more: for an answer that is to show what was just done.
   * What has failed waits for its time all the same.
   */
  settle(): Promise<void>;
}

/**
 * Opens the store of an object: in its constructor. For a class of one's own; {@link daybookObject} makes a base class.
 *
 * @param context - `ctx`
 * @param open - makes what the object has; creates tables. Nothing is delivered to the object before it has resolved
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) by `daybook`, when two jobs have one name, and by itself when a time makes no sense
 *
 * @example
 * ```ts
 * export class Orders extends DurableObject {
 *   readonly #object = openDaybookObject(this.ctx, async ({ recorder }) => ({
 *     app: new Application({ recorder, aggregates: [order] }),
 *   }));
 *
 *   async place(id: string): Promise<void> {
 *     const { app } = await this.#object.daybook;
 *     await app.execute(order, id, { type: 'PlaceOrder', data: {} });
 *   }
 *
 *   alarm(): Promise<void> {
 *     return this.#object.alarm();
 *   }
 * }
 * ```
 */
export function openDaybookObject<Context extends ObjectContext, Parts extends object>(
  context: Context,
  open: (means: ObjectMeans<Context>) => OpenedParts<Parts> | Promise<OpenedParts<Parts>>,
  options: DaybookObjectOptions = {},
): DaybookObject<Parts> {
  const retry = options.retry ?? RETRY;
  checkedMs('retry.delayMsMin', retry.delayMsMin);
  checkedMs('retry.delayMsMax', retry.delayMsMax);
  const opened = context.blockConcurrencyWhile(async () => {
    const recorder = await openObjectRecorder(context.storage, options);
    const parts = await open({ recorder, context });
    const alarms = await startJobs({ storage: context.storage, recorder, retry, options }, parts);
    return { parts, alarms };
  });
  const alarms = async (): Promise<ObjectAlarms | undefined> => (await opened).alarms;
  return {
    daybook: opened.then(({ parts }) => parts),
    alarm: async () => (await alarms())?.alarm(),
    settle: async () => (await alarms())?.settle(),
  };
}

/**
 * Makes a base class of the platform's: of `DurableObject`, which is handed in, so that nothing of the platform is imported
 * here.
 *
 * @param Base - `DurableObject`, of `cloudflare:workers`, or a class that extends it
 * @param open - as for {@link openDaybookObject}; with `env`
 *
 * @example
 * ```ts
 * export class Orders extends daybookObject(DurableObject<Env>, async ({ recorder }) => ({
 *   app: new Application({ recorder, aggregates: [order] }),
 * })) {
 *   async place(id: string): Promise<void> {
 *     const { app } = await this.daybook;
 *     await app.execute(order, id, { type: 'PlaceOrder', data: {} });
 *   }
 * }
 * ```
 */
export function daybookObject<Context extends ObjectContext, Env, Instance extends object, Parts extends object>(
  Base: abstract new (context: Context, env: Env) => Instance,
  open: (means: ObjectMeans<Context> & { readonly env: Env }) => OpenedParts<Parts> | Promise<OpenedParts<Parts>>,
  options: DaybookObjectOptions = {},
): new (context: Context, env: Env) => Instance & DaybookObject<Parts> {
  // TypeScript extends no class whose type is a parameter's.
  const Platform = Base as unknown as new (context: Context, env: Env) => object;
  class ObjectWithStore extends Platform implements DaybookObject<Parts> {
    readonly daybook: Promise<Parts>;
    readonly #object: DaybookObject<Parts>;

    constructor(context: Context, env: Env) {
      super(context, env);
      this.#object = openDaybookObject(context, (means) => open({ ...means, env }), options);
      this.daybook = this.#object.daybook;
    }

    async alarm(): Promise<void> {
      await this.#object.alarm();
    }

    async settle(): Promise<void> {
      await this.#object.settle();
    }
  }
  return ObjectWithStore as unknown as new (context: Context, env: Env) => Instance & DaybookObject<Parts>;
}

interface JobMeans {
  readonly storage: ObjectStorage;
  readonly recorder: SqliteProcessRecorder;
  readonly retry: BackoffBounds;
  readonly options: DaybookObjectOptions;
}

async function startJobs(
  { storage, recorder, retry, options }: JobMeans,
  { jobs = [], onJobFailed }: ObjectParts,
): Promise<ObjectAlarms | undefined> {
  if (jobs.length === 0) return undefined;
  const names = jobs.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new ProgrammingError(`Two jobs of the object are called ${twice}: each needs a name of its own.`);
  }
  const table = new JobTable(recorder);
  await table.open();
  const { clock = systemClock, random = Math.random } = options;
  const alarms = new ObjectAlarms({ storage, jobs, table, retry, onJobFailed, clock, random });
  objectDatabase(storage).listen(alarms);
  await alarms.start();
  return alarms;
}
