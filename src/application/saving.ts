/**
 * Saves what was decided or is pending, tells of it, and takes the snapshots that are due then.
 *
 * @module
 */
import type { AggregateClass, AggregateRoot } from '../domain/aggregate-class.js';
import type { RecordedEvent } from '../domain/event-metadata.js';
import type { Message } from '../domain/message-types.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { EndListener } from '../persistence/recorder-transaction.js';
import { kindOf } from './aggregates/aggregate-kind.js';
import type { AggregateDefinition, AggregateKind } from './aggregates/aggregate-kind.js';
import type { AggregateLoader } from './aggregates/aggregate-loader.js';
import { isAsExpected, outlivesConflict, validateExpectedVersion, versionOf } from './aggregates/expected-version.js';
import type { ExpectedVersion } from './aggregates/expected-version.js';
import type { ObjectEditions } from './aggregates/object-editions.js';
import type { Repository } from './aggregates/repository.js';
import { crossesInterval } from './aggregates/snapshots.js';
import type { FoundSnapshot, Snapshots } from './aggregates/snapshots.js';
import type { ConflictReader } from './commands/conflict-reader.js';
import { decideAgain } from './commands/decide-again.js';
import type { RetryMeans } from './commands/decide-again.js';
import { concurrencyError } from './commands/event-saver.js';
import type { AggregateChange, EventSaver, SaveOptions } from './commands/event-saver.js';
import type { EventRegistry } from './events/event-registry.js';
import type { NotifiedEvent } from './events/notified-event.js';
import { validateObject } from '../persistence/validation.js';

// A race is lost to somebody who won it, so the store as a whole goes on; this many in a row means something else.
const APPEND_ATTEMPTS_MAX = 20;

/** What {@link Saving} is made of. */
export interface SavingOptions extends RetryMeans {
  readonly saver: EventSaver;
  readonly loader: AggregateLoader;
  readonly snapshots: Snapshots | undefined;
  readonly conflicts: ConflictReader;
  readonly registry: EventRegistry;
  readonly repository: Repository;
  /** What objects stand in; undefined where what was recorded stays as it is. */
  readonly editions: ObjectEditions | undefined;
  /** Calls a listener when what was recorded so far is committed, or taken back. */
  readonly whenEnded: (listener: EndListener) => Promise<void>;
  /** Called after events were committed. */
  readonly onSaved: () => void;
}

/** The ways in which an application saves; what each promises is said in `application.ts`. */
export class Saving {
  readonly #options: SavingOptions;

  constructor(options: SavingOptions) {
    this.#options = options;
  }

  /** Saves changes, whose messages are validated. */
  async save(changes: readonly AggregateChange[], options: SaveOptions): Promise<readonly NotifiedEvent[]> {
    const saved = await this.#options.saver.save(changes, options);
    if (saved.length === 0) return saved;
    await this.#options.whenEnded((outcome) => {
      this.#options.saver.tell(saved, outcome);
      if (outcome === 'committed') this.#options.onSaved();
    });
    for (const change of changes) await this.#takeSnapshotWhenDue(change, saved);
    return saved;
  }

  /** As `Application.saveAll`. */
  async saveAll(aggregates: readonly AggregateRoot[], options: SaveOptions): Promise<readonly NotifiedEvent[]> {
    for (const aggregate of aggregates) validateObject('aggregate', aggregate);
    // One object given twice is saved once.
    const changes = await Promise.all([...new Set(aggregates)].map((aggregate) => this.#pendingChange(aggregate)));
    const saved = await this.save(changes, options);
    const lastIds = new Map(saved.map(({ originatorId, notificationId }) => [originatorId, notificationId]));
    for (const { aggregate, id, messages } of changes) {
      aggregate.markCommitted(messages.length);
      const lastId = lastIds.get(id);
      if (lastId !== undefined) this.#options.editions?.set(aggregate, lastId);
    }
    return saved;
  }

  /** As `Application.append`. */
  async append(
    definition: AggregateDefinition,
    id: string,
    events: readonly Message[],
    expected: ExpectedVersion,
    options: SaveOptions,
  ): Promise<readonly NotifiedEvent[]> {
    validateExpectedVersion(expected);
    const { saver, repository, conflicts } = this.#options;
    const kind = kindOf(definition);
    const messages = await saver.validated(kind, events);
    const attempt = async (): Promise<readonly NotifiedEvent[]> => {
      const version = await repository.versionOf(definition, id);
      if (!isAsExpected(version, expected)) {
        const conflicting = await conflicts.eventsAfter(id, versionOf(expected));
        throw concurrencyError({ kind, id, version, expected }, version, conflicting);
      }
      return await this.save([{ kind, id, version, expected, messages }], options);
    };
    const policy = outlivesConflict(expected) ? { attemptsMax: APPEND_ATTEMPTS_MAX } : undefined;
    return await decideAgain(attempt, policy, this.#options);
  }

  /** As `Application.takeSnapshot`. */
  async takeSnapshot(definition: AggregateDefinition, id: string): Promise<boolean> {
    const { snapshots, repository } = this.#options;
    if (snapshots === undefined) {
      throw new ProgrammingError('This application takes no snapshots: give it a store in its option "snapshots".');
    }
    const version = await repository.versionOf(definition, id);
    if (version === 0) await repository.load(definition, id);
    const kind = kindOf(definition);
    const [last] = await repository.history(definition, id, { gt: version - 1, lte: version });
    return await snapshots.store(kind, await this.#found(snapshots, kind, last as RecordedEvent));
  }

  async #takeSnapshotWhenDue(change: AggregateChange, saved: readonly NotifiedEvent[]): Promise<void> {
    const { kind, id, version, messages } = change;
    const { snapshots } = this.#options;
    if (snapshots === undefined || !crossesInterval(version, version + messages.length, snapshots.interval)) return;
    const last = saved.findLast(({ originatorId }) => originatorId === id) as NotifiedEvent;
    // Read now, because a transaction that was lent cannot be asked after its end; kept when there is a commit.
    await snapshots.take(kind, id, () => this.#found(snapshots, kind, last), this.#options.whenEnded);
  }

  /**
   * What loading gives at an event, for a snapshot. Not what was computed before saving: that was made of data which did
   * not go through the transcoder, and a snapshot must not change what loading gives.
   */
  async #found(
    snapshots: Snapshots,
    kind: AggregateKind,
    { originatorId, originatorVersion, metadata }: RecordedEvent,
  ): Promise<FoundSnapshot> {
    const seal = await snapshots.beginSeal(kind);
    const aggregate = await this.#options.loader.load(kind, originatorId, originatorVersion);
    return { aggregate, eventId: metadata.eventId, seal };
  }

  async #pendingChange(aggregate: AggregateRoot): Promise<AggregateChange & { readonly aggregate: AggregateRoot }> {
    const kind = kindOf(aggregate.constructor as AggregateClass);
    this.#options.registry.assertKnows(kind.name);
    const { id, version, pendingEvents } = aggregate;
    const messages = await this.#options.saver.validated(kind, pendingEvents);
    const edition = this.#options.editions?.of(aggregate);
    return { aggregate, kind, id, version: version - pendingEvents.length, edition, expected: 'any', messages };
  }
}
