/**
 * The words of states in SQL tables, beside the documents.
 *
 * ```text
 * words      the words of the fields that are searched, with a space between each
 * words_of   which version, and which fields, they are of; another one is made anew when the store is set up: a release that
 *            knows nothing of words may have written, or one that searched other fields
 * ```
 *
 * @module
 */
import { documentsOf, takeTurn } from '../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import { createMissing } from '../persistence/sql/create-missing.js';
import type { Creation, SqlTableName } from '../persistence/sql/sql-names.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { wordsOf } from '../persistence/sql/sql-words.js';
import type { State } from './state.js';
import type { HaveWords } from './state-sql.js';
import { wordsIn } from './state-words.js';

const FILLED_MAX = 100;
const COLUMNS = ['words', 'words_of'] as const;

/** What is needed of a state. */
type Searched = Pick<State, 'search' | 'kept'>;

/** The columns of a state's words; none where nothing is searched. */
export function wordColumns({ search }: Pick<State, 'search'>): readonly string[] {
  return search.length === 0 ? [] : COLUMNS;
}

/** What is in them, in their order. @param data - undefined: there is no document (any more) */
export function wordValues(state: Pick<State, 'search'>, version: number, data: unknown): readonly (string | null)[] {
  if (state.search.length === 0) return [];
  if (data === undefined) return [null, null];
  return [wordsText(state, data), `${version}${endingOf(state)}`];
}

/** The words of a document whose version the database counts. */
export interface WordsToPut {
  readonly columns: readonly string[];
  /** What is in the columns, as SQL. @param version - as SQL */
  readonly valuesAt: (version: string) => readonly string[];
  readonly parameters: readonly string[];
}

/** @param first - the number of the first parameter */
export function wordsToPut(state: Pick<State, 'search'>, data: unknown, first: number): WordsToPut {
  if (state.search.length === 0) return { columns: [], valuesAt: () => [], parameters: [] };
  return {
    columns: COLUMNS,
    valuesAt: (version) => [`$${first}`, `CAST(${version} AS TEXT) || $${first + 1}`],
    parameters: [wordsText(state, data), endingOf(state)],
  };
}

/** What creates the engine's index of words, where it has one in the table. */
export function wordsIndex(
  state: Pick<State, 'search'>,
  called: SqlTableName,
  dialect: SqlDialect,
): readonly Creation[] {
  const { indexOn } = wordsOf(dialect);
  return indexOn === undefined || state.search.length === 0 ? [] : [called.index('words', indexOn('words'))];
}

/** How rows with words are found. */
export class StateWords {
  readonly #dialect: SqlDialect;
  /** Whether the database can have an index beside a table; undefined: nobody has asked. */
  #isAvailable: Promise<boolean> | undefined;

  constructor(dialect: SqlDialect) {
    this.#dialect = dialect;
  }

  /** By an index beside the table, where there is one that follows it: a view that was built anew has none at first. */
  async haveIn(sql: SqlQueryable, { name }: SqlTableName): Promise<HaveWords> {
    const { have, beside } = wordsOf(this.#dialect);
    if (beside !== undefined && (await this.#canBeBeside(sql))) {
      const { rows } = await sql.query(beside.followsSql, [name]);
      if (Number(rows[0]?.['follows']) > 0) return (beginnings, bind) => beside.have(name, beginnings, bind);
    }
    return (beginnings, bind) => have('words', beginnings, bind);
  }

  /** Sees to it that a table has words, of what is in it, and an index of them. */
  async setUp(recorder: SqlRecorder, state: Searched, called: SqlTableName): Promise<void> {
    if (state.search.length === 0) return;
    if (!(await hasWords(recorder, called))) {
      // A view of an earlier definition is built anew, with its words.
      if (state.kept !== undefined) return;
      await this.#add(recorder, called);
    }
    if (state.kept === undefined) {
      const creations = wordsIndex(state, called, this.#dialect);
      await createMissing(recorder, { schema: undefined, lock: `daybook ${called.name}`, creations });
    }
    while ((await fill(recorder, state, called)) === FILLED_MAX);
    await this.#index(recorder, called);
  }

  /** What makes the index beside a table that is new, where the engine's usual build has one. */
  creationsOf({ search }: Pick<State, 'search'>, { name }: SqlTableName): readonly Creation[] {
    const { beside } = wordsOf(this.#dialect);
    if (beside === undefined || search.length === 0) return [];
    return [{ name: `words of ${name}`, sql: beside.creations(name).join(';\n') }];
  }

  async #canBeBeside(sql: SqlQueryable): Promise<boolean> {
    this.#isAvailable ??= isBesideAvailable(sql, this.#dialect);
    // What failed once is asked again.
    return await this.#isAvailable.catch((error: unknown) => {
      this.#isAvailable = undefined;
      throw error;
    });
  }

  async #add(recorder: SqlRecorder, called: SqlTableName): Promise<void> {
    await recorder.transaction(async ({ connection }) => {
      await takeTurn(connection, this.#dialect, `daybook ${called.name}`);
      if (await hasWords(connection, called)) return;
      for (const column of COLUMNS) await connection.query(`ALTER TABLE ${called.table} ADD COLUMN ${column} TEXT`);
    });
  }

  async #index(recorder: SqlRecorder, { name }: SqlTableName): Promise<void> {
    const { beside } = wordsOf(this.#dialect);
    if (beside === undefined || !(await this.#canBeBeside(recorder))) return;
    const follows = async (sql: SqlQueryable): Promise<boolean> =>
      Number((await sql.query(beside.followsSql, [name])).rows[0]?.['follows']) > 0;
    if (await follows(recorder)) return;
    await recorder.transaction(async ({ connection }) => {
      if (await follows(connection)) return;
      for (const sql of beside.creations(name)) await connection.query(sql);
    });
  }
}

async function isBesideAvailable(sql: SqlQueryable, dialect: SqlDialect): Promise<boolean> {
  const { beside } = wordsOf(dialect);
  return beside !== undefined && Number((await sql.query(beside.availableSql)).rows[0]?.['available']) > 0;
}

async function hasWords(sql: SqlQueryable, { table }: SqlTableName): Promise<boolean> {
  const { rows } = await sql.query(`SELECT t.* FROM (SELECT 1) AS one LEFT JOIN ${table} AS t ON 1 = 0`);
  const columns = Object.keys(rows[0] ?? {});
  return COLUMNS.every((column) => columns.includes(column));
}

/** @returns how many rows had other words, or none; as many as can be: there may be more */
async function fill(recorder: SqlRecorder, state: Searched, { table }: SqlTableName): Promise<number> {
  const { dialect } = recorder;
  const asked = `SELECT id, version, ${documentsOf(dialect).text('data')} AS data FROM ${table}
    WHERE data IS NOT NULL AND coalesce(words_of, '') <> CAST(version AS TEXT) || $1 LIMIT ${FILLED_MAX}`;
  const ending = endingOf(state);
  if ((await recorder.query(asked, [ending])).rows.length === 0) return 0;
  return await recorder.transaction(async ({ connection }) => {
    const { rows } = await connection.query(`${asked} ${dialect.rowLock ?? ''}`, [ending]);
    for (const { id, version, data } of rows) {
      const values = wordValues(state, Number(version), JSON.parse(data as string));
      await connection.query(`UPDATE ${table} SET words = $2, words_of = $3 WHERE id = $1`, [id, ...values]);
    }
    return rows.length;
  });
}

function wordsText({ search }: Pick<State, 'search'>, data: unknown): string {
  return wordsIn(data as Readonly<Record<string, unknown>>, search).join(' ');
}

/** Names of fields have no quotes. */
function endingOf({ search }: Pick<State, 'search'>): string {
  return ` ${search.map((field) => `"${field}"`).join(' ')}`;
}
