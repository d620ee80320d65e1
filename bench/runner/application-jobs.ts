/**
 * What an application does on stores that are synchronised: commands, conflicts, and one aggregate that all write to. Whoever
 * has no application takes no part.
 *
 * @module
 */
import type { LogServer } from './log-server.js';

/** Executes commands of one event each, one after another, each on an aggregate of its own. */
export interface ExecuteJob {
  readonly kind: 'execute';
  readonly storeName: string;
  readonly warmUp: number;
  readonly commands: number;
  /** Whether each command is kept with what it has recorded, to be decided again. */
  readonly keepsCommands: boolean;
}

/** Sends what was recorded without a network on aggregates that another device has written to meanwhile. */
export interface DecideAgainJob {
  readonly kind: 'decideAgain';
  readonly storeName: string;
  readonly server: LogServer;
  /** Pending, each on an aggregate of its own. */
  readonly units: number;
}

/** Lets several stores write to one aggregate at once. */
export interface HotAggregateJob {
  readonly kind: 'hotAggregate';
  readonly storeName: string;
  readonly server: LogServer;
  readonly writers: number;
  /** Of each writer, one after another. */
  readonly commands: number;
  /** Whether the events mean the same whatever others have recorded. */
  readonly isCommutative: boolean;
}

export type ApplicationJob = ExecuteJob | DecideAgainJob | HotAggregateJob;

/** What came of an {@link ApplicationJob}. */
export interface ApplicationResult {
  /** Of each command of an {@link ExecuteJob}; otherwise of all together, until all stores have them confirmed. Milliseconds. */
  readonly tookMs: readonly number[];
  /** Requests with units, of all stores, in that time. */
  readonly pushes: number;
  /** Units that were decided again: each as often as it was. */
  readonly decidedAgain: number;
}
