/**
 * Engines by provider. Each is loaded when it is chosen, so that nobody loads one that is not used.
 *
 * @module
 */
import { Environment } from '../environment/environment.js';
import type { EnvironmentValues } from '../environment/environment.js';
import type { ByTopic } from '../environment/topics.js';
import { MemoryFactory } from '../persistence/memory/memory-factory.js';
import type { PostgresConnector } from '../persistence/postgres/postgres-driver.js';
import type { RecorderFactory } from '../persistence/recorder-factory.js';
import type { SnapshotStore } from '../persistence/snapshot-store.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { StorePlace } from './event-sourcing-config.js';

/** Snapshots whose tables are still to be created. */
export interface CreatedSnapshots extends SnapshotStore {
  createTables(): Promise<void>;
}

/** An engine on one database. Nothing is opened before a recorder is asked for. */
export interface ConfiguredEngine {
  /** What the engine was told. */
  readonly environment: Environment;
  readonly recorders: RecorderFactory;
  /** Opens the process recorder, with SQL; absent where there is none. */
  readonly openSql?: () => Promise<SqlRecorder>;
  /** Opens the engine's own snapshots; absent where they are in SQL, or nowhere. @param name - of where they are */
  readonly openSnapshots?: (name: string | undefined) => Promise<CreatedSnapshots>;
}

/** Which engine, and what it is told. */
export interface EngineChoice {
  readonly place: StorePlace;
  /** The application's name, or empty. */
  readonly name: string;
  /** What the configuration does not say, such as the sizes of pools. */
  readonly settings: EnvironmentValues;
  /** For `POSTGRES_CONNECTION_CREATOR_TOPIC`. */
  readonly connectors: ByTopic<PostgresConnector>;
  /** Before the settings. */
  readonly overrides?: EnvironmentValues;
}

/**
 * Loads the engine of a place.
 *
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting of the engine is wrong
 */
export async function loadEngine(choice: EngineChoice): Promise<ConfiguredEngine> {
  const { place } = choice;
  switch (place.provider) {
    case 'memory': {
      const environment = environmentOf(choice, {});
      return { environment, recorders: new MemoryFactory(environment) };
    }
    case 'sqlite':
      return await loadSqlite(environmentOf(choice, { SQLITE_DBNAME: place.address }));
    case 'mongodb':
      return await loadMongo(environmentOf(choice, { MONGODB_URL: place.address }));
    case 'postgres':
      // Blank, because a name of a database among the settings would count more than the address.
      return await loadPostgres(
        environmentOf(choice, { ...place.pool, DATABASE_URL: place.address, POSTGRES_DBNAME: '' }),
        choice.connectors,
      );
  }
}

async function loadSqlite(environment: Environment): Promise<ConfiguredEngine> {
  const { NodeSqliteFactory } = await import('../persistence/sqlite/node-sqlite.js');
  const recorders = new NodeSqliteFactory(environment);
  return { environment, recorders, openSql: () => recorders.processRecorder() };
}

async function loadMongo(environment: Environment): Promise<ConfiguredEngine> {
  const { MongoFactory } = await import('../persistence/mongodb/mongo-factory.js');
  const recorders = new MongoFactory(environment);
  return { environment, recorders, openSnapshots: (name) => recorders.snapshotStore(name) };
}

async function loadPostgres(
  environment: Environment,
  connectors: ByTopic<PostgresConnector>,
): Promise<ConfiguredEngine> {
  const { PostgresFactory } = await import('../persistence/postgres/index.js');
  const recorders = new PostgresFactory(environment, { connectors });
  return { environment, recorders, openSql: () => recorders.processRecorder() };
}

/** The settings, and over them what the configuration decides: under every key that it is looked up with. */
function environmentOf({ name, settings, overrides }: EngineChoice, decided: EnvironmentValues): Environment {
  const byName = new Environment({}, { name });
  const over = Object.entries({ ...overrides, ...decided }).flatMap(([key, value]) =>
    byName.keys(key).map((lookedUp) => [lookedUp, value] as const),
  );
  return new Environment({ ...settings, ...Object.fromEntries(over) }, { name });
}
