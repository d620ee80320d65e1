/**
 * What an application does with its aggregates, on whatever store.
 *
 * ```text
 * execute ──▶ load ──▶ decide ──▶ validate ──▶ evolve ──▶ one transaction: events, in-line participants ──▶ snapshot
 *    ▲                                                          │ somebody else was faster
 *    └──────────────────── decide again, when asked to ─────────┘
 * ```
 *
 * @module
 */
import type { SnapshotStore } from '../persistence/snapshot-store.js';
import type { AggregateRoot } from '../domain/aggregate-class.js';
import type { CommandOf } from '../domain/decider.js';
import type { Message } from '../domain/message-types.js';
import { UUID } from '../domain/uuid.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { SqlQueryable, SqlResult } from '../persistence/sql/sql-queryable.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import { transactionOf, whenEnded } from '../persistence/transaction-ends.js';
import type { Notification, NotificationId, StoredEvent } from '../persistence/stored-event.js';
import type { DecideAgainOptions, Superseded, UnitChanges } from '../persistence/unit-recorder.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { callListener, Listeners } from '../util/listeners.js';
import type { AggregateDefinition, AggregateKind, AnyDecider } from './aggregates/aggregate-kind.js';
import { AggregateLoader } from './aggregates/aggregate-loader.js';
import { ConcurrencyError } from './aggregates/application-errors.js';
import { HistoryTruncation } from './aggregates/history-truncation.js';
import type { TruncatedHistory, TruncateHistoryOptions } from './aggregates/history-truncation.js';
import { WholeHistory } from './aggregates/older-events.js';
import { applicationMeans } from './application-means.js';
import type { ApplicationMeans } from './application-means.js';
import type { ApplicationOptions } from './application-options.js';
import { queryIn, transactional } from './application-transaction.js';
import type { TransactionOptions } from './application-transaction.js';
import { decideAgain, validateRetryPolicy } from './commands/decide-again.js';
import { CommandExecutor } from './commands/command-executor.js';
import { EventReading } from './event-reading.js';
import type { ExecuteOptions, ExecutedBy, Execution } from './commands/command-executor.js';
import type { EventLog } from './log/event-log.js';
import { ConflictReader } from './commands/conflict-reader.js';
import { ConflictResolver } from './commands/conflict-resolver.js';
import { EventSaver } from './commands/event-saver.js';
import { InlineUnitChanges } from './commands/unit-changes.js';
import { SetAsideUnits } from './commands/set-aside-units.js';
import { SupersededDecider } from './commands/superseded-decider.js';
import type { RebasedUnit } from './commands/rebased-unit.js';
import type { Redecision } from './commands/superseded-decider.js';
import type { SaveOptions } from './commands/event-saver.js';
import { feedOf, pagedFeed } from './log/event-subscription.js';
import type { EventSubscription, NotificationFeed } from './log/event-subscription.js';
import { feedNews } from './log/feed-news.js';
import type { OnRecorded } from '../persistence/subscription.js';
import type { ExpectedVersion } from './aggregates/expected-version.js';
import { NotificationLog } from './log/notification-log.js';
import { Saving } from './saving.js';
import type { ReadEventsOptions, SubscribeOptions } from './selection.js';
import { newerEventOf } from './events/newer-event.js';
import type { NewerEvent } from './events/newer-event.js';
import type { NotifiedEvent } from './events/notified-event.js';
import { assertCanTakePart, withIndex } from './events/inline-participant.js';
import { asEditionRecorder } from './aggregates/edition-recorder.js';
import { ObjectEditions } from './aggregates/object-editions.js';
import { Repository } from './aggregates/repository.js';
import type { EventsOf } from './aggregates/repository.js';
import { snapshotsForDevices } from './aggregates/snapshots-for-devices.js';
import { Snapshots } from './aggregates/snapshots.js';
import { validateFunction, validateFunctions, validateList } from '../persistence/validation.js';

/** What {@link Application.tryExecute} resolves with: what came of the command, or the conflict that it ended in. */
export type Tried<Result> =
  ({ readonly ok: true } & Result) | { readonly ok: false; readonly conflict: ConcurrencyError };

/**
 * What can be done in a transaction: as the application does it, and seen by nobody else before the commit.
 *
 * All events of a transaction are one unit. Commands are not kept with it, so a device that was overtaken does not decide
 * them again: where that is wanted, `executeAll` has several commands in one transaction, and keeps them.
 */
export interface ApplicationTransaction extends Pick<
  Application,
  'repository' | 'execute' | 'tryExecute' | 'executeAll' | 'save' | 'saveAll' | 'append' | 'decode' | 'transaction'
> {
  /** For what takes part beside: `states.within(tx.recorder)`. Its end is heard by `onEnded`. */
  readonly recorder: RecorderTransaction<SqlQueryable | undefined>;
  /**
   * Runs SQL of one's own, with parameters `$1`, `$2` …
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) in memory, where there is no SQL
   * @throws DatabaseError (`DATABASE_ERROR`) and its subclasses when the database does not take it
   */
  query(text: string, values?: unknown[]): Promise<SqlResult>;
}

// Of applications on transactions of another one: by the options that they are made of.
const sharedMeans = new WeakMap<ApplicationOptions, ApplicationMeans>();

/**
 * An application: deciders and aggregates on a store. Use it as it is, or extend it with methods of your own.
 *
 * @example
 * ```ts
 * const app = new Application({ recorder, aggregates: [order] });
 * const { state } = await app.execute(order, orderId, { type: 'PlaceOrder', data: { lines } });
 *
 * class TrainingSchool extends Application {
 *   constructor(recorder: ProcessRecorder) {
 *     super({ recorder, aggregates: [Dog] });
 *   }
 *   async addTrick(name: string, trick: string): Promise<void> {
 *     const dog = await this.repository.get(Dog, Dog.createId(name));
 *     dog.addTrick(trick);
 *     await this.save(dog);
 *   }
 * }
 * ```
 */
export class Application implements EventLog {
  /** For others that follow this application. */
  readonly name: string;
  /** Where the events are. */
  readonly recorder: ProcessRecorder;
  /** Reads aggregates. */
  readonly repository: Repository;
  /** What was set aside on this device, by others' events or a server's no: to read, to try again, to give up. */
  readonly setAside: SetAsideUnits;
  /** The events as notifications, in sections. */
  readonly log: NotificationLog;
  readonly #clock: Clock;
  readonly #means: ApplicationMeans;
  readonly #saving: Saving;
  readonly #executor: CommandExecutor;
  readonly #snapshotsForDevices: () => Pick<SnapshotStore, 'select'>;
  readonly #truncation: HistoryTruncation;
  readonly #superseded: SupersededDecider;
  readonly #needsHistory: boolean;
  readonly #unitChanges: InlineUnitChanges;
  readonly #reading: EventReading;
  readonly #givenFeed: NotificationFeed | undefined;
  readonly #options: ApplicationOptions;
  readonly #listeners = new Listeners();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be, two aggregates have one name,
   *   there are participants in transactions and the recorder has none, or personal fields and no subjectKeys
   * @throws TopicError (`TOPIC_ERROR`) when two events have one topic
   */
  constructor(options: ApplicationOptions) {
    const { recorder, eventIndex: index, clock = systemClock, random = Math.random, keepCommands = false } = options;
    validateList('inline', options.inline ?? []);
    const { newEventId: givenId, resolve, olderEvents, onRecorded: others } = options;
    validateFunctions({ random, newEventId: givenId, resolve, olderEvents, onRecorded: others });
    const inline = withIndex(options.inline ?? [], index);
    assertCanTakePart(recorder, inline);
    this.#options = options;
    this.#clock = clock;
    this.recorder = recorder;
    this.name = options.name ?? 'application';
    this.log = new NotificationLog(recorder);
    this.#givenFeed = options.notifications ?? feedOf(recorder);
    const onRecorded: OnRecorded = (listener) => this.onRecorded(listener);
    const feed = this.#givenFeed ?? pagedFeed(recorder, onRecorded);
    const means = sharedMeans.get(options) ?? applicationMeans(options);
    this.#means = means;
    const decode = this.decode.bind(this);
    this.#reading = new EventReading({
      ...{ recorder, registry: means.registry, mapper: means.mapper, index, feed, onRecorded, decode },
      serverRecords: options.serverRecords,
    });
    const { kinds, deciders, transcoder, codec, commands } = means;
    // What an event is of was found in the registry, which has the same names.
    const kindNamed = (name: string): AggregateKind => kinds.get(name) as AggregateKind;
    const transactional: Partial<TransactionalRecorder<unknown>> = recorder;
    const snapshots =
      options.snapshots && new Snapshots(options.snapshots, codec, clock, () => transactionOf(recorder));
    const shared = { recorder, registry: means.registry, mapper: means.mapper };
    const cache = options.cache && means.cache;
    const { olderEvents: older } = options;
    const historyOf = (seen: ProcessRecorder): WholeHistory => new WholeHistory(seen, recorder, { older, codec });
    const history = historyOf(recorder);
    const loader = new AggregateLoader({ ...shared, history, snapshots, cache });
    const editions = new ObjectEditions();
    this.repository = new Repository({ ...shared, loader, history, editions });
    this.#snapshotsForDevices = () => snapshotsForDevices(options.snapshots?.store, kinds);
    this.#truncation = new HistoryTruncation({ ...shared, loader, codec, clock, kindNamed });
    const conflicts = new ConflictReader(shared);
    const newEventId = options.newEventId ?? ((): string => UUID.timeOrdered().toString());
    const saver = new EventSaver({ ...shared, conflicts, inline, clock, newEventId });
    const retryMeans = { clock, random };
    this.#saving = new Saving({
      ...{ ...retryMeans, saver, loader, snapshots, conflicts },
      registry: means.registry,
      repository: this.repository,
      editions: asEditionRecorder(recorder) && editions,
      whenEnded: (listener) => whenEnded(transactional, listener),
      onSaved: () => this.#listeners.tell(),
    });
    this.#needsHistory = inline.some((participant) => participant.needsHistory === true);
    this.#unitChanges = new InlineUnitChanges(recorder, inline, (notification) => this.decode(notification));
    const isKeeping = keepCommands && recorder.supports?.units === true;
    this.#executor = new CommandExecutor({
      ...{ ...retryMeans, loader, conflicts },
      validated: (kind, messages) => saver.validated(kind, messages),
      save: (changes, saveOptions) => this.#saving.save(changes, saveOptions),
      ...(isKeeping ? { keep: (execution) => commands.encode(execution) } : {}),
    });
    this.#superseded = new SupersededDecider({
      ...{ recorder, mapper: means.mapper, codec: commands, resolver: this.#resolver(clock, kindNamed), kindNamed },
      deciders,
      hasTopic: (topic) => this.#means.registry.hasTopic(topic),
      meansOn: (view, viewEventId) => {
        const seen = { ...shared, recorder: view };
        const loader = new AggregateLoader({ ...seen, history: historyOf(view), snapshots });
        const viewed = { conflicts: new ConflictReader(seen), loader };
        const viewSaver = new EventSaver({ ...seen, ...viewed, inline: [], clock, newEventId: viewEventId });
        const executor = new CommandExecutor({
          ...{ ...retryMeans, ...viewed },
          validated: (kind, messages) => viewSaver.validated(kind, messages),
          save: (changes, saveOptions) => viewSaver.save(changes, saveOptions),
        });
        return { executor, loader, saver: viewSaver };
      },
    });
    this.setAside = new SetAsideUnits({
      ...{ recorder, mapper: means.mapper, codec: commands, transcoder },
      decide: (superseded, retry) => this.#superseded.decide(superseded, { retry }),
      changeUnits: (units, change) => this.#unitChanges.run(units, change),
      onDecided: async (decided) => {
        this.#listeners.tell();
        await this.noteEventsChanged(() => Promise.resolve(decided.flatMap(({ events = [] }) => events)));
      },
    });
  }

  /**
   * Decides a command, and saves what happens.
   *
   * @param decider - one of the application's
   * @param id - the aggregate: a UUID in canonical form. It need not have events yet
   * @throws ConcurrencyError (`CONCURRENCY_ERROR`) when somebody else was faster, or the aggregate is not as expected
   * @throws ValidationError (`VALIDATION_ERROR`) when the data of the command or of an event is not what its schema says
   * @throws ApplicationTooOldError (`APPLICATION_TOO_OLD`) when the aggregate has events that only a newer release can read
   * @throws whatever the decider says no with; and as `Repository.load`, but for an aggregate that has no events
   *
   * @example
   * ```ts
   * const { events, version, state } = await app.execute(
   *   stockItem,
   *   itemId,
   *   { type: 'Count', data: { quantity: 12 } },
   *   { metadata: { actorId: 'anna' }, retry: { attemptsMax: 5 } },
   * );
   * ```
   */
  async execute<Decider extends AnyDecider>(
    decider: Decider,
    id: string,
    command: CommandOf<Decider>,
    options: ExecuteOptions = {},
  ): Promise<ExecutedBy<Decider>> {
    const [executed] = await this.#executor.execute([[decider, id, command]], options);
    return executed as ExecutedBy<Decider>;
  }

  /**
   * As {@link Application.execute}, with a conflict as a value.
   *
   * @throws as {@link Application.execute}, but for the `ConcurrencyError`
   */
  async tryExecute<Decider extends AnyDecider>(
    decider: Decider,
    id: string,
    command: CommandOf<Decider>,
    options: ExecuteOptions = {},
  ): Promise<Tried<ExecutedBy<Decider>>> {
    try {
      return { ok: true, ...(await this.execute(decider, id, command, options)) };
    } catch (error) {
      if (error instanceof ConcurrencyError) return { ok: false, conflict: error };
      throw error;
    }
  }

  /**
   * Decides several commands, of whatever deciders and aggregates, and saves what happens in one transaction: all of it,
   * or nothing. Commands for one aggregate are decided one after the other, each on what the one before left.
   *
   * @returns what came of each, in their order
   * @throws as {@link Application.execute}
   *
   * @example
   * ```ts
   * await app.executeAll([
   *   [order, orderId, { type: 'PlaceOrder', data: { lines } }],
   *   [stockItem, itemId, { type: 'Reserve', data: { quantity: 2 } }],
   * ]);
   * ```
   */
  async executeAll<const Deciders extends readonly AnyDecider[]>(
    executions: { readonly [Index in keyof Deciders]: Execution<Deciders[Index]> },
    options: ExecuteOptions = {},
  ): Promise<{ readonly [Index in keyof Deciders]: ExecutedBy<Deciders[Index]> }> {
    const plain = executions as unknown as readonly (readonly [AnyDecider, string, Message])[];
    const executed: unknown = await this.#executor.execute(plain, options);
    return executed as { readonly [Index in keyof Deciders]: ExecutedBy<Deciders[Index]> };
  }

  /**
   * Decides again what gave way to others: for `startSync`, which stores it. Nothing is recorded by it; whoever tries again
   * what was set aside does so by {@link Application.setAside}.
   *
   * A command that says no, fails, or is given up is set aside with its reason, and those after it are decided without it. So is a unit without one, unless the option `resolve` says what becomes of it.
   *
   * @throws as the recorder does, when it cannot be read
   */
  async decideAgain(superseded: Superseded, options: DecideAgainOptions = {}): Promise<Redecision> {
    return await this.#superseded.decide(superseded, options);
  }

  /**
   * Decides what was set aside because this device had a release that was too old for it, where this one is not: for
   * `startSync`, which does that when it begins.
   *
   * @returns what became of each that was decided
   * @throws as the recorder does
   */
  async decideHeldBack(): Promise<readonly RebasedUnit[]> {
    return this.recorder.supports?.units === true ? await this.setAside.retryHeldBack() : [];
  }

  /**
   * Changes units of the store in one transaction with what is in line with the events: for `startSync`. Whoever changes them
   * by hand calls it too, so that in-line projections follow at once, and not with the next commit.
   *
   * @param units - the store's recorder
   * @throws what the change throws
   *
   * @example
   * ```ts
   * await app.changeUnits(recorder, (units) => units.decide(decided));
   * ```
   */
  async changeUnits<T>(units: UnitChanges, change: (units: UnitChanges) => Promise<T>): Promise<T> {
    return await this.#unitChanges.run(units, change);
  }

  /**
   * Whether something in line is made of all events, from the first one on: an in-line projection, a state that is kept from
   * events. `startSync` lets no store of such an application begin with snapshots.
   */
  get needsHistory(): boolean {
    return this.#needsHistory;
  }

  /**
   * Takes that events have come by synchronisation, or gone, or are others: what is cached of them is forgotten.
   *
   * @param readEvents - asked where somebody wants to know
   */
  async noteEventsChanged(readEvents: () => Promise<readonly StoredEvent[]>): Promise<void> {
    if (!this.#unitChanges.isHeard) return;
    const known = (await readEvents()).filter(({ topic }) => this.#means.registry.hasTopic(topic));
    const read = await Promise.allSettled(known.map((event) => this.#means.mapper.toDomainEvent(event)));
    this.#unitChanges.tell(
      read.flatMap((outcome) => (outcome.status === 'fulfilled' ? [{ ...outcome.value, notificationId: 0 }] : [])),
    );
  }

  /**
   * Saves what is pending in aggregates that are objects: all of it in one transaction, or nothing.
   *
   * @returns the events, by aggregate, in the order of the arguments
   * @throws ConcurrencyError (`CONCURRENCY_ERROR`) when an aggregate was saved by somebody else since it was loaded; its
   *   events stay pending, but load it again instead
   * @throws ValidationError (`VALIDATION_ERROR`) when the data of an event is not what its schema says
   */
  async save(...aggregates: readonly AggregateRoot[]): Promise<readonly NotifiedEvent[]> {
    return await this.saveAll(aggregates);
  }

  /** As {@link Application.save}, with options. */
  async saveAll(aggregates: readonly AggregateRoot[], options: SaveOptions = {}): Promise<readonly NotifiedEvent[]> {
    validateList('aggregates', aggregates);
    return await this.#saving.saveAll(aggregates, options);
  }

  /**
   * Records events without deciding: what was imported, or measured. They are not given to the aggregate, so that one that
   * it cannot take is found by the next load.
   *
   * @param expected - what the aggregate must be; checked by the insert itself, see `event-saver.ts`
   * @throws ConcurrencyError (`CONCURRENCY_ERROR`) when it is not
   * @throws ValidationError (`VALIDATION_ERROR`) when the data of an event is not what its schema says
   */
  async append<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string,
    events: readonly EventsOf<Definition>[],
    expected: ExpectedVersion = 'any',
    options: SaveOptions = {},
  ): Promise<readonly NotifiedEvent<EventsOf<Definition>>[]> {
    const saved: unknown = await this.#saving.append(definition, id, events, expected, options);
    return saved as readonly NotifiedEvent<EventsOf<Definition>>[];
  }

  /**
   * Does several things in one transaction, all or nothing: commands, saves, states (`states.within(tx.recorder)`), SQL of
   * one's own. What is read in it is as it is there. Others are told of it after the commit: `onRecorded`, in-line
   * participants, hints of the outbox, snapshots; and of what is taken back, never.
   *
   * In a browser the work may be run again when another tab commits meanwhile, and everywhere with `retry`: it has no effect
   * outside. Inside, call `tx`: on engines with one connection, the application itself would wait for the end.
   *
   * @returns what the work resolved with, when it is committed
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the recorder has no transactions, or `retry` is out of range
   * @throws ConcurrencyError (`CONCURRENCY_ERROR`) when somebody else was faster, as often as it was tried
   * @throws what the work rejected with: nothing is stored then; and as the recorder's `transaction`
   *
   * @example
   * ```ts
   * await app.transaction(async (tx) => {
   *   const { version } = await tx.execute(order, orderId, { type: 'Place', data: { lines } });
   *   await states.within(tx.recorder).put(draft, orderId, { version });
   *   await tx.query('UPDATE baskets SET ordered = $1 WHERE id = $2', [orderId, basketId]);
   * });
   * ```
   */
  async transaction<T>(
    work: (tx: ApplicationTransaction) => Promise<T>,
    { retry, ...options }: TransactionOptions = {},
  ): Promise<T> {
    validateFunction('work', work);
    if (retry !== undefined) validateRetryPolicy(retry);
    const recorder = transactional(this.recorder);
    const attempt = (): Promise<T> =>
      recorder.transaction(async (transaction) => await work(this.#on(transaction)), options);
    const { clock = systemClock, random = Math.random } = this.#options;
    return await decideAgain(attempt, retry, { clock, random });
  }

  /** The same application on a transaction of its recorder. */
  #on(recorder: ApplicationTransaction['recorder']): ApplicationTransaction {
    // What memory keeps is of what is committed.
    const { cache: _cache, notifications: _notifications, onRecorded: _onRecorded, ...kept } = this.#options;
    const options = { ...kept, recorder };
    sharedMeans.set(options, this.#means);
    const app = new Application(options);
    app.#listeners.add(() => this.#listeners.tell());
    const query: ApplicationTransaction['query'] = (text, values) => queryIn(recorder, text, values);
    return Object.assign(app, { recorder, query });
  }

  /**
   * Takes a snapshot now, whatever the interval.
   *
   * @returns whether it is kept: not, when there is one that is as new
   * @throws AggregateNotFoundError (`AGGREGATE_NOT_FOUND`) when the aggregate has no events
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the application takes no snapshots
   * @throws DataError (`DATA_ERROR`) when the state would come back as something else
   */
  async takeSnapshot(definition: AggregateDefinition, id: string): Promise<boolean> {
    return await this.#saving.takeSnapshot(definition, id);
  }

  /**
   * The snapshots that devices may begin with, for the option `snapshots` of a server's log. Those of aggregates that have
   * something personal are not among them. The devices' applications need the same transcoder, compressor and cipher.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the application takes no snapshots
   *
   * @example
   * ```ts
   * const store = new SqlSnapshotStore({ recorder });
   * const app = new Application({ recorder, aggregates: [order], snapshots: { store } });
   * const unitLog = new PostgresUnitLog({ recorder, snapshots: app.snapshotsForDevices() });
   * ```
   */
  snapshotsForDevices(): Pick<SnapshotStore, 'select'> {
    return this.#snapshotsForDevices();
  }

  /**
   * Lets confirmed history leave the store, for good: of each aggregate that is old enough everything before its last old
   * event, when the server says that it has the same. What the aggregate was then stays, so that it loads as before. Some
   * aggregates at once: again while `hasMore`, and from time to time.
   *
   * Who follows the store holds back what he has not taken in: views of projections, in this store or elsewhere, processes,
   * outboxes and `SqlCheckpoints` in it. Who follows the application in another way, and is behind what has left, is told so
   * (`HISTORY_TRUNCATED`): give the position of the slowest as `upTo`, or look at positions that are in the store by
   * `provided`. A view in memory that begins at 1 cannot be built any more, nor can a projection be built anew.
   *
   * An aggregate of which this release cannot read an event, or what stands for events, keeps its history, and the result says
   * so.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the store is none that is synchronised
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   * @throws what `digests` rejects with; what has left until then has left
   *
   * @example
   * ```ts
   * const { digests } = serverHistory({ url, getToken, replicaId });
   * // A view in memory: the store does not know how far it is.
   * const upTo = levels.status.value.position;
   * while ((await app.truncateHistory({ digests, upTo })).hasMore);
   * ```
   */
  async truncateHistory(options: TruncateHistoryOptions): Promise<TruncatedHistory> {
    return await this.#truncation.run(options);
  }

  /**
   * Follows the events: those there are, then those to come, each once and in order. Reads a page when the one before is
   * used up, so a slow consumer holds nothing up.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be, there is none of its name, or it
   *   needs an event index and there is none
   *
   * @example
   * ```ts
   * for await (const event of app.subscribe({ aggregates: [order], types: ['OrderPlaced'], gt: position })) {
   *   await greet(event.data.customer);
   *   position = event.notificationId;
   * }
   * ```
   */
  subscribe<Definition extends AggregateDefinition = AggregateDefinition>(
    options: SubscribeOptions<Definition> = {},
  ): EventSubscription<EventsOf<Definition>> {
    return this.#reading.subscribe(options) as unknown as EventSubscription<EventsOf<Definition>>;
  }

  /**
   * Reads the events up to the end of the log, in its order, page by page, as they are asked for: all, or those of some types
   * and aggregates, of somebody, of a tenant, of what has followed from one cause, of a time. What is not wanted is left out
   * in the store. The arguments are checked by the first `next`, before anything is read.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be, there is none of its name, or it
   *   needs an event index and there is none
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when one of them cannot be read
   * @throws the reason of the signal, when it is aborted
   *
   * @example
   * ```ts
   * const yesterday = { from: midnight, to: nextMidnight };
   * for await (const event of app.readAll({ aggregates: [order], types: ['OrderPlaced'], tenantId: 'north', ...yesterday })) {
   *   report.add(event.data);
   * }
   * ```
   */
  readAll<Definition extends AggregateDefinition = AggregateDefinition>(
    options: ReadEventsOptions<Definition> = {},
  ): AsyncGenerator<NotifiedEvent<EventsOf<Definition>>, void, undefined> {
    const events: unknown = this.#reading.readAll(options);
    return events as AsyncGenerator<NotifiedEvent<EventsOf<Definition>>, void, undefined>;
  }

  /**
   * Reads the event of a notification.
   *
   * @throws TopicError (`TOPIC_ERROR`) when its topic is not registered
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when it cannot be read
   */
  async decode(notification: Notification): Promise<NotifiedEvent> {
    return { ...(await this.#means.mapper.toDomainEvent(notification)), notificationId: notification.id };
  }

  /**
   * Says what of a stored event is newer than this release of the application: its topic, or the version of its data. Of use
   * by way of a `NewerEventsWatch`.
   *
   * @returns undefined for an event that can be read, that no release could read with this key and configuration, or that is
   *   of no aggregate of this application
   */
  async newerEvent(stored: StoredEvent): Promise<NewerEvent | undefined> {
    const { registry, mapper } = this.#means;
    return await newerEventOf(stored, { recorder: this.recorder, registry, mapper });
  }

  /**
   * Calls a listener soon after something was recorded: by this application, and by others as far as the recorder can be
   * subscribed to, or the options `onRecorded` or `notifications` tell of them. Calls may be merged, or be for nothing.
   *
   * @returns stops the calls
   */
  onRecorded(listener: () => void): () => void {
    validateFunction('listener', listener);
    // First, because it may throw, and the listener is not to stay then. Whoever tells of others may keep a set, in which one function is once; and its failures are its own.
    const stopOthers = this.#hearOthers(() => callListener(listener));
    const stopOwn = this.#listeners.add(listener);
    return () => {
      stopOwn();
      stopOthers();
    };
  }

  #resolver(clock: Clock, kindNamed: (name: string) => AggregateKind): ConflictResolver | undefined {
    const { resolve, resolveTimeoutMs: timeoutMs } = this.#options;
    if (resolve === undefined) return undefined;
    return new ConflictResolver({ resolve, timeoutMs, clock, mapper: this.#means.mapper, kindNamed });
  }

  #hearOthers(listener: () => void): () => void {
    const { onRecorded } = this.#options;
    if (onRecorded !== undefined) return onRecorded(listener);
    const feed = this.#givenFeed;
    if (feed === undefined) return () => undefined;
    if (feed.onRecorded !== undefined) return feed.onRecorded(listener);
    const maxNotificationId = (): Promise<NotificationId> => this.recorder.maxNotificationId();
    return feedNews({ feed, maxNotificationId, clock: this.#clock }, listener);
  }
}
