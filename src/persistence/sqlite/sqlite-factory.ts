/// <reference lib="esnext.disposable" preserve="true" />
/**
 * SQLite as a persistence module, whichever driver it is.
 *
 * ```text
 * SQLITE_DBNAME        which database; needed
 * SQLITE_LOCK_TIMEOUT  seconds to wait for other writers, 5 unless set
 * CREATE_TABLE         whether tables that are missing are created, yes unless set
 * ```
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import { InterfaceError } from '../errors.js';
import type { AggregateRecorder } from '../recorder.js';
import { createsTables } from '../recorder-factory.js';
import type { RecorderFactory } from '../recorder-factory.js';
import { changesOfDatabase } from './sqlite-changes.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteAggregateRecorder, SqliteApplicationRecorder, SqliteProcessRecorder } from './sqlite-recorder.js';

const LOCK_TIMEOUT_SECONDS_DEFAULT = 5;

/** What the environment says about the database. */
export interface SqliteSettings {
  /** A file, `:memory:`, `memory:name` or a `file:` address. */
  readonly databaseName: string;
  readonly lockTimeoutMs: number;
}

/** Makes recorders on one SQLite database. A driver extends it, and says how to open the database. */
export abstract class SqliteFactory implements RecorderFactory, AsyncDisposable {
  /** What the database is opened with. */
  protected readonly settings: SqliteSettings;
  readonly #createsTables: boolean;
  #opening: Promise<SqliteDatabase> | undefined;
  #isClosed = false;

  /** @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing or wrong */
  constructor(environment: Environment) {
    this.settings = readSettings(environment);
    this.#createsTables = createsTables(environment);
  }

  /** Opens the database. Called once. */
  protected abstract open(): Promise<SqliteDatabase>;

  /** @returns a recorder on the table `stored_<purpose>`; for `events`, the one that the application recorder uses too */
  async aggregateRecorder(purpose: string): Promise<AggregateRecorder> {
    // In one layout only, whoever asks first.
    if (purpose === 'events') return await this.applicationRecorder();
    return await this.#ready(new SqliteAggregateRecorder(await this.database(), { table: `stored_${purpose}` }));
  }

  async applicationRecorder(): Promise<SqliteApplicationRecorder> {
    return await this.#ready(new SqliteApplicationRecorder(await this.database()));
  }

  async processRecorder(): Promise<SqliteProcessRecorder> {
    return await this.#ready(new SqliteProcessRecorder(await this.database()));
  }

  /**
   * The database that the recorders share. Lent: it is closed with the factory.
   *
   * @throws InterfaceError (`INTERFACE_ERROR`) after the factory was closed
   */
  async database(): Promise<SqliteDatabase> {
    if (this.#isClosed) throw new InterfaceError('The infrastructure factory is closed.');
    this.#opening ??= this.open().catch((error: unknown) => {
      // What stood in the way may be gone the next time.
      this.#opening = undefined;
      throw error;
    });
    return await this.#opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // What could not be opened was reported to who asked for it.
    const database = await this.#opening?.catch(() => undefined);
    if (database === undefined) return;
    // Where others have it open, it goes on.
    if (database.sharedWith === undefined) {
      changesOfDatabase(database).end(new InterfaceError('The infrastructure factory is closed.'));
    }
    database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ready<R extends { createTable(): Promise<void>; checkTable(): unknown }>(recorder: R): Promise<R> {
    if (this.#createsTables) await recorder.createTable();
    else recorder.checkTable();
    return recorder;
  }
}

function readSettings(environment: Environment): SqliteSettings {
  const databaseName = environment.required('SQLITE_DBNAME', 'the name of a file, or :memory:');
  const lockTimeoutSeconds = environment.getInteger('SQLITE_LOCK_TIMEOUT', LOCK_TIMEOUT_SECONDS_DEFAULT);
  if (lockTimeoutSeconds < 0) throw environment.refusal('SQLITE_LOCK_TIMEOUT', 'seconds, 0 or more, or nothing');
  return { databaseName, lockTimeoutMs: lockTimeoutSeconds * 1_000 };
}
