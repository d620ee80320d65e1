/**
 * A replica in the tables of one SQLite database.
 *
 * @module
 */
import { withoutOwnTables } from '../journal/replica.js';
import type { CheckedCommit, Replica } from '../journal/replica.js';
import type { ProcessTables } from '../serial/serial-recorder.js';
import type { NotificationId, StoredEvent, Tracking } from '../stored-event.js';
import { unitOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { SqliteTrackingTable } from './sqlite-tracking-table.js';

/** Names of the tables. */
export interface SqliteTableOptions {
  /** Of the events. @defaultValue `stored_events` */
  readonly eventsTable?: string;
  /** Of the tracking records. @defaultValue `tracking` */
  readonly trackingTable?: string;
}

const TRACKING_TABLE = 'tracking';

/** Makes changes of the caller's own tables what they were where they were recorded. */
export interface OwnChanges {
  /** Runs work that replays, in a transaction of its own, without what would decide again. */
  undecided(work: () => void): void;
  replay(changes: Uint8Array): void;
}

/** The tables of a store: events, and tracking records beside them, through any {@link SqliteDatabase}. */
export class SqliteReplica extends SqliteEventsTable implements Replica, ProcessTables {
  readonly #tracking: SqliteTrackingTable;
  readonly #changes: OwnChanges | undefined;

  /**
   * @param database - lent, not owned: the caller closes it
   * @param changes - replays what commits changed beside the events; without it, such a commit is refused
   */
  constructor(database: SqliteDatabase, options: SqliteTableOptions = {}, changes?: OwnChanges) {
    super(database, options.eventsTable);
    this.#tracking = new SqliteTrackingTable(database, options.trackingTable ?? TRACKING_TABLE);
    this.#changes = changes;
  }

  /** Creates the tables that are missing. */
  createTables(): void {
    this.createTable();
    this.#tracking.createTable();
  }

  maxTrackingId(applicationName: string): NotificationId {
    return this.#tracking.maxTrackingId(applicationName);
  }

  insertTracking(tracking: Tracking): void {
    this.#tracking.insertTracking(tracking);
  }

  apply(commits: readonly CheckedCommit[]): void {
    const work = (): void =>
      unitOf(this.database).run(() => merged(commits).forEach((commit) => this.#applyOne(commit)));
    if (commits.some(({ changes }) => changes !== undefined)) this.#ownChanges().undecided(work);
    else work();
  }

  #applyOne({ events, firstNotificationId, tracking, changes }: CheckedCommit): void {
    this.insertFrom(firstNotificationId, events);
    if (tracking !== undefined) this.insertTracking(tracking);
    if (changes !== undefined) this.#ownChanges().replay(changes);
  }

  #ownChanges(): OwnChanges {
    if (this.#changes === undefined) throw withoutOwnTables();
    return this.#changes;
  }
}

/** The same commits, with those that are events alone and follow each other as one: their rows go in together. */
function merged(commits: readonly CheckedCommit[]): readonly CheckedCommit[] {
  const result: { events: StoredEvent[]; commit: CheckedCommit }[] = [];
  for (const commit of commits) {
    const last = result.at(-1);
    if (last !== undefined && areEventsAlone(last.commit) && areEventsAlone(commit) && isNext(last, commit)) {
      for (const event of commit.events) last.events.push(event);
    } else {
      result.push({ events: [...commit.events], commit });
    }
  }
  return result.map(({ events, commit }) => ({ ...commit, events }));
}

function areEventsAlone({ tracking, changes }: CheckedCommit): boolean {
  return tracking === undefined && changes === undefined;
}

function isNext(last: { events: readonly StoredEvent[]; commit: CheckedCommit }, next: CheckedCommit): boolean {
  return last.commit.firstNotificationId + last.events.length === next.firstNotificationId;
}
