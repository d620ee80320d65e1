/**
 * What the tabs and the test process say to each other.
 *
 * @module
 */
import type { Tracking } from 'daybook';

/** What became of a commit, as its tab learnt it. */
export type CommitOutcome =
  /** The store said that it is recorded. */
  | 'acknowledged'
  /** Nobody said so, and when it was tried again it was there. */
  | 'found'
  /** The store said that nothing of it is recorded. */
  | 'refused';

/** Told to the witness before the tab goes on. */
export interface CommitReport {
  readonly commitId: string;
  readonly outcome: CommitOutcome;
  /** Of its events, in order; only of an acknowledged one. */
  readonly notificationIds: readonly number[];
  /** How many events it has. */
  readonly size: number;
  readonly tracking?: Tracking;
  /** The code of the error of a refused one. */
  readonly code?: string;
  /** How often it was tried without an answer before. */
  readonly lostReplies: number;
}

/** What a tab posts. */
export interface WitnessMessage {
  readonly storeName: string;
  readonly reports: readonly CommitReport[];
  /** Errors that no store may give here. */
  readonly unexpected?: string;
}

/** An event as a survey found it. */
export interface SurveyedEvent {
  readonly id: number;
  readonly commitId: string;
  readonly index: number;
  readonly size: number;
  readonly originatorId: string;
  readonly originatorVersion: number;
  /** Whether its commit added a row to the application's own table. */
  readonly hasOwnRow: boolean;
}

/** What one tab's replica holds, and what lies in the browser. */
export interface StoreSurvey {
  readonly replicaId: string;
  readonly largestId: number;
  /** Of everything up to the mark. */
  readonly digestAtMark: string;
  /** Of everything. */
  readonly digest: string;
  /** Of the rows of every table that SQL can see, the application's own ones among them. */
  readonly tables: string;
  /** The commits that have a row in the application's own table. */
  readonly ownRows: readonly string[];
  /** After the mark. */
  readonly events: readonly SurveyedEvent[];
  /** Of the names that were asked for. */
  readonly trackings: Readonly<Record<string, number>>;
  /** Keys of the journal's records, in order. */
  readonly journal: readonly number[];
  readonly checkpoints: readonly number[];
  /** What was not as it was written. */
  readonly problems: readonly string[];
}

/** What a survey is to look at. */
export interface SurveyOrder {
  /** Events up to this id were looked at before. */
  readonly mark: number;
  readonly trackingNames: readonly string[];
}

/** What an opening has brought back of a store that the browser had lost. */
export interface RestoredUnits {
  readonly units: number;
}

/** The tab's side, as the test process calls it. */
export interface SoakTabCalls {
  /** @returns what it has brought back, if the store was lost */
  open(storeName: string): Promise<RestoredUnits | undefined>;
  close(): Promise<void>;
  /** Commits at random, until it is stopped. */
  start(seed: number): void;
  stop(): Promise<void>;
  /** Ends the worker, as a browser would that needs memory. */
  terminateWorker(): void;
  /** Writes so much that a checkpoint becomes due. */
  growJournal(): Promise<void>;
  survey(order: SurveyOrder): Promise<StoreSurvey>;
}
