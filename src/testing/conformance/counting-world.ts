/**
 * A small world to test projections and processes in: things that are counted.
 *
 * @module
 */
import type { EventLog } from '../../application/log/event-log.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import { sqlProjection } from '../../application/projections/projection.js';
import type { SqlProjection, SqlView } from '../../application/projections/projection.js';
import { event } from '../../domain/message-types.js';
import type { Message } from '../../domain/message-types.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import { Listeners } from '../../util/listeners.js';
import { newOriginatorId } from './event-samples.js';

/** An event of this world: a thing was found, so many of it. */
export type Found = Message<'Found', { readonly many: number }>;

/** What the handlers of the projection do beside counting, by event: to fail, for example. */
export type OnFound = (event: NotifiedEvent<Found>) => void;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
let worlds = 0;

/** Names of its own for each test: tests share a recorder. */
export function newWorldName(): string {
  return `w${(++worlds).toString(36)}_${newOriginatorId().slice(0, 8)}`;
}

/** Events of one world among those of others. */
export class CountingWorld {
  readonly name: string = newWorldName();
  readonly #recorder: Pick<ProcessRecorder, 'insertEvents' | 'selectNotifications' | 'maxNotificationId'>;
  readonly #versions = new Map<string, number>();
  readonly #listeners = new Listeners();

  constructor(recorder: Pick<ProcessRecorder, 'insertEvents' | 'selectNotifications' | 'maxNotificationId'>) {
    this.#recorder = recorder;
  }

  /** The log of everything that the recorder has, read as this world's events. Tells of news. */
  get log(): EventLog {
    return { ...this.quietLog, onRecorded: (listener) => this.#listeners.add(listener) };
  }

  /** The same, without telling of news. */
  get quietLog(): EventLog {
    return { recorder: this.#recorder, decode: (notification) => Promise.resolve(this.decode(notification)) };
  }

  /** Reads an event. */
  decode(notification: StoredEvent & { readonly id: NotificationId }): NotifiedEvent<Found> {
    const { originatorId, originatorVersion, state, id } = notification;
    return {
      type: 'Found',
      data: { many: Number(decoder.decode(state)) },
      aggregateType: this.name,
      originatorId,
      originatorVersion,
      notificationId: id,
      metadata: {
        eventId: `${originatorId}/${originatorVersion}`,
        occurredAt: undefined,
        recordedAt: undefined,
        schemaVersion: 1,
      },
    };
  }

  /** The next event of a thing, to be recorded. */
  next(thing: string, many: number): StoredEvent {
    const originatorVersion = (this.#versions.get(thing) ?? 0) + 1;
    this.#versions.set(thing, originatorVersion);
    return { originatorId: thing, originatorVersion, topic: `${this.name}:Found`, state: encoder.encode(String(many)) };
  }

  /** Records that so many of a thing were found, and tells of it. */
  async find(thing: string, ...many: readonly number[]): Promise<NotificationId> {
    const ids = await this.#recorder.insertEvents(many.map((count) => this.next(thing, count)));
    this.#listeners.tell();
    return ids.at(-1) ?? 0;
  }

  /** A projection into a table of sums. */
  sums(onFound: OnFound = () => undefined, factor: number = 1): SqlProjection {
    const origin = { name: this.name, events: { Found: event<{ readonly many: number }>() } } as const;
    return sqlProjection({
      name: `sums-${this.name}`,
      from: [origin],
      tables: {
        [this.sumsTable]: (table: string) => [
          `CREATE TABLE ${table} (thing TEXT PRIMARY KEY, total BIGINT NOT NULL, times BIGINT NOT NULL)`,
          `CREATE INDEX ${table}_by_total ON ${table} (total)`,
        ],
      },
      on: {
        Found: async (found, view) => {
          await addUp(view, view.tables[this.sumsTable] as string, found, factor);
          // Afterwards, so that there is something to take back.
          onFound(found);
        },
      },
    });
  }

  /** The table that applications read. */
  get sumsTable(): string {
    return `sums_${this.name}`;
  }

  /** The sums: by thing, how many of it and in how many events. */
  async readSums(sql: SqlQueryable): Promise<Readonly<Record<string, readonly [total: number, times: number]>>> {
    const { rows } = await sql.query(`SELECT thing, total, times FROM ${this.sumsTable} ORDER BY thing`);
    return Object.fromEntries(
      rows.map((row) => [String(row['thing']), [Number(row['total']), Number(row['times'])] as const]),
    );
  }
}

async function addUp(view: SqlView, table: string, found: NotifiedEvent<Found>, factor: number): Promise<void> {
  await view.query(
    `INSERT INTO ${table} (thing, total, times) VALUES ($1, $2, 1)
     ON CONFLICT (thing) DO UPDATE SET total = ${table}.total + excluded.total, times = ${table}.times + 1`,
    [found.originatorId, found.data.many * factor],
  );
}
