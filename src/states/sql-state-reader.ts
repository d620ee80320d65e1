/**
 * Reads states by SQL.
 *
 * @module
 */
import { documentsOf } from '../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlDocuments } from '../persistence/sql/sql-documents.js';
import type { SqlTableName } from '../persistence/sql/sql-names.js';
import type { SqlQueryable, SqlRow } from '../persistence/sql/sql-queryable.js';
import type { State } from './state.js';
import { checkedId } from './state-document.js';
import type { Condition, Where } from './state-filter.js';
import { pageBy } from './state-page.js';
import { queryOf, searchedConditionOf } from './state-query.js';
import type { StateQuery } from './state-query.js';
import type { StateWords } from './sql-state-words.js';
import { StateSql } from './state-sql.js';
import type { CountOptions, FindOptions, FoundState, PageOptions, StatePage, StateReader } from './state-store.js';

/** Where the table of a state is. @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none of the store */
export type TableOf = <Data>(state: State<Data>) => SqlTableName;

/** Where states are, and how they are found there. */
export interface StatePlaces {
  readonly dialect: SqlDialect;
  readonly tableOf: TableOf;
  readonly words: StateWords;
}

/** Implements {@link StateReader} on a connection. */
export class SqlStateReader implements StateReader {
  protected readonly sql: SqlQueryable;
  protected readonly dialect: SqlDialect;
  protected readonly documents: SqlDocuments;
  protected readonly tableOf: TableOf;
  protected readonly words: StateWords;

  constructor(sql: SqlQueryable, { dialect, tableOf, words }: StatePlaces) {
    this.sql = sql;
    this.dialect = dialect;
    this.documents = documentsOf(dialect);
    this.tableOf = tableOf;
    this.words = words;
  }

  async fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined> {
    const { table } = this.tableOf(state);
    const { rows } = await this.sql.query(
      `SELECT id, version, ${this.documents.text('data')} AS data FROM ${table} WHERE id = $1 AND data IS NOT NULL`,
      [checkedId(id)],
    );
    return rows[0] && this.#found(rows[0], undefined);
  }

  async find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: FindOptions<Data, Field> = {},
  ): Promise<readonly FoundState<Pick<Data, Field>>[]> {
    return await this.#select(state, queryOf(state, options as FindOptions<Data>));
  }

  async page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: PageOptions<Data, Field> = {},
  ): Promise<StatePage<Pick<Data, Field>>> {
    return await pageBy(state, options, (query) => this.#select<Data, Record<string, unknown>>(state, query));
  }

  async count<Data>(state: State<Data>, where?: Where<Data>, { search }: CountOptions = {}): Promise<number> {
    const called = this.tableOf(state);
    const { table } = called;
    const asked = searchedConditionOf(state, where, search);
    const sql = new StateSql(this.documents, asksForWords(asked) ? await this.words.haveIn(this.sql, called) : noWords);
    const condition = sql.where(asked);
    const { rows } = await this.sql.query(`SELECT count(*) AS n FROM ${table} WHERE ${condition}`, sql.values);
    return Number(rows[0]?.['n']);
  }

  async #select<Data, Found>(
    state: State<Data>,
    { condition, orderings, select, limit, offset }: StateQuery,
  ): Promise<readonly FoundState<Found>[]> {
    const called = this.tableOf(state);
    const { table } = called;
    const sql = new StateSql(
      this.documents,
      asksForWords(condition) ? await this.words.haveIn(this.sql, called) : noWords,
    );
    const columns =
      select === undefined
        ? [`${this.documents.text('data')} AS data`]
        : select.map((field, index) => `${this.documents.fieldText('data', field)} AS f${index}`);
    const text = `SELECT ${['id', 'version', ...columns].join(', ')} FROM ${table} WHERE ${sql.where(condition)} ORDER BY ${sql.order(orderings)}`;
    const bounds = this.#bounds(sql, limit, offset);
    const { rows } = await this.sql.query(`${text}${bounds}`, sql.values);
    return rows.map((row) => this.#found<Found>(row, select));
  }

  #bounds(sql: StateSql, limit: number | undefined, offset: number): string {
    if (limit === undefined && offset === 0) return '';
    // SQLite has no OFFSET without a LIMIT.
    return ` LIMIT ${sql.bind(limit ?? Number.MAX_SAFE_INTEGER)}${offset === 0 ? '' : ` OFFSET ${sql.bind(offset)}`}`;
  }

  #found<Found>(row: SqlRow, select: readonly string[] | undefined): FoundState<Found> {
    const data: unknown =
      select === undefined
        ? JSON.parse(row['data'] as string)
        : Object.fromEntries(
            select.flatMap((field, index) => {
              const json = row[`f${index}`];
              return typeof json === 'string' ? [[field, JSON.parse(json) as unknown]] : [];
            }),
          );
    return { id: String(row['id']), version: Number(row['version']), data: data as Found };
  }
}

function asksForWords(condition: Condition): boolean {
  return condition.kind === 'words' || (condition.kind === 'all' && condition.of.some(asksForWords));
}

/** Of a query that asks for none. */
function noWords(): string {
  return 'FALSE';
}
