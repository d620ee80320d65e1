/**
 * States in SQL tables of the store: the browser's, SQLite's or PostgreSQL's.
 *
 * ```text
 * state_<name>   id, version, data: the document, JSON; NULL where there is none (any more)
 *                words, words_of: of one that is searched, see sql-state-words.ts
 *                source: of a state with `map`, what it was made of, JSON of the transcoder
 * ```
 *
 * States that are kept from events are projections in line: in a store that is synchronised they follow what is confirmed, then
 * what is pending, and go back with it ([ADR 20](../../docs/adr/0020-followers-of-a-log-that-changes.md)).
 *
 * @module
 */
import type { InlineParticipant, UnitsChanged } from '../application/events/inline-participant.js';
import type { NotifiedEvent } from '../application/events/notified-event.js';
import { InlineProjection } from '../application/projections/inline-projection.js';
import type { SqlProjection } from '../application/projections/projection.js';
import { SqlProjectionStore } from '../application/projections/sql-projection-store.js';
import { InterfaceError, ProgrammingError } from '../persistence/errors.js';
import { defaultTranscoder } from '../persistence/mapping/default-transcoder.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import { createMissing } from '../persistence/sql/create-missing.js';
import type { Creations } from '../persistence/sql/sql-names.js';
import { columnTypes, documentsOf } from '../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import { sqlTableName } from '../persistence/sql/sql-names.js';
import type { Creation, SqlTableName } from '../persistence/sql/sql-names.js';
import { sqlOf } from '../persistence/sql/sql-queryable.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { Notification } from '../persistence/stored-event.js';
import { crc32 } from '../util/crc32.js';
import { SqlStateReader } from './sql-state-reader.js';
import type { StatePlaces } from './sql-state-reader.js';
import { StateWords, wordColumns, wordsIndex, wordValues } from './sql-state-words.js';
import { SqlStateWriter } from './sql-state-writer.js';
import { indexFields } from './state.js';
import type { KeptState, State } from './state.js';
import { checkedId, toDocument } from './state-document.js';
import type { FieldOf } from './state-filter.js';
import type { StateReader, StateTransaction, StateWriter } from './state-store.js';
import { StoredStates } from './stored-states.js';
import { validateFunction } from '../persistence/validation.js';

/** What {@link SqlStateStore} needs. */
export interface SqlStateStoreOptions {
  /** The application's own, whose database has the states; lent. */
  readonly recorder: SqlRecorder;
  /** Those that there are. Others are refused. */
  readonly states: readonly State[];
  /** Of what states with `map` are made of: that of the application. @defaultValue as `Application` */
  readonly transcoder?: Transcoder;
}

/**
 * A {@link StateStore} over a {@link SqlRecorder}.
 *
 * @example
 * ```ts
 * const stock = stateOf(stockItem, { name: 'stock', indexes: ['quantity'] });
 * const states = new SqlStateStore({ recorder, states: [stock] });
 * await states.setUp();
 * const app = new Application({
 *   recorder,
 *   aggregates: [stockItem],
 *   inline: [states.inline((notification) => app.decode(notification))],
 * });
 * const few = await states.find(stock, { where: { quantity: { lt: 5 } }, orderBy: 'quantity' });
 * ```
 */
export class SqlStateStore extends StoredStates {
  readonly #recorder: SqlRecorder;
  readonly #states: ReadonlySet<State>;
  readonly #transcoder: Transcoder;
  readonly #places: StatePlaces;
  protected override readonly committed: StateReader;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when two states have one name */
  constructor({ recorder, states, transcoder = defaultTranscoder() }: SqlStateStoreOptions) {
    super(recorder, states);
    this.#recorder = recorder;
    this.#states = new Set(states);
    this.#transcoder = transcoder;
    const { dialect } = recorder;
    this.#places = { dialect, tableOf: (state) => this.#tableOf(state), words: new StateWords(dialect) };
    this.committed = new SqlStateReader(recorder, this.#places);
  }

  /** What the tables of states that are written by hand are made of, for who prints them. Others are views of projections. */
  get tables(): Creations {
    const creations = [...this.#states].flatMap((state) =>
      state.kept === undefined ? this.#creations(state, this.#tableOf(state)) : [],
    );
    return { schema: undefined, lock: 'daybook states', creations, isOfLog: true };
  }

  /**
   * What `setUp` makes in an empty database, in its order, for who prints it (`schemaSql`): also of states that are kept from
   * events. Where all of it is there, `setUp` needs no right to create anything.
   */
  get creations(): readonly Creation[] {
    return [...this.#states].flatMap((state) => {
      const called = this.#tableOf(state);
      const made =
        state.kept === undefined
          ? [...this.#creations(state, called), ...wordsIndex(state, called, this.#recorder.dialect)]
          : new SqlProjectionStore(this.#recorder, this.projectionOf(state)).creations;
      return [...made, ...this.#places.words.creationsOf(state, called)];
    });
  }

  override async setUp(): Promise<void> {
    for (const state of this.#states) {
      if (state.kept !== undefined) await new SqlProjectionStore(this.#recorder, this.projectionOf(state)).setUp();
      else await this.#create(state);
      await this.#places.words.setUp(this.#recorder, state, this.#tableOf(state));
    }
  }

  override within(transaction: StateTransaction): StateWriter {
    const connection = sqlOf(transaction.connection);
    if (connection === undefined) throw new InterfaceError('The transaction is none of a recorder with SQL.');
    return new SqlStateWriter(connection, this.#places);
  }

  override async createIndex<Data>(
    state: State<Data>,
    fields: FieldOf<Data> | readonly FieldOf<Data>[],
  ): Promise<void> {
    const table = this.#tableOf(state);
    const index = this.#index(table, indexFields(state.name, typeof fields === 'string' ? [fields] : fields));
    await createMissing(this.#recorder, { schema: undefined, lock: `daybook ${table.name}`, creations: [index] });
  }

  override inline(decode: (notification: Notification) => Promise<NotifiedEvent>): InlineParticipant {
    validateFunction('decode', decode);
    const recorder = this.#recorder;
    const kept = [...this.#states].filter((state) => state.kept !== undefined);
    if (kept.length === 0) return {};
    const each = kept.map((state) => new InlineProjection({ projection: this.projectionOf(state), recorder, decode }));
    return {
      needsHistory: true,
      async onRecorded(transaction, events) {
        for (const one of each) await one.onRecorded(transaction, events);
      },
      async onUnitsChanged(transaction: RecorderTransaction<SqlQueryable | undefined>, _changed: UnitsChanged) {
        for (const one of each) await one.onUnitsChanged(transaction);
      },
    };
  }

  /**
   * A state that is kept from events, as a projection: for a `ProjectionRunner`, where it is not to be in line; or to build it
   * anew.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is written by hand, or none of this store
   *
   * @example
   * ```ts
   * const projection = states.projectionOf(stock);
   * const runner = new ProjectionRunner({ projection, store: new SqlProjectionStore(recorder, projection), log: app, follows: 'confirmed' });
   * ```
   */
  projectionOf<Data>(state: State<Data>): SqlProjection {
    const { kept, name, version } = state;
    const { name: table } = this.#tableOf(state);
    if (kept === undefined) throw new ProgrammingError(`The state ${name} is written by hand, and follows no events.`);
    return {
      ...{ name: `state ${name}`, version, topics: kept.topics },
      tables: {
        [table]: (called) =>
          this.#creations(state, sqlTableName(called, undefined, this.#recorder.dialect)).map(({ sql }) => sql),
      },
      handle: async (event, { query, tables }) => {
        await this.#keep(state, kept, event, { query, table: tables[table] as string });
      },
    };
  }

  async #keep<Data>(
    state: State<Data>,
    kept: KeptState<Data>,
    event: NotifiedEvent,
    { query, table }: Pick<SqlQueryable, 'query'> & { readonly table: string },
  ): Promise<void> {
    const documents = documentsOf(this.#recorder.dialect);
    const id = checkedId(kept.idOf(event));
    const source = kept.hasSource ? ', source' : '';
    const { rows } = await query(
      `SELECT version, ${documents.text('data')} AS data${source} FROM ${table} WHERE id = $1`,
      [id],
    );
    const row = rows[0];
    const before = row && {
      version: Number(row['version']),
      data: row['data'] === null ? undefined : (JSON.parse(row['data'] as string) as Data),
      ...(kept.hasSource
        ? { source: await this.#transcoder.decode(new TextEncoder().encode(row['source'] as string)) }
        : {}),
    };
    const after = kept.evolve(before, event);
    const document = after.data === undefined ? undefined : await toDocument(state, id, after.data);
    const json = document?.json ?? null;
    if (json === null && !kept.hasSource) {
      await query(`DELETE FROM ${table} WHERE id = $1`, [id]);
      return;
    }
    const sources = kept.hasSource ? [new TextDecoder().decode(await this.#transcoder.encode(after.source))] : [];
    const beside = [...(kept.hasSource ? ['source'] : []), ...wordColumns(state)];
    await query(
      `INSERT INTO ${table} (${['id', 'version', 'data', ...beside].join(', ')})
       VALUES (${['$1', '$2', documents.parameter('$3'), ...beside.map((_, index) => `$${index + 4}`)].join(', ')})
       ON CONFLICT (id) DO UPDATE SET ${['version', 'data', ...beside].map((column) => `${column} = excluded.${column}`).join(', ')}`,
      [id, after.version, json, ...sources, ...wordValues(state, after.version, document?.data)],
    );
  }

  async #create(state: State): Promise<void> {
    const called = this.#tableOf(state);
    const creations = this.#creations(state, called);
    await createMissing(this.#recorder, {
      schema: undefined,
      lock: `daybook ${called.name}`,
      creations,
      isOfLog: true,
    });
  }

  #creations<Data>(state: State<Data>, called: SqlTableName): readonly Creation[] {
    const { dialect } = this.#recorder;
    const types = columnTypes(dialect);
    // With a source there may be a row without a document.
    const source = state.kept?.hasSource === true ? ', source TEXT' : '';
    const words = wordColumns(state).map((column) => `, ${column} TEXT`);
    const sql = `CREATE TABLE IF NOT EXISTS ${called.table} (id ${types.word} PRIMARY KEY, version ${types.integer} NOT NULL, data ${documentsOf(dialect).type}${source}${words.join('')})`;
    return [
      { name: called.name, sql },
      ...state.indexes.map((fields) => this.#index(called, fields)),
      ...state.lists.flatMap((field) => this.#listIndex(called, field)),
      // Of one that is written by hand the columns may have to be added before.
      ...(state.kept === undefined ? [] : wordsIndex(state, called, dialect)),
    ];
  }

  #listIndex(called: SqlTableName, field: string): readonly Creation[] {
    const { listIndexOn } = documentsOf(this.#recorder.dialect);
    return listIndexOn === undefined ? [] : [called.index(`has_${endingOf([field])}`, listIndexOn('data', field))];
  }

  #index(called: SqlTableName, fields: readonly string[]): Creation {
    const { nulls, keys } = documentsOf(this.#recorder.dialect);
    const columns = fields.flatMap((field) => keys('data', field).map((key) => `${key}${nulls.asc}`));
    // With the id, by which those are ordered that are alike.
    return called.index(endingOf(fields), `(${[...columns, 'id'].join(', ')})`);
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none of this store */
  #tableOf<Data>(state: State<Data>): SqlTableName {
    return tableOf(this.#states, state, this.#recorder.dialect);
  }
}

function tableOf(known: ReadonlySet<unknown>, state: State, dialect: SqlDialect): SqlTableName {
  if (known.has(state)) return sqlTableName(`state_${state.name}`, undefined, dialect);
  throw new ProgrammingError(`The state ${state.name} is none of this store: name it in its option states.`);
}

/** Whatever the fields are called. */
function endingOf(fields: readonly string[]): string {
  return crc32(new TextEncoder().encode(JSON.stringify(fields)))
    .toString(16)
    .padStart(8, '0');
}
