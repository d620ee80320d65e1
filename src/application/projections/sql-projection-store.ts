/**
 * Projections into SQL tables, with their bookkeeping in the same database. One implementation for the browser's store,
 * SQLite and PostgreSQL.
 *
 * @module
 */
import { DatabaseError, InternalError, ProgrammingError } from '../../persistence/errors.js';
import type { RebaseTransaction } from '../../persistence/rebase-transaction.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { Creation } from '../../persistence/sql/sql-names.js';
import { claimForLog } from '../../persistence/sql/log-owner.js';
import { hasUnitOrder, IS_SYNCHRONISED } from '../../persistence/sql/unit-order.js';
import { takeTurn } from '../../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { SqlProjection, SqlView } from './projection.js';
import { ProjectionReplacedError } from './projection-replaced-error.js';
import { ViewMovedError } from './projection-store.js';
import { CREATE_CHECKPOINTS, CREATE_DEAD_LETTERS, PROJECTION_TABLES, SET_UP_LOCK } from './sql-projection-tables.js';
import { SqlProjectionTransaction } from './sql-projection-transaction.js';
import { definitionOf, namesOf, versionOf } from './sql-view-generation.js';
import type { Generation } from './sql-view-generation.js';
import { SqlViewTail, spoilTail } from './sql-view-tail.js';
import type { SqlViewTailParts } from './sql-view-tail.js';
import type { Following } from './view-tail.js';
import type {
  BeginOptions,
  ProjectionStore,
  ProjectionTransaction,
  SyncedTransaction,
  SyncedViews,
  ViewCheckpoint,
  ViewGeneration,
} from './projection-store.js';

/** A transaction in which units may have been changed. */
interface RebasedTransaction {
  readonly connection: SqlQueryable;
  readonly rebase?: RebaseTransaction | undefined;
}

/** Implements {@link ProjectionStore} over a {@link SqlRecorder}. */
export class SqlProjectionStore<Table extends string = string> implements ProjectionStore<SqlView<Table>> {
  readonly #recorder: SqlRecorder;
  readonly #projection: SqlProjection<Table>;
  readonly #definition: string;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @param recorder - lent; the tables are in its database */
  constructor(recorder: SqlRecorder, projection: SqlProjection<Table>) {
    this.#recorder = recorder;
    this.#projection = projection;
    this.#definition = JSON.stringify(definitionOf(projection));
  }

  /**
   * What `setUp` makes in an empty database, in its order, for who prints it (`schemaSql`): the bookkeeping, the tables, and the
   * row that says by which definition they were made. Where all of it is there, `setUp` needs no right to create anything.
   */
  get creations(): readonly Creation[] {
    const tables = Object.entries<(table: string) => string | readonly string[]>(this.#projection.tables);
    const { name } = this.#projection;
    return [
      ...PROJECTION_TABLES.creations,
      ...tables.map(([table, statementsFor]) => ({ name: table, sql: [statementsFor(table)].flat().join(';\n') })),
      {
        name: `the view of the projection ${name}`,
        sql: `INSERT INTO projection_checkpoints (projection, generation, is_live, position, event_id, event_type, definition)
  VALUES (${literal(name)}, 1, 1, 0, '', '', ${literal(this.#definition)})`,
      },
    ];
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the view is of another log in the database */
  async setUp(): Promise<void> {
    // View, checkpoint and dead letters are found by the projection's name, whatever log it is fed from.
    await claimForLog(this.#recorder, { kept: `projection ${this.#projection.name}` });
    // Asked first, because most of the time everything is there, and a transaction that writes costs more.
    if (await this.#isSetUp()) return;
    await this.#recorder.transaction(async ({ connection }) => {
      // Two that create at once would both find nothing, and one of them fail.
      await takeTurn(connection, this.#recorder.dialect, SET_UP_LOCK);
      await connection.query(CREATE_CHECKPOINTS);
      await connection.query(CREATE_DEAD_LETTERS);
      if ((await this.#find(connection, 'live')) === undefined) await this.#create(connection, 1, 'live');
    });
  }

  async isOutdated(): Promise<boolean> {
    const live = await this.#find(this.#recorder, 'live');
    if (live === undefined || live.definition === this.#definition) return false;
    if (await this.#isReplacedBy(this.#recorder, live)) throw this.#replacedBy(live);
    return true;
  }

  async checkpoint(generation: ViewGeneration): Promise<ViewCheckpoint | undefined> {
    const found = await this.#find(this.#recorder, generation);
    return found && { ...found, isOtherDefinition: found.definition !== this.#definition };
  }

  async transaction<T>(
    generation: ViewGeneration,
    work: (transaction: ProjectionTransaction<SqlView<Table>>) => Promise<T>,
  ): Promise<T> {
    return await this.#recorder.transaction(async (transaction) => work(await this.within(transaction, generation)));
  }

  /**
   * The view and its tail, inside a transaction that somebody else began in a store that is synchronised.
   *
   * @param following - undefined: as it goes
   */
  async syncedWithin(
    { connection, rebase }: RebasedTransaction,
    following: Following | undefined,
    generation: ViewGeneration = 'live',
  ): Promise<SyncedTransaction<SqlView<Table>>> {
    if (rebase === undefined) throw new InternalError('The transaction is none of a store with units.');
    if (!(await this.#hasTails(connection))) await SqlViewTail.createTables(connection);
    const transaction = await this.within({ connection }, generation);
    const found = await this.#find(connection, generation);
    if (found === undefined) throw missing(this.#projection.name);
    const tail = this.#tailOf(found, generation, { sql: connection, rebase, following });
    return { transaction, tail, sql: connection };
  }

  /** As in {@link ProjectionStore}. */
  synced(recorder: object): SyncedViews<SqlView<Table>> | undefined {
    // Another one's would not be in one transaction with the view.
    if (recorder !== this.#recorder || !hasUnitOrder(recorder)) return undefined;
    return {
      recorder,
      transaction: (generation, following, work) =>
        recorder.transaction(async (transaction) => work(await this.syncedWithin(transaction, following, generation))),
    };
  }

  /** The same inside a transaction that somebody else began: for a projection that is in line with the events. */
  async within(
    { connection }: Pick<RecorderTransaction<SqlQueryable>, 'connection'>,
    generation: ViewGeneration = 'live',
  ): Promise<
    ProjectionTransaction<SqlView<Table>> &
      Pick<Generation, 'isSynchronised' | 'generation'> & { readonly view: SqlView<Table> }
  > {
    const found = await this.#locked(connection, generation);
    if (found === undefined) {
      throw generation === 'next' ? new ViewMovedError() : missing(this.#projection.name);
    }
    if (found.definition !== this.#definition) throw await this.#otherDefinition(connection, found);
    return new SqlProjectionTransaction({
      connection,
      projection: this.#projection.name,
      spoil: async () => {
        if (found.isSynchronised && (await this.#hasTails(connection)))
          await spoilTail(connection, this.#projection.name, found.generation);
      },
      view: {
        query: (text, values) => connection.query(text, values),
        tables: namesOf(found, generation) as Record<Table, string>,
      },
      ...found,
    });
  }

  async beginNext({ isAnew = false, isRollback = false }: BeginOptions = {}): Promise<void> {
    await this.#recorder.transaction(async ({ connection }) => {
      const live = await this.#locked(connection, 'live');
      if (live === undefined) throw missing(this.#projection.name);
      const next = await this.#locked(connection, 'next');
      if (!isRollback) await this.#assertNotReplaced(connection, live, next);
      if (next?.definition === this.#definition && !isAnew) return;
      // Half of one definition and half of another would be neither.
      if (next !== undefined) await this.#drop(connection, next, 'next');
      await this.#create(connection, live.generation + 1, 'next');
    });
  }

  async promoteNext({ lostPosition }: { readonly lostPosition?: NotificationId | undefined } = {}): Promise<
    'promoted' | 'behind' | 'none'
  > {
    return await this.#recorder.transaction(async ({ connection }) => {
      const live = await this.#locked(connection, 'live');
      const next = await this.#locked(connection, 'next');
      if (live === undefined || next === undefined) return 'none';
      if (next.definition !== this.#definition) throw await this.#otherDefinition(connection, next);
      if (next.position < live.position && live.position !== lostPosition) return 'behind';
      await this.#drop(connection, live, 'live');
      for (const [table, name] of Object.entries(namesOf(next, 'next'))) {
        await connection.query(`ALTER TABLE ${name} RENAME TO ${table}`);
      }
      await connection.query(
        'UPDATE projection_checkpoints SET is_live = 1 WHERE projection = $1 AND generation = $2',
        [this.#projection.name, next.generation],
      );
      return 'promoted';
    });
  }

  async reset({ isRollback = false }: Pick<BeginOptions, 'isRollback'> = {}): Promise<void> {
    await this.#recorder.transaction(async ({ connection }) => {
      const live = await this.#locked(connection, 'live');
      const next = await this.#locked(connection, 'next');
      if (!isRollback) await this.#assertNotReplaced(connection, live, next);
      if (next !== undefined) await this.#drop(connection, next, 'next');
      if (live !== undefined) await this.#drop(connection, live, 'live');
      await this.#create(connection, (next ?? live)?.generation ?? 1, 'live');
    });
  }

  #tailOf(
    found: Generation,
    which: ViewGeneration,
    parts: Pick<SqlViewTailParts, 'sql' | 'rebase' | 'following'>,
  ): SqlViewTail {
    const { generation } = found;
    const names = Object.values(namesOf(found, which));
    const wereNames = Object.values(namesOf(found, 'next'));
    const renamed = Object.fromEntries(wereNames.map((was, index) => [was, names[index] as string]));
    return new SqlViewTail({ ...parts, projection: this.#projection.name, generation, tables: names, renamed });
  }

  /** Whether there is the bookkeeping of views in a store that is synchronised. */
  async #hasTails(sql: SqlQueryable): Promise<boolean> {
    if (!hasUnitOrder(this.#recorder)) return false;
    const { rows } = await sql.query("SELECT 1 FROM sqlite_schema WHERE name = 'projection_tails'");
    return rows.length > 0;
  }

  async #isSetUp(): Promise<boolean> {
    try {
      return (await this.#find(this.#recorder, 'live')) !== undefined;
    } catch (error) {
      // There is no such table yet. Anything that is really wrong shows again when it is created.
      if (error instanceof DatabaseError) return false;
      throw error;
    }
  }

  /**
   * Finds a generation that nobody else changes or replaces until the end of the transaction.
   *
   * A statement sees what was committed when it began. So one that waited for whoever put another generation in the place
   * of this one finds neither: the one is gone, and the other was not there yet. Then it is asked again.
   */
  async #locked(sql: SqlQueryable, which: ViewGeneration): Promise<Generation | undefined> {
    for (;;) {
      const locked = await this.#find(sql, which, this.#recorder.dialect.rowLock);
      if (locked !== undefined || (await this.#find(sql, which)) === undefined) return locked;
    }
  }

  async #find(sql: SqlQueryable, generation: ViewGeneration, rowLock: string = ''): Promise<Generation | undefined> {
    const { rows } = await sql.query(
      `SELECT generation, position, event_id, definition${hasUnitOrder(this.#recorder) ? `, ${IS_SYNCHRONISED}` : ''}
        FROM projection_checkpoints WHERE projection = $1 AND is_live = $2 ${rowLock}`,
      [this.#projection.name, generation === 'live' ? 1 : 0],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      generation: Number(row['generation']),
      position: Number(row['position']),
      lastEventId: String(row['event_id']),
      definition: String(row['definition']),
      isSynchronised: row['synchronised'] === 1,
    };
  }

  async #create(sql: SqlQueryable, generation: number, which: ViewGeneration): Promise<void> {
    const names = namesOf({ generation, definition: this.#definition }, which);
    for (const [table, statementsFor] of Object.entries<(table: string) => string | readonly string[]>(
      this.#projection.tables,
    )) {
      const statements = statementsFor(names[table] as string);
      for (const statement of typeof statements === 'string' ? [statements] : statements) await sql.query(statement);
    }
    // It has come back, where it was replaced before.
    await sql.query('DELETE FROM projection_checkpoints WHERE projection = $1 AND definition = $2 AND is_live = -1', [
      this.#projection.name,
      this.#definition,
    ]);
    await sql.query(
      `INSERT INTO projection_checkpoints (projection, generation, is_live, position, event_id, event_type, definition)
       VALUES ($1, $2, $3, 0, '', '', $4)`,
      [this.#projection.name, generation, which === 'live' ? 1 : 0, this.#definition],
    );
  }

  async #drop(sql: SqlQueryable, dropped: Generation, which: ViewGeneration): Promise<void> {
    const { generation } = dropped;
    if (await this.#hasTails(sql)) {
      for (const table of ['projection_tails', 'projection_progress'])
        await sql.query(`DELETE FROM ${table} WHERE projection = $1 AND generation = $2`, [
          this.#projection.name,
          generation,
        ]);
    }
    // The last one first: it may refer to those before it.
    for (const name of Object.values(namesOf(dropped, which)).reverse()) await sql.query(`DROP TABLE ${name}`);
    const key = [this.#projection.name, generation];
    await sql.query('DELETE FROM projection_dead_letters WHERE projection = $1 AND generation = $2', key);
    // Kept where another definition takes its place, so that whoever still has this one does not take it back. Under a
    // number below all that views have.
    await sql.query(
      dropped.definition === this.#definition
        ? 'DELETE FROM projection_checkpoints WHERE projection = $1 AND generation = $2'
        : `UPDATE projection_checkpoints SET is_live = -1, generation =
             (SELECT MIN(generation) - 1 FROM projection_checkpoints WHERE projection = $1)
           WHERE projection = $1 AND generation = $2`,
      key,
    );
  }

  /** @throws ProjectionReplacedError when a view is there that this definition must not take the place of */
  async #assertNotReplaced(sql: SqlQueryable, live?: Generation, next?: Generation): Promise<void> {
    for (const view of [next, live]) {
      if (view === undefined || view.definition === this.#definition) continue;
      // A next view was begun after the live one was there.
      const isBefore = view === next && live?.definition === this.#definition;
      if (await this.#isReplacedBy(sql, view, isBefore)) throw this.#replacedBy(view);
    }
  }

  /**
   * Whether a view of another definition is to stay: it is of a later version; or of the same one, and this definition
   * was there before. So of two releases that run at once one has the view, and not each of them in turn.
   */
  async #isReplacedBy(sql: SqlQueryable, other: Generation, isBefore: boolean = false): Promise<boolean> {
    const difference = versionOf(other) - (this.#projection.version ?? 1);
    if (difference !== 0 || isBefore) return difference >= 0;
    const { rows } = await sql.query(
      'SELECT generation FROM projection_checkpoints WHERE projection = $1 AND definition = $2 AND is_live = -1',
      [this.#projection.name, this.#definition],
    );
    return rows.length > 0;
  }

  #replacedBy(other: Generation): ProjectionReplacedError {
    const { name, version = 1 } = this.#projection;
    return new ProjectionReplacedError({ projection: name, version, stored: versionOf(other) });
  }

  async #otherDefinition(sql: SqlQueryable, other: Generation): Promise<ProgrammingError> {
    if (await this.#isReplacedBy(sql, other)) return this.#replacedBy(other);
    const { name, version = 1 } = this.#projection;
    const stored = versionOf(other);
    return new ProgrammingError(
      `The view of the projection ${name} was made by another definition of it (version ${stored}; this one is version ${version}). Build it anew with a ProjectionRunner.`,
      { details: { projection: name, version, stored } },
    );
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function missing(projection: string): InternalError {
  return new InternalError(
    `The view of the projection ${projection} is not there. Set the projection up before it is used.`,
    { details: { projection } },
  );
}
