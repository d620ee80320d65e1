/**
 * An index in SQL tables that is brought to where the log is: with what was recorded without it, and, in a store that is
 * synchronised, with what others have recorded and without what has left.
 *
 * ```text
 * <table>_seen   one row: up to which id the log was looked at; and of a synchronised store, up to which id what is there
 *                stays, and the era and the end of the truncated history that this is true of (`unit-order.ts`)
 * <table>_gaps   ids of events that could not be read, or whose event ids other events have: looked at again by `catchUp`
 * ```
 *
 * Notification ids are given once, and what is recorded, pulled or decided again gets new ones. So what is new is after the
 * last id that was seen, and what may have left is after the settled one; but for a log that was set back, other scopes and
 * truncated history, which change the era or the end of what has left: then everything is looked at, once.
 *
 * @module
 */
import { logBehind } from '../../persistence/log-behind.js';
import type { LogBehindError } from '../../persistence/log-behind.js';
import { takeTurn } from '../../persistence/sql/sql-dialect.js';
import { eventsSql, toNotification } from '../../persistence/sql/sql-events.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { parameters } from '../../persistence/sql/sql-parameters.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { hasUnitOrder, readUnitOrder } from '../../persistence/sql/unit-order.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { CaughtUp, IndexedLog } from './event-index.js';
import { readableEvent } from './readable-event.js';

// Events that are read and decoded at once.
const PAGE_EVENTS = 500;
// No era that a store has.
const NOT_SYNCHRONISED = -1;

/** The tables of an index. */
export interface IndexTables {
  readonly index: SqlTableName;
  readonly words: SqlTableName;
  readonly seen: SqlTableName;
  readonly gaps: SqlTableName;
}

/** What an {@link IndexFollowing} needs. */
export interface IndexFollowingOptions {
  readonly recorder: SqlRecorder;
  readonly tables: IndexTables;
  /** Inserts what is not there. @returns what the index refuses, because other events have its event ids */
  readonly insert: (connection: SqlQueryable, events: readonly NotifiedEvent[]) => Promise<readonly NotifiedEvent[]>;
}

type Decoding = Pick<IndexedLog, 'decode'>;

interface Seen {
  readonly last: NotificationId;
  readonly settled: NotificationId;
  readonly era: number;
  readonly truncated: NotificationId;
}

const NOTHING_SEEN: Seen = { last: 0, settled: 0, era: NOT_SYNCHRONISED, truncated: 0 };

/** Brings one index to where its log is. */
export class IndexFollowing {
  readonly #options: IndexFollowingOptions;

  constructor(options: IndexFollowingOptions) {
    this.#options = options;
  }

  /** As `EventIndex.catchUp`. */
  async catchUp(log: IndexedLog, signal: AbortSignal | undefined): Promise<CaughtUp> {
    let [added, unreadable] = [0, 0];
    const count = (taken: Taken): void => {
      added += taken.added;
      unreadable += taken.unreadable;
    };
    for (let after: NotificationId | undefined = 0; after !== undefined;) {
      const taken: Taken = await this.#inTurn(signal, (connection) =>
        this.#retryGaps(connection, after as number, log),
      );
      count(taken);
      after = taken.next;
    }
    for (let isMore = true; isMore;) {
      const taken = await this.#inTurn(signal, (connection) => this.#take(connection, log, { isWhole: false }));
      count(taken);
      isMore = taken.next !== undefined;
    }
    return { added, unreadable };
  }

  /** Takes what a change of units has made of the log, in its transaction. */
  async takeUnitChange(connection: SqlQueryable, log: Decoding): Promise<void> {
    await this.#take(connection, log, { isWhole: true });
  }

  async #inTurn(signal: AbortSignal | undefined, work: (connection: SqlQueryable) => Promise<Taken>): Promise<Taken> {
    const { recorder, tables } = this.#options;
    return await recorder.transaction(
      async ({ connection }) => {
        // Two that look at the same events would both add them.
        await takeTurn(connection, recorder.dialect, `daybook event index ${tables.index.table}`);
        return await work(connection);
      },
      { signal },
    );
  }

  /** @returns after which id there is more */
  async #take(connection: SqlQueryable, log: Decoding, { isWhole }: { readonly isWhole: boolean }): Promise<Taken> {
    const before = await this.#seen(connection);
    const now = await this.#removeGone(connection, before);
    let [added, unreadable] = [0, 0];
    let after: NotificationId | undefined = before.last;
    do {
      const taken: Taken = await this.#addMissing(connection, { after, upTo: now.last }, log);
      added += taken.added;
      unreadable += taken.unreadable;
      after = taken.next;
    } while (isWhole && after !== undefined);
    const reached = { ...now, last: after ?? now.last };
    // What is written without need is news itself.
    if (!isSame(reached, before)) await this.#setSeen(connection, reached);
    return { added, unreadable, next: after };
  }

  /** @returns how far the log is */
  async #removeGone(connection: SqlQueryable, before: Seen): Promise<Seen> {
    const { recorder, tables } = this.#options;
    const order = hasUnitOrder(recorder) ? await readUnitOrder(connection) : undefined;
    const head = order === undefined ? await maxId(connection, recorder) : order.last;
    if (head < before.last) throw isBehind(before.last, head);
    if (order?.isSynchronised !== true) return { ...before, last: head };
    const { era, truncated, settled, last } = order;
    const from = before.era === era && before.truncated === truncated ? before.settled : 0;
    const { table, columns } = eventsSql(recorder.dialect);
    const { rows } = await connection.query(
      `DELETE FROM ${tables.index.table} WHERE notification_id > $1 AND NOT EXISTS (
        SELECT 1 FROM ${table} AS e WHERE e.${columns.notificationId} = ${tables.index.table}.notification_id)
        RETURNING notification_id`,
      [from],
    );
    for (let at = 0; at < rows.length; at += PAGE_EVENTS) {
      const ids = rows.slice(at, at + PAGE_EVENTS).map((row) => Number(row['notification_id']));
      const which = parameters(ids.length, 1);
      await connection.query(`DELETE FROM ${tables.words.table} WHERE notification_id IN (${which})`, ids);
    }
    // What commutes may have been moved to another version.
    const version = `SELECT e.${columns.originatorVersion} FROM ${table} AS e
      WHERE e.${columns.notificationId} = ${tables.index.table}.notification_id`;
    await connection.query(
      `UPDATE ${tables.index.table} SET aggregate_version = (${version})
        WHERE notification_id > $1 AND aggregate_version <> (${version})`,
      [from],
    );
    return { era, truncated, settled, last };
  }

  async #addMissing(
    connection: SqlQueryable,
    { after, upTo }: { readonly after: NotificationId; readonly upTo: NotificationId },
    log: Decoding,
  ): Promise<Taken> {
    const { recorder, tables } = this.#options;
    const { table, columns, select } = eventsSql(recorder.dialect);
    const { rows } = await connection.query(
      `SELECT ${select('e')} FROM ${table} AS e WHERE e.${columns.notificationId} > $1 AND e.${columns.notificationId} <= $2
        AND NOT EXISTS (SELECT 1 FROM ${tables.index.table} AS i WHERE i.notification_id = e.${columns.notificationId})
        ORDER BY e.${columns.notificationId} LIMIT ${PAGE_EVENTS}`,
      [after, upTo],
    );
    const notifications = rows.map(toNotification);
    const { readable, unread } = await readEach(notifications, log);
    const refused = (await this.#options.insert(connection, readable)).map(({ notificationId }) => notificationId);
    for (const id of [...unread, ...refused]) {
      const sql = `INSERT INTO ${tables.gaps.table} (notification_id) VALUES ($1) ON CONFLICT DO NOTHING`;
      await connection.query(sql, [id]);
    }
    return {
      added: readable.length - refused.length,
      unreadable: unread.length + refused.length,
      next: rows.length === PAGE_EVENTS ? notifications.at(-1)?.id : undefined,
    };
  }

  async #retryGaps(connection: SqlQueryable, after: NotificationId, log: Decoding): Promise<Taken> {
    const { recorder, tables } = this.#options;
    const { table, columns, select } = eventsSql(recorder.dialect);
    const { rows } = await connection.query(
      `SELECT g.notification_id AS gap, ${select('e')} FROM ${tables.gaps.table} AS g
        LEFT JOIN ${table} AS e ON e.${columns.notificationId} = g.notification_id
        WHERE g.notification_id > $1 ORDER BY g.notification_id LIMIT ${PAGE_EVENTS}`,
      [after],
    );
    const gaps = rows.map((row) => Number(row['gap']));
    const there = rows.filter((row) => row['notification_id'] !== null).map(toNotification);
    const { readable, unread } = await readEach(there, log);
    const refused = (await this.#options.insert(connection, readable)).map(({ notificationId }) => notificationId);
    const stay = new Set([...unread, ...refused]);
    for (const id of gaps) {
      if (!stay.has(id)) await connection.query(`DELETE FROM ${tables.gaps.table} WHERE notification_id = $1`, [id]);
    }
    return {
      added: readable.length - refused.length,
      unreadable: stay.size,
      next: gaps.length === PAGE_EVENTS ? gaps.at(-1) : undefined,
    };
  }

  async #seen(connection: SqlQueryable): Promise<Seen> {
    const { rows } = await connection.query(
      `SELECT last_id, settled_id, era, truncated_id FROM ${this.#options.tables.seen.table} WHERE id = 1`,
    );
    const [row] = rows;
    if (row === undefined) return NOTHING_SEEN;
    const [last, settled, era, truncated] = ['last_id', 'settled_id', 'era', 'truncated_id'].map((column) =>
      Number(row[column]),
    ) as [number, number, number, number];
    return { last, settled, era, truncated };
  }

  async #setSeen(connection: SqlQueryable, { last, settled, era, truncated }: Seen): Promise<void> {
    await connection.query(
      `INSERT INTO ${this.#options.tables.seen.table} (id, last_id, settled_id, era, truncated_id) VALUES (1, $1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, settled_id = excluded.settled_id, era = excluded.era,
          truncated_id = excluded.truncated_id`,
      [last, settled, era, truncated],
    );
  }
}

/** Otherwise what is recorded from now on, up to there, would never be looked at. */
function isBehind(position: NotificationId, head: NotificationId): LogBehindError {
  const exit =
    'Nothing was added. Restore the log to where it was; or drop the tables of the index, and let it catch up.';
  return logBehind({ what: 'The event index', position, head, exit });
}

/** What came of some events. */
interface Taken extends CaughtUp {
  /** After which id there are more; undefined at the end. */
  readonly next: NotificationId | undefined;
}

function isSame(one: Seen, other: Seen): boolean {
  return Object.entries(one).every(([key, value]) => other[key as keyof Seen] === value);
}

async function maxId(connection: SqlQueryable, { dialect }: SqlRecorder): Promise<NotificationId> {
  const { table, columns } = eventsSql(dialect);
  const { rows } = await connection.query(`SELECT max(${columns.notificationId}) AS id FROM ${table}`);
  return Number(rows[0]?.['id'] ?? 0);
}

/** @throws as {@link readableEvent} */
async function readEach(
  notifications: readonly Notification[],
  log: Decoding,
): Promise<{ readonly readable: readonly NotifiedEvent[]; readonly unread: readonly NotificationId[] }> {
  const readable: NotifiedEvent[] = [];
  const unread: NotificationId[] = [];
  for (const notification of notifications) {
    const event = await readableEvent(log, notification);
    if (event === undefined) unread.push(notification.id);
    else readable.push(event);
  }
  return { readable, unread };
}
