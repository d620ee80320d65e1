/**
 * What an engine offers to an infrastructure factory: its recorders, made from settings.
 *
 * @module
 */
import type { Environment } from '../environment/environment.js';
import type { ByTopic } from '../environment/topics.js';
import type { AggregateRecorder, ApplicationRecorder, ProcessRecorder } from './recorder.js';

/**
 * Makes the recorders of one engine. The application and the process recorder are two views of the same events. An
 * aggregate recorder of the events is for an application that has neither.
 *
 * Each method opens what is not open yet, and creates the tables that are missing unless `CREATE_TABLE` says no.
 */
export interface RecorderFactory {
  /** @param purpose - names the table: `events`, or `snapshots`, which must not stand among the events */
  aggregateRecorder(purpose: string): Promise<AggregateRecorder>;
  /** The recorder of the application's events. */
  applicationRecorder(): Promise<ApplicationRecorder>;
  /** The recorder of the application's events and of what it processed. */
  processRecorder(): Promise<ProcessRecorder>;
  /** Closes what was opened. Closing twice is fine. */
  close(): Promise<void>;
}

/** The least that a connection has which somebody else makes: what more it may have is said by the engine. */
export interface EngineConnection {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
  end(): Promise<unknown>;
}

/** What settings name and engines use, by topic. */
export interface EngineParts {
  /** Make connections, where an engine has a setting for it. */
  readonly connectors?: ByTopic<(environment: Environment) => Promise<EngineConnection>>;
}

/**
 * A persistence module: what is registered under the name that `PERSISTENCE_MODULE` gives. Its constructor reads the
 * settings and opens nothing yet; it throws `EnvironmentError` when one of them is missing or wrong.
 */
export type RecorderFactoryClass = new (environment: Environment, parts?: EngineParts) => RecorderFactory;

/** Whether recorders create the tables that are missing: `CREATE_TABLE`, yes unless it says no. */
export function createsTables(environment: Environment): boolean {
  return environment.getBoolean('CREATE_TABLE', true);
}
