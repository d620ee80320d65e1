/**
 * Keys of people in a SQL table.
 *
 * ```text
 * key_id           text, primary key
 * subject          text; empty: the key of snapshots
 * secret_key       bytes; null when it was destroyed
 * created_at_ms    integer
 * forgotten_at_ms  integer; null as long as it was not
 * followed_at_ms   integer; null until what was read with it was made anew here, or nothing was
 * made_here        1 as long as nobody else is known to have it
 * ```
 *
 * A row of a key that was destroyed stays: it says that its subject was forgotten, and what its id is of.
 *
 * @module
 */
import { createMissing } from '../../persistence/sql/create-missing.js';
import type { Creations } from '../../persistence/sql/sql-names.js';
import { columnTypes, takeTurn } from '../../persistence/sql/sql-dialect.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { parameters } from '../../persistence/sql/sql-parameters.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { Listeners } from '../../util/listeners.js';
import { newSubjectKey, SNAPSHOTS, subjectForgotten, validateSubject } from './subject-keys.js';
import type { FoundKey, SubjectKey, SubjectKeys } from './subject-keys.js';
import { validateFunction, validateList } from '../../persistence/validation.js';

const TABLE_DEFAULT = 'subject_keys';
const FIND_MAX = 500;
// Whoever destroyed a key in the same table may have had another clock.
const CLOCKS_APART_MS = 60_000;

/** Options of {@link SqlSubjectKeys}. */
export interface SqlSubjectKeysOptions {
  /**
   * Where the table is: not in the database of the events, or whoever has a backup of that has the keys as well. In a browser,
   * the recorder of a store of its own.
   */
  readonly recorder: SqlRecorder;
  /** @defaultValue `subject_keys` */
  readonly table?: string;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/** A key that was made elsewhere; `key` is null when it was destroyed. */
export interface ForeignKey {
  readonly id: string;
  readonly subject: string;
  readonly key: Uint8Array | null;
}

/**
 * Keys of people in a table, on every engine with SQL. They lie there as they are: whoever can read the table can read what
 * they have encrypted.
 *
 * @example
 * ```ts
 * const subjectKeys = new SqlSubjectKeys({ recorder: keysRecorder });
 * await subjectKeys.createTables();
 * const app = new Application({ recorder, aggregates: [customer], subjectKeys });
 * await subjectKeys.forget(customerId);
 * ```
 */
export class SqlSubjectKeys implements SubjectKeys {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;
  readonly #clock: Clock;
  readonly #listeners = new Listeners<[subject: string]>();
  /** Of those who were forgotten before it, nothing was read by whoever has these keys. */
  readonly #sinceMs: number;
  readonly #told = new Set<string>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor({ recorder, table = TABLE_DEFAULT, schema, clock = systemClock }: SqlSubjectKeysOptions) {
    this.#recorder = recorder;
    this.#names = sqlTableName(table, schema, recorder.dialect);
    this.#clock = clock;
    this.#sinceMs = clock.nowMs() - CLOCKS_APART_MS;
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    const { name, schema, table, index } = this.#names;
    const { integer, bytes } = columnTypes(this.#recorder.dialect);
    const sql = `CREATE TABLE IF NOT EXISTS ${table} (
      key_id TEXT NOT NULL PRIMARY KEY,
      subject TEXT NOT NULL,
      secret_key ${bytes},
      created_at_ms ${integer} NOT NULL,
      forgotten_at_ms ${integer},
      followed_at_ms ${integer},
      made_here ${integer} NOT NULL
    )`;
    const creations = [
      { name, sql },
      index('subject', '(subject)'),
      index('made_here', '(key_id) WHERE made_here = 1'),
      index('to_follow', '(subject) WHERE forgotten_at_ms IS NOT NULL AND followed_at_ms IS NULL'),
    ];
    return { schema, lock: this.#turn, creations };
  }

  /** Creates the table and its index, where they are missing. Safe to call again, also by several at once. */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
  }

  async keyFor(subject: string): Promise<SubjectKey> {
    validateSubject(subject);
    return await this.#newest(subject);
  }

  async snapshotKey(): Promise<SubjectKey> {
    return await this.#newest(SNAPSHOTS);
  }

  async find(ids: readonly string[]): Promise<readonly FoundKey[]> {
    validateList('ids', ids);
    const found = new Map<string, FoundKey>();
    for (let start = 0; start < ids.length; start += FIND_MAX) {
      const some = ids.slice(start, start + FIND_MAX);
      const sql = `SELECT key_id, subject, secret_key FROM ${this.#names.table} WHERE key_id IN (${parameters(some.length, 1)})`;
      const { rows } = await this.#recorder.query(sql, [...some]);
      for (const row of rows) found.set(String(row['key_id']), toKey(row));
    }
    return ids.map((id) => found.get(id));
  }

  async forget(subject: string): Promise<readonly string[]> {
    validateSubject(subject);
    const ids = await this.#write(async (connection) => {
      const ids = await this.#destroy(connection, subject);
      if (ids.length > 0) return ids;
      // Nothing is known of the subject: what says that it was forgotten is a key that never was.
      await this.#insert(connection, { id: newSubjectKey(subject).id, subject, key: null }, false);
      return [];
    });
    await this.#tell([subject]);
    return ids;
  }

  onForgotten(listener: (subject: string) => void): () => void {
    validateFunction('listener', listener);
    return this.#listeners.add(listener);
  }

  /**
   * Takes keys that were made elsewhere. One of a subject that was forgotten here is destroyed at once; one that was destroyed
   * there forgets its subject here.
   *
   * @returns the ids of those whose subjects are forgotten
   */
  async take(keys: readonly ForeignKey[]): Promise<readonly string[]> {
    validateList('keys', keys);
    const told = new Set<string>();
    const gone = await this.#write(async (connection) => {
      told.clear();
      const gone: string[] = [];
      for (const foreign of keys) {
        validateSubject(foreign.subject);
        const wasForgotten = await this.#isForgotten(connection, foreign.subject);
        const isForgotten = wasForgotten || foreign.key === null;
        if (isForgotten) gone.push(foreign.id);
        await this.#insert(connection, { ...foreign, key: isForgotten ? null : foreign.key }, false);
        if (isForgotten && !wasForgotten) {
          await this.#destroy(connection, foreign.subject);
          told.add(foreign.subject);
        }
      }
      return gone;
    });
    await this.#tell(told);
    return gone;
  }

  /**
   * Destroys keys that were destroyed elsewhere, and forgets the subjects of those that are here. What is not here (yet) is
   * never taken. Listeners are told as well of what another tab, or another process, has destroyed in this table meanwhile.
   */
  async destroy(ids: readonly string[]): Promise<void> {
    validateList('ids', ids);
    const told = new Set<string>();
    await this.#write(async (connection) => {
      told.clear();
      for (const id of ids) {
        const sql = `SELECT subject, secret_key, forgotten_at_ms FROM ${this.#names.table} WHERE key_id = $1`;
        const [row] = (await connection.query(sql, [id])).rows;
        const subject = String(row?.['subject']);
        // Whose it was, nobody here will know.
        if (row === undefined) await this.#insert(connection, { id, subject: `key ${id}`, key: null }, false);
        else if (row['secret_key'] !== null) {
          await this.#destroy(connection, subject);
          told.add(subject);
        } else if (Number(row['forgotten_at_ms']) >= this.#sinceMs && !this.#told.has(subject)) told.add(subject);
      }
    });
    await this.#tell(told);
  }

  /** Keys that nobody else is known to have, oldest first, at most 500. */
  async madeHere(): Promise<readonly SubjectKey[]> {
    const sql = `SELECT key_id, subject, secret_key FROM ${this.#names.table}
      WHERE made_here = 1 AND secret_key IS NOT NULL AND subject <> '' ORDER BY created_at_ms, key_id LIMIT ${FIND_MAX}`;
    const { rows } = await this.#recorder.query(sql, []);
    return rows.map(toKey).filter((found) => found !== 'forgotten');
  }

  /** Says that others have these keys as well. */
  async keptElsewhere(ids: readonly string[]): Promise<void> {
    validateList('ids', ids);
    if (ids.length === 0) return;
    await this.#write(async (connection) => {
      for (const id of ids) {
        await connection.query(`UPDATE ${this.#names.table} SET made_here = 0 WHERE key_id = $1`, [id]);
      }
    });
  }

  /** Subjects that were forgotten, and of whom what was read here may still be somewhere: until {@link followed} says no. */
  async toFollow(): Promise<readonly string[]> {
    const sql = `SELECT DISTINCT subject FROM ${this.#names.table}
      WHERE forgotten_at_ms IS NOT NULL AND followed_at_ms IS NULL ORDER BY subject`;
    const { rows } = await this.#recorder.query(sql, []);
    return rows.map((row) => String(row['subject']));
  }

  /** Says that nothing that was read of these subjects is here any more. */
  async followed(subjects: readonly string[]): Promise<void> {
    validateList('subjects', subjects);
    if (subjects.length === 0) return;
    await this.#write(async (connection) => {
      for (const subject of subjects) {
        const sql = `UPDATE ${this.#names.table} SET followed_at_ms = $2
          WHERE subject = $1 AND forgotten_at_ms IS NOT NULL AND followed_at_ms IS NULL`;
        await connection.query(sql, [subject, Math.trunc(this.#clock.nowMs())]);
      }
    });
  }

  async #tell(subjects: Iterable<string>): Promise<void> {
    const all = [...subjects];
    for (const subject of all) {
      this.#told.add(subject);
      this.#listeners.tell(subject);
    }
    // What was read before the listeners had let go of everything, and became a snapshot then.
    if (all.length > 0) await this.#write((connection) => this.#destroySnapshotKey(connection));
  }

  async #newest(subject: string): Promise<SubjectKey> {
    const there = await this.#select(this.#recorder, subject);
    if (there !== undefined) return there;
    return await this.#write(async (connection) => {
      const there = await this.#select(connection, subject);
      if (there !== undefined) return there;
      const made = newSubjectKey(subject);
      await this.#insert(connection, made, subject !== SNAPSHOTS);
      return made;
    });
  }

  async #select(queryable: SqlQueryable, subject: string): Promise<SubjectKey | undefined> {
    const sql = `SELECT key_id, subject, secret_key FROM ${this.#names.table} WHERE subject = $1
      ORDER BY created_at_ms DESC, key_id LIMIT 1`;
    const { rows } = await queryable.query(sql, [subject]);
    const found = rows[0] && toKey(rows[0]);
    if (found === 'forgotten') throw subjectForgotten(subject);
    return found;
  }

  async #isForgotten(connection: SqlQueryable, subject: string): Promise<boolean> {
    const sql = `SELECT key_id FROM ${this.#names.table} WHERE subject = $1 AND secret_key IS NULL LIMIT 1`;
    return (await connection.query(sql, [subject])).rows.length > 0;
  }

  async #destroy(connection: SqlQueryable, subject: string): Promise<readonly string[]> {
    const { table } = this.#names;
    const sql = `UPDATE ${table} SET secret_key = NULL, made_here = 0, forgotten_at_ms = COALESCE(forgotten_at_ms, $2)
      WHERE subject = $1 RETURNING key_id`;
    const { rows } = await connection.query(sql, [subject, Math.trunc(this.#clock.nowMs())]);
    await this.#destroySnapshotKey(connection);
    return rows.map((row) => String(row['key_id']));
  }

  /** A snapshot does not say whom it is about. */
  async #destroySnapshotKey(connection: SqlQueryable): Promise<void> {
    await connection.query(`DELETE FROM ${this.#names.table} WHERE subject = ''`, []);
  }

  async #insert(connection: SqlQueryable, { id, subject, key }: ForeignKey, isMadeHere: boolean): Promise<void> {
    const nowMs = Math.trunc(this.#clock.nowMs());
    const sql = `INSERT INTO ${this.#names.table}
        (key_id, subject, secret_key, created_at_ms, forgotten_at_ms, followed_at_ms, made_here)
      VALUES (${parameters(7, 1)}) ON CONFLICT (key_id) DO NOTHING`;
    // Of a key that comes destroyed nothing was read here.
    const goneMs = key === null ? nowMs : null;
    await connection.query(sql, [id, subject, key, nowMs, goneMs, goneMs, isMadeHere ? 1 : 0]);
  }

  /** One at a time: two would make two keys, or make one of a subject that is being forgotten. */
  async #write<T>(work: (connection: SqlQueryable) => Promise<T>): Promise<T> {
    return await this.#recorder.transaction(async ({ connection }) => {
      await takeTurn(connection, this.#recorder.dialect, this.#turn);
      return await work(connection);
    });
  }

  get #turn(): string {
    return `daybook subject keys ${this.#names.table}`;
  }
}

function toKey(row: Readonly<Record<string, unknown>>): SubjectKey | 'forgotten' {
  const { key_id, subject, secret_key } = row;
  if (secret_key === null || secret_key === undefined) return 'forgotten';
  return { id: String(key_id), subject: String(subject), key: new Uint8Array(secret_key as Uint8Array) };
}
