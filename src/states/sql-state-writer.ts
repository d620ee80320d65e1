/**
 * Writes states by SQL, in a transaction.
 *
 * @module
 */
import { documentsOf } from '../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import { parameters, statementParts } from '../persistence/sql/sql-parameters.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import { SqlStateReader } from './sql-state-reader.js';
import type { TableOf } from './sql-state-reader.js';
import type { State } from './state.js';
import { assertRestored, assertVersion, assertWritten, conflict, restoredOf, updateBy } from './state-changes.js';
import { checkedId, toDocument } from './state-document.js';
import type { ChangeOptions, FoundState, RestoreOptions, StateWriter } from './state-store.js';

// A statement that is prepared once serves all parts but the last; more rows make it no faster.
const RESTORED_MAX = 100;

/** Implements {@link StateWriter} on the connection of a transaction. */
export class SqlStateWriter extends SqlStateReader implements StateWriter {
  readonly #dialect: SqlDialect;

  constructor(connection: SqlQueryable, dialect: SqlDialect, tableOf: TableOf) {
    super(connection, documentsOf(dialect), tableOf);
    this.#dialect = dialect;
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

  async restore<Data>(
    state: State<Data>,
    given: readonly FoundState<unknown>[],
    options?: RestoreOptions,
  ): Promise<number> {
    assertRestored(state, options);
    const { table } = this.tableOf(state);
    let changed = 0;
    for (const part of statementParts(this.#dialect, given, { rowsMax: RESTORED_MAX, columns: 3 })) {
      const restored = await restoredOf(state, part, await this.#byId(state, part), options);
      if (restored.length > 0) {
        const rows = restored.map(
          (_, index) => `($${3 * index + 1}, $${3 * index + 2}, ${this.documents.parameter(`$${3 * index + 3}`)})`,
        );
        await this.sql.query(
          `INSERT INTO ${table} (id, version, data) VALUES ${rows.join(', ')}
           ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data`,
          restored.flatMap(({ id, version, json }) => [id, version, json]),
        );
      }
      changed += restored.length;
    }
    return changed;
  }

  /** Those that are there of these ids; nobody else changes them before the end of the transaction. */
  async #byId<Data>(
    state: State<Data>,
    given: readonly FoundState<unknown>[],
  ): Promise<ReadonlyMap<string, Pick<FoundState<unknown>, 'version' | 'data'>>> {
    if (given.length === 0) return new Map();
    const lock = this.#dialect.rowLock === undefined ? '' : ` ${this.#dialect.rowLock}`;
    const { rows } = await this.sql.query(
      `SELECT id, version, ${this.documents.text('data')} AS data FROM ${this.tableOf(state).table} WHERE id IN (${parameters(given.length, 1)})${lock}`,
      given.map(({ id }) => checkedId(id)),
    );
    return new Map(
      rows.map(({ id, version, data }) => [
        String(id),
        { version: Number(version), data: JSON.parse(data as string) as unknown },
      ]),
    );
  }

  async #versionOf(table: string, id: string): Promise<number> {
    const { rows } = await this.sql.query(`SELECT version FROM ${table} WHERE id = $1`, [id]);
    return rows[0] === undefined ? 0 : Number(rows[0]['version']);
  }

  async #lock<Data>(state: State<Data>, id: string): Promise<void> {
    const { rowLock } = this.#dialect;
    if (rowLock === undefined) return;
    await this.sql.query(`SELECT 1 FROM ${this.tableOf(state).table} WHERE id = $1 ${rowLock}`, [id]);
  }
}
