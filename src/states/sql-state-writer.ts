/**
 * Writes states by SQL, in a transaction.
 *
 * @module
 */
import { parameters, statementParts } from '../persistence/sql/sql-parameters.js';
import { SqlStateReader } from './sql-state-reader.js';
import { wordColumns, wordsToPut, wordValues } from './sql-state-words.js';
import type { State } from './state.js';
import {
  assertRestored,
  assertVersion,
  assertWritten,
  conflict,
  restoredOf,
  updateBy,
  validateExpected,
} from './state-changes.js';
import { checkedId, toDocument } from './state-document.js';
import type { ChangeOptions, FoundState, RestoreOptions, StateWriter } from './state-store.js';

// A statement that is prepared once serves all parts but the last; more rows make it no faster.
const RESTORED_MAX = 100;
// Among the columns of a state.
const DATA = 2;

/** Implements {@link StateWriter} on the connection of a transaction. */
export class SqlStateWriter extends SqlStateReader implements StateWriter {
  async put<Data>(
    state: State<Data>,
    id: string,
    data: unknown,
    { version }: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    validateExpected(version);
    const { table } = this.tableOf(state);
    const document = await toDocument(state, checkedId(id), data);
    const given = this.documents.parameter('$2');
    const { columns, valuesAt, parameters: words } = wordsToPut(state, document.data, 3);
    const fields = ['version', 'data', ...columns];
    const setTo = (next: string): string =>
      [next, given, ...valuesAt(next)].map((value, index) => `${fields[index]} = ${value}`).join(', ');
    const inserted = `INSERT INTO ${table} AS t (${['id', ...fields].join(', ')}) VALUES (${['$1', '1', given, ...valuesAt('1')].join(', ')}) ON CONFLICT (id)`;
    const values = [id, document.json, ...words];
    // One statement, which waits for whoever changes the same row, and then changes nothing that is not as expected.
    const { rows } = await (version === undefined
      ? this.sql.query(`${inserted} DO UPDATE SET ${setTo('t.version + 1')} RETURNING version`, values)
      : version === 0
        ? this.sql.query(`${inserted} DO NOTHING RETURNING version`, values)
        : this.sql.query(
            `UPDATE ${table} SET ${setTo('version + 1')} WHERE id = $1 AND version = $${values.length + 1} RETURNING version`,
            [...values, version],
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
    validateExpected(options.version);
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
    const columns = ['id', 'version', 'data', ...wordColumns(state)];
    const set = columns.slice(1).map((column) => `${column} = excluded.${column}`);
    for (const part of statementParts(this.dialect, given, { rowsMax: RESTORED_MAX, columns: columns.length })) {
      const restored = await restoredOf(state, part, await this.#byId(state, part), options);
      if (restored.length > 0) {
        const rows = restored.map((_, index) => {
          const bound = columns.map((_column, place) => `$${index * columns.length + place + 1}`);
          return `(${bound.with(DATA, this.documents.parameter(bound[DATA] as string)).join(', ')})`;
        });
        await this.sql.query(
          `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${rows.join(', ')} ON CONFLICT (id) DO UPDATE SET ${set.join(', ')}`,
          restored.flatMap(({ id, version, json, data }) => [id, version, json, ...wordValues(state, version, data)]),
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
    const lock = this.dialect.rowLock === undefined ? '' : ` ${this.dialect.rowLock}`;
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
    const { rowLock } = this.dialect;
    if (rowLock === undefined) return;
    await this.sql.query(`SELECT 1 FROM ${this.tableOf(state).table} WHERE id = $1 ${rowLock}`, [id]);
  }
}
