/**
 * Which replica is whose, in a table beside the log.
 *
 * @module
 */
import { createMissing } from '../../persistence/sql/create-missing.js';
import type { Creations } from '../../persistence/sql/sql-names.js';
import { columnTypes } from '../../persistence/sql/sql-dialect.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlQueryable, SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type {
  NewReplica,
  ReplicaKey,
  ReplicaRecord,
  ReplicaSeen,
  ReplicaSelection,
  ReplicaStore,
  Revocation,
} from './replica-store.js';
import { validateCount } from '../../persistence/validation.js';

const TABLE_DEFAULT = 'daybook_replicas';
const KEY = 'log = $1 AND tenant = $2 AND replica_id = $3';

/** Options of {@link SqlReplicaStore}. */
export interface SqlReplicaStoreOptions {
  /** In whose database the table is. */
  readonly recorder: SqlRecorder;
  /** @defaultValue `daybook_replicas` */
  readonly table?: string | undefined;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string | undefined;
  /** Tells the replicas of one log from those of another, where several share a table. @defaultValue an empty text */
  readonly log?: string | undefined;
}

/**
 * Replicas in a table, found by its key. One implementation for SQLite and PostgreSQL.
 *
 * @example
 * ```ts
 * const store = new SqlReplicaStore({ recorder });
 * await store.createTables();
 * const server = createSyncServer({ unitLog, jwt, replicas: new ReplicaRegistry({ store }) });
 * ```
 */
export class SqlReplicaStore implements ReplicaStore {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;
  readonly #log: string;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor({ recorder, table = TABLE_DEFAULT, schema, log = '' }: SqlReplicaStoreOptions) {
    this.#recorder = recorder;
    this.#names = sqlTableName(table, schema, recorder.dialect);
    this.#log = log;
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    const { name, schema, table, index } = this.#names;
    const { integer, word } = columnTypes(this.#recorder.dialect);
    const createTable = `CREATE TABLE IF NOT EXISTS ${table} (
        log ${word} NOT NULL,
        tenant ${word} NOT NULL,
        replica_id ${word} NOT NULL,
        subject TEXT NOT NULL,
        app TEXT,
        first_seen_at_ms ${integer} NOT NULL,
        last_seen_at_ms ${integer} NOT NULL,
        acked_position ${integer},
        revoked_at_ms ${integer},
        revoked_why TEXT,
        PRIMARY KEY (log, tenant, replica_id)
      )`;
    return {
      schema,
      lock: `daybook replicas ${table}`,
      creations: [{ name, sql: createTable }, index('subject', '(log, tenant, subject, replica_id)')],
    };
  }

  /** Creates the table and its index, where they are missing. Safe to call again. */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
  }

  async select(key: ReplicaKey): Promise<ReplicaRecord | undefined> {
    return await this.#selectBy(this.#recorder, key);
  }

  async bind(replica: NewReplica): Promise<ReplicaRecord | undefined> {
    const { tenant, replicaId, subject, app, nowMs, replicasMax } = replica;
    const { table } = this.#names;
    return await this.#recorder.transaction(async ({ connection }) => {
      const known = await this.#selectBy(connection, replica);
      if (known !== undefined && (known.subject !== '' || subject === '')) return known;
      if (subject !== '' && (await this.#hasMany(connection, replica, replicasMax))) return undefined;
      // Whoever else was first has it: that is what is read then.
      await connection.query(
        `INSERT INTO ${table} AS present (log, tenant, replica_id, subject, app, first_seen_at_ms, last_seen_at_ms)
          VALUES ($1, $2, $3, $4, $5, $6, $6)
          ON CONFLICT (log, tenant, replica_id) DO UPDATE SET subject = excluded.subject
          WHERE present.subject = '' AND excluded.subject <> ''`,
        [this.#log, tenant, replicaId, subject, app ?? null, nowMs],
      );
      return await this.#selectBy(connection, replica);
    });
  }

  async noteSeen({ nowMs, app, ackedPosition, ...key }: ReplicaSeen): Promise<void> {
    await this.#write(
      `UPDATE ${this.#names.table} SET last_seen_at_ms = $4,
          app = COALESCE($5, app), acked_position = COALESCE($6, acked_position)
        WHERE ${KEY} AND last_seen_at_ms <= $4`,
      [...this.#keyOf(key), nowMs, app ?? null, ackedPosition ?? null],
    );
  }

  async setRevoked(key: ReplicaKey, revoked: Revocation | undefined): Promise<boolean> {
    const rows = await this.#write(
      `UPDATE ${this.#names.table} SET revoked_at_ms = $4, revoked_why = $5 WHERE ${KEY} RETURNING replica_id`,
      [...this.#keyOf(key), revoked?.atMs ?? null, revoked?.why ?? null],
    );
    return rows.length > 0;
  }

  async list({ tenant, subject, after, limit }: ReplicaSelection): Promise<readonly ReplicaRecord[]> {
    validateCount('limit', limit);
    const values: unknown[] = [this.#log];
    const is = (value: unknown): string => `$${values.push(value)}`;
    const conditions = [
      'log = $1',
      ...(tenant === undefined ? [] : [`tenant = ${is(tenant)}`]),
      ...(subject === undefined ? [] : [`subject = ${is(subject)}`]),
      ...(after === undefined ? [] : [`(tenant, replica_id) > (${is(after.tenant)}, ${is(after.replicaId)})`]),
    ];
    const { rows } = await this.#recorder.query(
      `SELECT * FROM ${this.#names.table} WHERE ${conditions.join(' AND ')} ORDER BY tenant, replica_id LIMIT ${is(limit)}`,
      values,
    );
    return rows.map(toRecord);
  }

  async #selectBy(sql: SqlQueryable, key: ReplicaKey): Promise<ReplicaRecord | undefined> {
    const { rows } = await sql.query(`SELECT * FROM ${this.#names.table} WHERE ${KEY}`, this.#keyOf(key));
    return rows[0] === undefined ? undefined : toRecord(rows[0]);
  }

  async #hasMany(sql: SqlQueryable, { tenant, subject }: NewReplica, many: number): Promise<boolean> {
    const { rows } = await sql.query(
      `SELECT 1 AS found FROM ${this.#names.table} WHERE log = $1 AND tenant = $2 AND subject = $3 LIMIT 1 OFFSET $4`,
      [this.#log, tenant, subject, many - 1],
    );
    return rows.length > 0;
  }

  async #write(text: string, values: unknown[]): Promise<readonly SqlRow[]> {
    return await this.#recorder.transaction(async ({ connection }) => (await connection.query(text, values)).rows);
  }

  #keyOf({ tenant, replicaId }: ReplicaKey): unknown[] {
    return [this.#log, tenant, replicaId];
  }
}

function toRecord(row: SqlRow): ReplicaRecord {
  const revokedAtMs = numberOf(row['revoked_at_ms']);
  return {
    tenant: row['tenant'] as string,
    replicaId: row['replica_id'] as string,
    subject: row['subject'] as string,
    app: (row['app'] as string | null) ?? undefined,
    firstSeenAtMs: Number(row['first_seen_at_ms']),
    lastSeenAtMs: Number(row['last_seen_at_ms']),
    ackedPosition: numberOf(row['acked_position']),
    revoked: revokedAtMs === undefined ? undefined : { atMs: revokedAtMs, why: row['revoked_why'] as string },
  };
}

/** Engines differ in how they give integers of 64 bits. */
function numberOf(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
