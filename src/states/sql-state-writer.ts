/**
 * Writes states by SQL, in a transaction.
 *
 * @module
 */
import { documentsOf } from '../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import { SqlStateReader } from './sql-state-reader.js';
import type { TableOf } from './sql-state-reader.js';
import type { State } from './state.js';
import { assertVersion, assertWritten, changed, conflict, notFound } from './state-changes.js';
import { checkedId, toDocument } from './state-document.js';
import type { Where } from './state-filter.js';
import type { ChangeOptions, FindOptions, FoundState, PageOptions, StatePage, StateWriter } from './state-store.js';

/** What {@link SqlStateWriter} needs. */
export interface SqlStateWriterOptions {
  readonly connection: SqlQueryable;
  readonly dialect: SqlDialect;
  readonly tableOf: TableOf;
}

/** Implements {@link StateWriter} on the connection of a transaction. */
export class SqlStateWriter implements StateWriter {
  readonly #options: SqlStateWriterOptions;
  readonly #reader: SqlStateReader;

  constructor(options: SqlStateWriterOptions) {
    const { connection, dialect, tableOf } = options;
    this.#options = options;
    this.#reader = new SqlStateReader(connection, documentsOf(dialect), tableOf);
  }

  async fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined> {
    return await this.#reader.fetch(state, id);
  }

  async find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: FindOptions<Data, Field> = {},
  ): Promise<readonly FoundState<Pick<Data, Field>>[]> {
    return await this.#reader.find(state, options);
  }

  async page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: PageOptions<Data, Field> = {},
  ): Promise<StatePage<Pick<Data, Field>>> {
    return await this.#reader.page(state, options);
  }

  async count<Data>(state: State<Data>, where?: Where<Data>): Promise<number> {
    return await this.#reader.count(state, where);
  }

  async put<Data>(
    state: State<Data>,
    id: string,
    data: unknown,
    { version }: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    const { table } = this.#options.tableOf(state);
    const { dialect, connection } = this.#options;
    const document = await toDocument(state, checkedId(id), data);
    const given = documentsOf(dialect).parameter('$2');
    const inserted = `INSERT INTO ${table} AS t (id, version, data) VALUES ($1, 1, ${given}) ON CONFLICT (id)`;
    // One statement, which waits for whoever changes the same row, and then changes nothing that is not as expected.
    const { rows } = await (version === undefined
      ? connection.query(`${inserted} DO UPDATE SET version = t.version + 1, data = excluded.data RETURNING version`, [
          id,
          document.json,
        ])
      : version === 0
        ? connection.query(`${inserted} DO NOTHING RETURNING version`, [id, document.json])
        : connection.query(
            `UPDATE ${table} SET version = version + 1, data = ${given} WHERE id = $1 AND version = $3 RETURNING version`,
            [id, document.json, version],
          ));
    const stored = rows[0]?.['version'];
    if (stored === undefined) throw conflict(state, id, version ?? 0, await this.#versionOf(table, id));
    return { id, version: Number(stored), data: document.data };
  }

  async update<Data>(
    state: State<Data>,
    id: string,
    change: Partial<Data> | ((data: Data) => Data),
    { version }: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    await this.#lock(state, checkedId(id));
    const found = await this.fetch(state, id);
    if (found === undefined) throw notFound(state, id);
    assertVersion(state, id, version, found.version);
    return await this.put(state, id, changed(found.data, change), { version: found.version });
  }

  async delete<Data>(state: State<Data>, id: string, { version }: ChangeOptions = {}): Promise<boolean> {
    assertWritten(state);
    await this.#lock(state, checkedId(id));
    const { table } = this.#options.tableOf(state);
    const actual = await this.#versionOf(table, id);
    assertVersion(state, id, version, actual);
    if (actual > 0) await this.#options.connection.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
    return actual > 0;
  }

  async #versionOf(table: string, id: string): Promise<number> {
    const { rows } = await this.#options.connection.query(`SELECT version FROM ${table} WHERE id = $1`, [id]);
    return rows[0] === undefined ? 0 : Number(rows[0]['version']);
  }

  async #lock<Data>(state: State<Data>, id: string): Promise<void> {
    const { connection, dialect, tableOf } = this.#options;
    if (dialect.rowLock === undefined) return;
    await connection.query(`SELECT 1 FROM ${tableOf(state).table} WHERE id = $1 ${dialect.rowLock}`, [id]);
  }
}
