/**
 * What is written in PostgreSQL, as far as anybody says it.
 *
 * ```text
 * this recorder's own commits      at once: the aggregates, and the tables that the statements name
 * events of whatever process       by NOTIFY, and by a look from time to time: the aggregates, and any table
 * the end of the pool              by the look that finds it closed: there is nothing to tell any more
 * ```
 *
 * Rows that other processes write without events PostgreSQL tells to nobody, and nor does it of what triggers, foreign keys and
 * functions write.
 *
 * @module
 */
import type { SqlLog } from '../sql/sql-dialect.js';
import type { SqlQueryable } from '../sql/sql-queryable.js';
import { ConnectionPoolClosedError } from '../pool-errors.js';
import { ANY_CHANGES, ChangeNews } from '../store-changes.js';
import type { ChangeListener } from '../store-changes.js';
import type { NotificationId, StoredEvent } from '../stored-event.js';

// More aggregates at once are any: who reads some of them looks anyway.
const NEWS_MAX = 1_000;
const READS = /^\s*(?:SELECT|VALUES|EXPLAIN|SHOW|SET)\b/i;
/** More than one statement, or a literal that looks so. */
const IS_SEVERAL = /;\s*\S/;
const WRITES_ROWS = /^\s*(?:INSERT|UPDATE|DELETE|MERGE|WITH|COPY|TRUNCATE)\b/i;

/** What {@link PostgresChanges} needs. */
export interface PostgresChangesParts {
  readonly sql: SqlQueryable;
  readonly log: Pick<SqlLog, 'eventsTable' | 'columns'>;
  readonly maxNotificationId: () => Promise<NotificationId>;
  /** Calls back when there may be events of others. @returns stops that */
  readonly hear: (onNews: () => void) => () => Promise<void>;
}

/** Tells what was written: keeps a connection for `LISTEN` while anybody listens. */
export class PostgresChanges extends ChangeNews {
  readonly #parts: PostgresChangesParts;
  #listeners = 0;
  #stop: (() => Promise<void>) | undefined;
  /** Up to where is known what was recorded; undefined while nobody has asked. */
  #seen: NotificationId | undefined;
  /** Of this recorder, and told. */
  readonly #own = new Set<NotificationId>();
  #looking: Promise<void> = Promise.resolve();
  #isLookDue = false;
  #hasEnded = false;

  constructor(parts: PostgresChangesParts) {
    super();
    this.#parts = parts;
  }

  override onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    const stop = super.onChanged(listener, onEnd);
    if (this.#listeners++ === 0 && !this.#hasEnded) {
      this.#seen = undefined;
      this.#stop = this.#parts.hear(() => this.#lookSoon());
      this.#lookSoon();
    }
    let isListening = true;
    return () => {
      stop();
      if (!isListening) return;
      isListening = false;
      if (--this.#listeners > 0) return;
      this.#own.clear();
      void this.#stop?.();
    };
  }

  override end(error: Error): void {
    this.#hasEnded = true;
    void this.#stop?.();
    super.end(error);
  }

  /** What a transaction of this recorder's has done, which is committed. */
  toldOf({ texts, events, ids }: WrittenHere): void {
    if (!this.isHeard) return;
    for (const id of ids) this.#own.add(id);
    const tables = tablesIn(texts);
    if (events.length > 0) tables?.add(lastNameIn(this.#parts.log.eventsTable));
    if (tables?.size === 0 && events.length === 0) return;
    this.noteChanged({ tables: tables && [...tables], aggregates: events.map(({ originatorId }) => originatorId) });
  }

  #lookSoon(): void {
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    this.#looking = this.#looking.then(async () => {
      this.#isLookDue = false;
      if (!this.isHeard) return;
      await this.#look().catch((error: unknown) => {
        // What fails otherwise is looked for by the next look.
        if (error instanceof ConnectionPoolClosedError) this.end(error);
      });
    });
  }

  async #look(): Promise<void> {
    const after = this.#seen;
    if (after === undefined) {
      this.#seen = await this.#parts.maxNotificationId();
      // Something may have been recorded before this was known.
      this.noteChanged(ANY_CHANGES);
      return;
    }
    const { eventsTable, columns } = this.#parts.log;
    const { rows } = await this.#parts.sql.query(
      `SELECT ${columns.notificationId} AS id, ${columns.originatorId} AS originator FROM ${eventsTable}
       WHERE ${columns.notificationId} > $1 ORDER BY ${columns.notificationId} LIMIT ${NEWS_MAX}`,
      [after],
    );
    const news = rows.map(({ id, originator }) => ({ id: Number(id), originator: String(originator) }));
    this.#seen = news.at(-1)?.id ?? after;
    const others = news.filter(({ id }) => !this.#own.delete(id));
    if (news.length === NEWS_MAX) this.#lookSoon();
    if (others.length > 0) {
      this.noteChanged({ tables: undefined, aggregates: [...new Set(others.map(({ originator }) => originator))] });
    }
  }
}

/** What one transaction, or call, has written. */
export interface WrittenHere {
  readonly texts: readonly unknown[];
  readonly events: readonly StoredEvent[];
  readonly ids: readonly NotificationId[];
}

/** All names in statements that write: more than the tables that they write, and never less. `undefined`: any. */
function tablesIn(texts: readonly unknown[]): Set<string> | undefined {
  const names = new Set<string>();
  for (const given of texts) {
    // `pg` takes a configuration in the place of the text, which query builders use.
    const text = typeof given === 'string' ? given : (given as { readonly text?: unknown } | undefined)?.text;
    if (typeof text !== 'string') return undefined;
    if (READS.test(text) && !IS_SEVERAL.test(text)) continue;
    if (!WRITES_ROWS.test(text)) return undefined;
    for (const [name] of text.matchAll(/"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*/gu)) names.add(nameOf(name));
  }
  return names;
}

/** A table's name without its schema. */
function lastNameIn(table: string): string {
  return nameOf(/"(?:[^"]|"")+"$|[^.]+$/.exec(table)?.[0] ?? table);
}

function nameOf(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
