/**
 * A transaction of a projection into SQL tables.
 *
 * @module
 */
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { DeadLetter, DeadLetterFilter, DeadLetterStatus, ProjectionTransaction } from './projection-store.js';
import type { Generation } from './sql-view-generation.js';

/** What a {@link SqlProjectionTransaction} is made of. */
export interface SqlTransactionParts<View> extends Pick<
  Generation,
  'generation' | 'position' | 'lastEventId' | 'isSynchronised'
> {
  readonly connection: SqlQueryable;
  readonly projection: string;
  readonly view: View;
  readonly spoil: () => Promise<void>;
}

/** A view, its checkpoint and its dead letters, in one transaction. */
export class SqlProjectionTransaction<View> implements ProjectionTransaction<View> {
  readonly view: View;
  readonly isSynchronised: boolean;
  readonly generation: number;
  readonly #connection: SqlQueryable;
  readonly #key: readonly [projection: string, generation: number];
  readonly #spoil: () => Promise<void>;
  #position: NotificationId;
  #lastEventId: string;

  constructor(parts: SqlTransactionParts<View>) {
    this.view = parts.view;
    this.isSynchronised = parts.isSynchronised;
    this.generation = parts.generation;
    this.#connection = parts.connection;
    this.#key = [parts.projection, parts.generation];
    this.#spoil = parts.spoil;
    this.#position = parts.position;
    this.#lastEventId = parts.lastEventId;
  }

  get position(): NotificationId {
    return this.#position;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  async advance(to: NotificationId, last?: NotifiedEvent): Promise<void> {
    // A page without events that matter says nothing of the last one that did.
    const [set, ...event] =
      last === undefined
        ? ['position = $1 WHERE projection = $2 AND generation = $3']
        : [
            'position = $1, event_id = $2, event_type = $3 WHERE projection = $4 AND generation = $5',
            last.metadata.eventId,
            last.type,
          ];
    await this.#connection.query(`UPDATE projection_checkpoints SET ${set}`, [to, ...event, ...this.#key]);
    this.#position = to;
    this.#lastEventId = last?.metadata.eventId ?? this.#lastEventId;
  }

  async deadLetters({ statuses, originatorId, notificationId }: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    const values: unknown[] = [...this.#key];
    const conditions = ['projection = $1', 'generation = $2'];
    const among = (column: string, wanted: readonly unknown[]): void => {
      conditions.push(`${column} IN (${wanted.map((value) => `$${values.push(value)}`).join(', ')})`);
    };
    if (statuses !== undefined) among('status', statuses);
    if (originatorId !== undefined) among('originator_id', [originatorId]);
    if (notificationId !== undefined) among('notification_id', [notificationId]);
    const { rows } = await this.#connection.query(
      `SELECT * FROM projection_dead_letters WHERE ${conditions.join(' AND ')} ORDER BY notification_id`,
      values,
    );
    return rows.map(toDeadLetter);
  }

  async spoilTail(): Promise<void> {
    await this.#spoil();
  }

  async putDeadLetter(letter: DeadLetter): Promise<void> {
    const row: Readonly<Record<string, string | number>> = {
      notification_id: letter.notificationId,
      event_id: letter.eventId,
      event_type: letter.eventType,
      originator_id: letter.originatorId,
      status: letter.status,
      error: letter.error,
      stack: letter.stack,
      retry_count: letter.retryCount,
      first_failed_at_ms: letter.firstFailedAtMs,
      last_failed_at_ms: letter.lastFailedAtMs,
      resolved_by: letter.resolvedBy,
    };
    const columns = Object.keys(row);
    await this.#connection.query(
      `INSERT INTO projection_dead_letters (projection, generation, ${columns.join(', ')})
       VALUES ($1, $2, ${columns.map((_column, index) => `$${index + 3}`).join(', ')})
       ON CONFLICT (projection, generation, notification_id)
       DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
      [...this.#key, ...Object.values(row)],
    );
  }
}

function toDeadLetter(row: Readonly<Record<string, unknown>>): DeadLetter {
  // PostgreSQL's libraries give large integers as texts.
  return {
    notificationId: Number(row['notification_id']),
    eventId: String(row['event_id']),
    eventType: String(row['event_type']),
    originatorId: String(row['originator_id']),
    status: row['status'] as DeadLetterStatus,
    error: String(row['error']),
    stack: String(row['stack']),
    retryCount: Number(row['retry_count']),
    firstFailedAtMs: Number(row['first_failed_at_ms']),
    lastFailedAtMs: Number(row['last_failed_at_ms']),
    resolvedBy: String(row['resolved_by']),
  };
}
