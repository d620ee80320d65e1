/**
 * Takes what commits wrote at once, and gives it to the replica below later, many commits in one transaction.
 *
 * For a replica whose every transaction costs, below a recorder that has made the commits durable elsewhere: a commit
 * then waits for no SQL at all, neither to be checked, if its aggregate was written before, nor to be applied.
 *
 * Invariants:
 * 1. Every answer is the one that the replica below would give if each commit had been applied at once: what waits is
 *    applied before a question that it could change the answer of, or is part of the answer.
 * 2. Commits reach the replica below in their order, each of them once.
 * 3. Changes of the caller's own tables are applied at once, and those of synchronisation before any question at all: nothing
 *    here knows what they change. After synchronisation nothing is known any more: it takes events away.
 * 4. After a commit could not be applied, nothing is answered any more: the replica below lacks what was acknowledged.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { areEqualBytes } from '../../util/equal-bytes.js';
import { uuidToBytes } from '../../util/uuid-bytes.js';
import { InternalError } from '../errors.js';
import type { PlacedPast } from '../past.js';
import { LazyMaxima } from './lazy-maxima.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { pastTablesOf } from './replica.js';
import type { CheckedCommit, Replica } from './replica.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import type { UnitId } from '../unit.js';
import type { UnitTables } from './unit-tables.js';

// So many are applied as soon as whoever waits for the commit has been answered, which is while the next one is written.
// More would save nothing: what a transaction costs is a small part of what these events cost.
const WAITING_EVENTS_DUE = 256;
// So many wait at most, of records without events too: they are applied before the commit is answered. Bounds memory,
// and for how long a reader has to wait: some ten milliseconds.
const WAITING_EVENTS_MAX = 2_048;
const WAITING_COMMITS_MAX = 2_048;
// Commits that follow each other closely are not disturbed, and a pause that somebody notices is long enough.
const QUIET_MS = 20;
// Aggregates that one person works on by turns are few; at about 150 bytes each, this many are no burden.
const KNOWN_AGGREGATES_MAX = 4_096;
const KNOWN_APPLICATIONS_MAX = 256;

/** Options of {@link LazyReplica}. */
export interface LazyReplicaOptions {
  /** For the pause after which what waits is applied though nobody asks. */
  readonly clock: Clock;
}

/** A {@link Replica} that owns the one below: nobody else may write to it, or read from it without {@link LazyReplica.flush}. */
export class LazyReplica implements Replica {
  readonly #replica: Replica;
  readonly #clock: Clock;
  readonly #versions: LazyMaxima;
  readonly #tracked: LazyMaxima;
  #waiting: CheckedCommit[] = [];
  #waitingEvents = 0;
  #lastId: NotificationId | undefined;
  /** Whether what waits has changes of synchronisation. */
  #hasSync = false;
  #isDue = false;
  #isTimed = false;
  /** Whether the time since the timer was set was quiet. */
  #isQuiet = true;
  #failure: InternalError | undefined;

  constructor(replica: Replica, options: LazyReplicaOptions) {
    this.#replica = replica;
    this.#clock = options.clock;
    this.#versions = new LazyMaxima(KNOWN_AGGREGATES_MAX, (id) => replica.maxOriginatorVersion(id));
    this.#tracked = new LazyMaxima(KNOWN_APPLICATIONS_MAX, (name) => replica.maxTrackingId(name));
  }

  get units(): UnitTables | undefined {
    this.flush();
    return this.#replica.units;
  }

  hasUnit(id: UnitId): boolean {
    const bytes = uuidToBytes(id);
    // What waits is asked for where it will be: where it has the id, and where its id is not derived yet.
    if (this.#waiting.some(({ events, unit }) => events.length > 0 && (!unit || areEqualBytes(unit.id, bytes)))) {
      this.flush();
    }
    this.#ready();
    return this.#replica.hasUnit?.(id) === true;
  }

  maxOriginatorVersion(originatorId: OriginatorId): number {
    this.#ready();
    return this.#versions.get(originatorId);
  }

  expect(originatorIds: ReadonlySet<OriginatorId>): void {
    this.#ready();
    const unknown = [...originatorIds].filter((id) => !this.#versions.isKnown(id));
    // Of one, nothing is saved.
    if (unknown.length < 2) return;
    const versions = this.#replica.maxOriginatorVersions?.(unknown);
    if (versions !== undefined) this.#versions.learn(unknown, versions);
  }

  hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean {
    this.#settle(originatorId);
    return this.#replica.hasEvent(originatorId, originatorVersion);
  }

  maxNotificationId(): NotificationId {
    this.#ready();
    if (this.#lastId === undefined) {
      this.flush();
      this.#lastId = this.#replica.maxNotificationId();
    }
    return this.#lastId;
  }

  maxTrackingId(applicationName: string): NotificationId {
    this.#ready();
    return this.#tracked.get(applicationName);
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    this.#settle(originatorId);
    return this.#replica.selectEvents(originatorId, options);
  }

  pastAt(originatorId: OriginatorId, upTo: number): PlacedPast | undefined {
    this.#settle(originatorId);
    return pastTablesOf(this.#replica).pastAt(originatorId, upTo);
  }

  selectNotifications(options: SelectNotificationsOptions): Notification[] {
    this.flush();
    return this.#replica.selectNotifications(options);
  }

  /**
   * Takes commits that are durable. They are copied: states are the caller's again when it returns.
   *
   * @throws InternalError (`INTERNAL_ERROR`) when what waits could not be applied; this replica is of no use any more
   */
  apply(commits: readonly CheckedCommit[]): void {
    this.#assertSound();
    for (const commit of commits) this.#take(commit);
    this.#isQuiet = false;
    if (commits.some(({ sync }) => sync !== undefined)) {
      this.#hasSync = true;
      // Whoever waits for the commit is told of it meanwhile.
      this.#flushSoon();
    } else if (commits.some(({ changes }) => changes !== undefined)) this.flush();
    else if (this.#waitingEvents >= WAITING_EVENTS_MAX || this.#waiting.length >= WAITING_COMMITS_MAX) this.flush();
    else if (this.#waitingEvents >= WAITING_EVENTS_DUE) this.#flushSoon();
    else this.#setTimer();
  }

  /**
   * Applies what waits. To be called before anybody else looks at the replica below.
   *
   * @throws InternalError (`INTERNAL_ERROR`) when it cannot be applied, now or at any time before
   */
  flush(): void {
    this.#assertSound();
    if (this.#waiting.length === 0) return;
    const commits = this.#waiting;
    this.#waiting = [];
    this.#waitingEvents = 0;
    this.#versions.settle();
    this.#tracked.settle();
    try {
      this.#replica.apply(commits);
    } catch (cause) {
      this.#failure = new InternalError(
        'What was recorded is durable, but could not be applied here. Open the store again; nothing is lost.',
        { cause },
      );
      throw this.#failure;
    }
    if (!this.#hasSync) return;
    this.#hasSync = false;
    this.#versions.forget();
    this.#lastId = undefined;
  }

  #take(commit: CheckedCommit): void {
    const { events, firstNotificationId, tracking } = commit;
    const { changes, unit, sync } = commit;
    this.#waiting.push({ events: events.map(copyOf), firstNotificationId, tracking, changes, unit, sync });
    this.#waitingEvents += events.length;
    for (const { originatorId, originatorVersion } of events) this.#versions.raise(originatorId, originatorVersion);
    if (tracking !== undefined) this.#tracked.raise(tracking.applicationName, tracking.notificationId);
    // Unknown before the first question: it takes both what waits and the replica below to answer that.
    if (this.#lastId !== undefined && events.length > 0) this.#lastId = firstNotificationId + events.length - 1;
  }

  /** Applies what waits if any of it concerns this aggregate. */
  #settle(originatorId: OriginatorId): void {
    if (this.#versions.isRaised(originatorId)) this.flush();
    else this.#ready();
  }

  /** Applies what waits where nothing is known of what it changes. */
  #ready(): void {
    if (this.#hasSync) this.flush();
    else this.#assertSound();
  }

  #flushSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.schedule(() => {
      this.#isDue = false;
      this.#flushUnasked();
    }, 0);
  }

  // One timer at a time, set again while commits come in: to set one for each commit would cost more than it saves.
  #setTimer(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#isQuiet = true;
    this.#clock.schedule(() => this.#onTimer(), QUIET_MS);
  }

  #onTimer(): void {
    this.#isTimed = false;
    if (this.#waiting.length === 0) return;
    if (this.#isQuiet) this.#flushUnasked();
    else this.#setTimer();
  }

  #flushUnasked(): void {
    try {
      this.flush();
    } catch {
      // Kept, and met by the next call: nobody waits for this one.
    }
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function copyOf({ originatorId, originatorVersion, topic, state }: StoredEvent): StoredEvent {
  return { originatorId, originatorVersion, topic, state: state.slice() };
}
