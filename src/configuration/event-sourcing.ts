/// <reference lib="esnext.disposable" preserve="true" />
/**
 * All that an application of events stands on, made from one configuration.
 *
 * ```text
 * check ──▶ load engines ──▶ read their settings ──▶ open ──▶ tables that are missing        close: in reverse
 *       refused here, nothing is open yet       │  undone when it fails
 * ```
 *
 * @module
 */
import { SqlSnapshotStore } from '../persistence/sql/sql-snapshot-store.js';
import type { ApplicationOptions } from '../application/application-options.js';
import { MemoryOutbox } from '../application/outbox/memory-outbox.js';
import { envelopeMessages } from '../application/outbox/message-format.js';
import type { MessageFormat } from '../application/outbox/message-format.js';
import type { OutboxWorkerOptions } from '../application/outbox/outbox-worker.js';
import type { Outbox } from '../application/outbox/outbox.js';
import type { Publish, Publisher } from '../application/outbox/publisher.js';
import { SqlOutbox } from '../application/outbox/sql-outbox.js';
import { TransactionalOutbox } from '../application/outbox/transactional-outbox.js';
import { closeInReverse } from '../util/close-in-reverse.js';
import type { EnvironmentValues } from '../environment/environment.js';
import { MemorySnapshotStore } from '../persistence/memory/memory-snapshot-store.js';
import { createsTables } from '../persistence/recorder-factory.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { SnapshotStore } from '../persistence/snapshot-store.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import { loadEngine } from './configured-engine.js';
import type { ConfiguredEngine, CreatedSnapshots } from './configured-engine.js';
import { checkConfig } from './event-sourcing-config.js';
import type { CheckedConfig, EventSourcingConfig, StorePlace } from './event-sourcing-config.js';
import type { InfrastructureComponents } from './infrastructure-components.js';
import { InfrastructureFactory } from './infrastructure-factory.js';
import { NotSupportedError, ProgrammingError } from '../persistence/errors.js';

/** Options of {@link createEventSourcing}: what cannot stand in a configuration. */
export interface EventSourcingOptions {
  /**
   * What sends messages, such as a `WebhookPublisher`. Lent: the caller closes it.
   *
   * @defaultValue none, and then there is neither an outbox nor a publisher
   */
  readonly publisher?: Publish | Publisher | undefined;
  /** Makes the messages: `envelopeMessages`, `cloudEvents`. @defaultValue `envelopeMessages` */
  readonly format?:
    ((options: { readonly destination: string; readonly transcoder: Transcoder }) => MessageFormat) | undefined;
  /** More about the worker that publishes. */
  readonly worker?: Omit<OutboxWorkerOptions, 'outbox' | 'publish' | 'format'> | undefined;
  /**
   * Settings of the engines, the compressor and the cipher, by the names of docs/configuration.md: `process.env`. The
   * configuration counts more: which engine, and its address.
   *
   * @defaultValue none
   */
  readonly settings?: EnvironmentValues | undefined;
  /** Transcoders, compressors, ciphers and connectors of one's own, which settings name. */
  readonly components?: InfrastructureComponents | undefined;
}

/** What an application is made with: `new Application({ ...eventSourcing.applicationOptions, aggregates })`. */
export type ConfiguredApplicationOptions = Pick<
  ApplicationOptions,
  'name' | 'recorder' | 'snapshots' | 'inline' | 'transcoder' | 'compressor' | 'cipher'
>;

/** What {@link createEventSourcing} made. */
export interface EventSourcing extends AsyncDisposable {
  /** Where the events are. */
  readonly recorder: ProcessRecorder;
  /** The same recorder with SQL, for projections and tables of one's own; null in memory and in MongoDB. */
  readonly sql: SqlRecorder | null;
  readonly snapshots: SnapshotStore;
  /** Where events wait until they are published; null when nothing publishes. */
  readonly outbox: Outbox | null;
  /** Publishes what is in the outbox, from `publisher.start()` on; null when nothing publishes. */
  readonly publisher: TransactionalOutbox | null;
  /** All of the above, for an `Application`. */
  readonly applicationOptions: ConfiguredApplicationOptions;
  /** Ends publishing, then closes what was opened. Closing twice is fine. */
  close(): Promise<void>;
}

/**
 * Makes what a configuration says: a recorder, snapshots, and an outbox with what publishes it.
 *
 * @returns null when the configuration does not say `enabled: true`
 * @throws ConfigurationError (`CONFIGURATION_ERROR`) naming the key that is wrong; nothing was opened
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when one of the settings is wrong; nothing was opened
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is a `format` or a `worker` and no publisher; nothing was opened
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the engine cannot run here; or there is a publisher, and the events are in
 *   MongoDB, where there is no outbox: nothing was opened
 * @throws OperationalError (`OPERATIONAL_ERROR`) when a database cannot be opened
 *
 * @example
 * ```ts
 * await using eventSourcing = await createEventSourcing(
 *   { enabled: true, store: { provider: 'postgres', url: 'postgresql://localhost/shop' } },
 *   { publisher: new WebhookPublisher({ url, secret }), settings: process.env },
 * );
 * const app = new Application({ ...eventSourcing.applicationOptions, aggregates: [order] });
 * eventSourcing.publisher?.start();
 * ```
 */
export async function createEventSourcing(
  config: EventSourcingConfig & { readonly enabled: true },
  options?: EventSourcingOptions,
): Promise<EventSourcing>;
export async function createEventSourcing(
  config?: EventSourcingConfig,
  options?: EventSourcingOptions,
): Promise<EventSourcing | null>;
export async function createEventSourcing(
  config: EventSourcingConfig = {},
  options: EventSourcingOptions = {},
): Promise<EventSourcing | null> {
  const checked = checkConfig(config);
  if (!checked.isEnabled) return null;
  const plan = await planOf(checked, options);
  const closers: (() => Promise<unknown>)[] = [];
  const closeAll = (): Promise<void> => closeInReverse(closers, 'Not everything could be closed.');
  try {
    const parts = await open(plan, closers);
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => (closed ??= closeAll());
    return { ...parts, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    // What stood in the way says more than what followed from it.
    await closeAll().catch(() => undefined);
    throw error;
  }
}

/** Everything that can be refused was looked at, and nothing is open. */
interface Plan {
  readonly config: CheckedConfig;
  readonly options: EventSourcingOptions;
  readonly events: ConfiguredEngine;
  /** The same object as `events` where both are in one place. */
  readonly snapshots: ConfiguredEngine;
  readonly createsTables: boolean;
  readonly schema: string | undefined;
  /** `IS_SNAPSHOTTING_ENABLED`: here yes unless it says no, because the configuration has a place for snapshots. */
  readonly takesSnapshots: boolean;
  readonly parts: Parts;
}

/** How events become bytes. */
interface Parts extends Pick<ApplicationOptions, 'compressor' | 'cipher'> {
  readonly transcoder: Transcoder;
}

async function planOf(config: CheckedConfig, options: EventSourcingOptions): Promise<Plan> {
  refuseWithoutPublisher(options);
  refuseWithoutOutbox(config, options);
  const { name } = config;
  const { settings = {}, components = {} } = options;
  const { connectors } = InfrastructureFactory.componentsWith(components);
  const events = await loadEngine({ place: config.store, name, settings, connectors });
  const snapshots = isSamePlace(config.store, config.snapshot)
    ? events
    : // A database of its own for snapshots has no tables for events.
      await loadEngine({ place: config.snapshot, name, settings, connectors, overrides: { CREATE_TABLE: 'no' } });
  const { environment } = events;
  const factory = new InfrastructureFactory(environment, events.recorders, components);
  return {
    config,
    options,
    events,
    snapshots,
    createsTables: createsTables(environment),
    schema: environment.getText('POSTGRES_SCHEMA'),
    takesSnapshots: environment.getBoolean('IS_SNAPSHOTTING_ENABLED', true),
    parts: await partsOf(factory),
  };
}

/** Who says how messages are made and sent counts on them. */
function refuseWithoutPublisher({ publisher, format, worker }: EventSourcingOptions): void {
  if (publisher !== undefined || (format === undefined && worker === undefined)) return;
  const option = format === undefined ? 'worker' : 'format';
  throw new ProgrammingError(`${option} is of no use without a publisher: nothing would be published. Give one, too.`, {
    details: { option },
  });
}

/** What waits in memory would be lost with the process, and the events say that it is to be sent. */
function refuseWithoutOutbox({ store }: CheckedConfig, { publisher }: EventSourcingOptions): void {
  if (publisher === undefined || store.provider !== 'mongodb') return;
  throw new NotSupportedError(
    'Events in MongoDB have no outbox, so nothing can publish them in turn. Leave out the publisher, and follow the recorder instead (subscribe), with what was done as a tracking record.',
    { details: { option: 'publisher', provider: store.provider } },
  );
}

async function partsOf(factory: InfrastructureFactory): Promise<Parts> {
  const compressor = factory.compressor();
  const cipher = await factory.cipher();
  return {
    transcoder: factory.transcoder(),
    ...(compressor === undefined ? {} : { compressor }),
    ...(cipher === undefined ? {} : { cipher }),
  };
}

function isSamePlace(one: StorePlace, other: StorePlace): boolean {
  if (one.provider === 'memory' || other.provider === 'memory') return one.provider === other.provider;
  return one.provider === other.provider && one.address === other.address;
}

type Opened = Omit<EventSourcing, 'close' | typeof Symbol.asyncDispose>;

async function open(plan: Plan, closers: (() => Promise<unknown>)[]): Promise<Opened> {
  closers.push(() => plan.events.recorders.close());
  const sql = (await plan.events.openSql?.()) ?? null;
  const recorder = sql ?? (await plan.events.recorders.processRecorder());
  const snapshots = await openSnapshots(plan, sql, closers);
  const outbox = await openOutbox(plan, sql);
  const publisher = outbox === null ? null : makePublisher(plan, outbox);
  if (publisher !== null) closers.push(() => publisher.close());
  const { name } = plan.config;
  const applicationOptions: ConfiguredApplicationOptions = {
    recorder,
    ...(name === '' ? {} : { name }),
    ...(plan.takesSnapshots ? { snapshots: { store: snapshots } } : {}),
    inline: outbox === null ? [] : [outbox],
    ...plan.parts,
  };
  return { recorder, sql, snapshots, outbox, publisher, applicationOptions };
}

async function openSnapshots(
  plan: Plan,
  eventsSql: SqlRecorder | null,
  closers: (() => Promise<unknown>)[],
): Promise<SnapshotStore> {
  const { snapshots: engine, events } = plan;
  if (engine !== events) closers.push(() => engine.recorders.close());
  const store = await snapshotsOf(plan, eventsSql);
  if (store === undefined) return new MemorySnapshotStore();
  if (plan.createsTables) await store.createTables();
  return store;
}

/** @returns undefined: the engine has nowhere to keep them */
async function snapshotsOf(plan: Plan, eventsSql: SqlRecorder | null): Promise<CreatedSnapshots | undefined> {
  const { openSql, openSnapshots: openOwn } = plan.snapshots;
  if (openOwn !== undefined) return await openOwn(tableName(plan, 'states'));
  if (openSql === undefined) return undefined;
  const recorder = plan.snapshots === plan.events && eventsSql !== null ? eventsSql : await openSql();
  return new SqlSnapshotStore({ recorder, ...tableOptions(plan, recorder, 'states') });
}

async function openOutbox(plan: Plan, sql: SqlRecorder | null): Promise<Outbox | null> {
  if (plan.options.publisher === undefined) return null;
  if (sql === null) return new MemoryOutbox();
  // As secret as the events: they would be readable here otherwise.
  const outbox = new SqlOutbox({ recorder: sql, ...plan.parts, ...tableOptions(plan, sql, 'outbox') });
  if (plan.createsTables) await outbox.createTables();
  return outbox;
}

function makePublisher({ config, options, parts }: Plan, outbox: Outbox): TransactionalOutbox | null {
  const { publisher, format = envelopeMessages, worker = {} } = options;
  if (publisher === undefined) return null;
  const { destination } = config;
  return new TransactionalOutbox({
    ...worker,
    outbox,
    publish: publisher,
    format: format({ destination, transcoder: parts.transcoder }),
  });
}

/** Not `<name>_snapshots`: under this name the Python library has a table of another form. */
function tableName({ config: { name } }: Plan, ending: 'states' | 'outbox'): string | undefined {
  return name === '' ? undefined : `${name.toLowerCase()}_${ending}`;
}

function tableOptions(
  plan: Plan,
  { dialect }: SqlRecorder,
  ending: 'states' | 'outbox',
): { readonly table?: string; readonly schema?: string } {
  const { schema } = plan;
  const table = tableName(plan, ending);
  return {
    ...(table === undefined ? {} : { table }),
    ...(dialect.supportsSchemas === true && schema !== undefined ? { schema } : {}),
  };
}
