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
import { assertVersion, assertWritten, conflict, updateBy } from './state-changes.js';
import { checkedId, toDocument } from './state-document.js';
import type { ChangeOptions, FoundState, StateWriter } from './state-store.js';

/** Implements {@link StateWriter} on the connection of a transaction. */
export class SqlStateWriter extends SqlStateReader implements StateWriter {
  readonly #rowLock: string | undefined;

  constructor(connection: SqlQueryable, dialect: SqlDialect, tableOf: TableOf) {
    super(connection, documentsOf(dialect), tableOf);
    this.#rowLock = dialect.rowLock;
  }

  async put<Data>(
    state: State<Data>,
    id: string,
    data: unknown,
    { version }: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    const { table } = this.tableOf(state);
    const document = await toDocument(state, checkedId(id), data);
    const given = this.documents.parameter('$2');
    const inserted = `INSERT INTO ${table} AS t (id, version, data) VALUES ($1, 1, ${given}) ON CONFLICT (id)`;
    // One statement, which waits for whoever changes the same row, and then changes nothing that is not as expected.
    const { rows } = await (version === undefined
      ? this.sql.query(`${inserted} DO UPDATE SET version = t.version + 1, data = excluded.data RETURNING version`, [
          id,
          document.json,
        ])
      : version === 0
        ? this.sql.query(`${inserted} DO NOTHING RETURNING version`, [id, document.json])
        : this.sql.query(
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
    options: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    await this.#lock(state, checkedId(id));
    return await updateBy(this, state, id, change, options);
  }

  async delete<Data>(state: State<Data>, id: string, { version }: ChangeOptions = {}): Promise<boolean> {
    assertWritten(state);
    await this.#lock(state, checkedId(id));
    const { table } = this.tableOf(state);
    const actual = await this.#versionOf(table, id);
    assertVersion(state, id, version, actual);
    if (actual > 0) await this.sql.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
    return actual > 0;
  }

  async #versionOf(table: string, id: string): Promise<number> {
    const { rows } = await this.sql.query(`SELECT version FROM ${table} WHERE id = $1`, [id]);
    return rows[0] === undefined ? 0 : Number(rows[0]['version']);
  }

  async #lock<Data>(state: State<Data>, id: string): Promise<void> {
    if (this.#rowLock === undefined) return;
    await this.sql.query(`SELECT 1 FROM ${this.tableOf(state).table} WHERE id = $1 ${this.#rowLock}`, [id]);
  }
}
