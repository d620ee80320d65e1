/**
 * What takes part in a benchmark of a browser store.
 *
 * @module
 */
import type { ApplicationJob, ApplicationResult } from './application-jobs.js';
import type { LogServer } from './log-server.js';
import type { LiveTimes } from './live-rows.js';
import type { FindStatesJob, LiveRowsJob } from './state-jobs.js';
import type { FindTimes } from './stock-states.js';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';

/** A store of events in a browser. Calls do not overlap, but for commits in a burst. */
export interface Contender {
  /** Opens a store, and creates it where there is none. */
  open(name: string): Promise<void>;
  /** Records events in one transaction; resolves when that is as durable as the contender promises. */
  commit(events: readonly StoredEvent[]): Promise<void>;
  /** How many events the open store holds. Keeps a contender honest: it is asked after closing and opening again. */
  count(): Promise<number>;
  /** Closes the store, so that it can be opened again or deleted. */
  close(): Promise<void>;
  /** Reads an aggregate, in the order of its versions. Left out by contenders that are not compared in reading. */
  selectEvents?(originatorId: string): Promise<readonly StoredEvent[]>;
  /** Reads the next events of all, in the order in which they were recorded, from an id on; ids have no gaps. */
  selectNotifications?(start: number, limit: number): Promise<readonly Notification[]>;
  /** Waits until what the contender does in the background is done, as far as it is due. */
  settle?(): Promise<void>;
  /** Size of the open store as one file, in bytes. */
  imageBytes?(): number;
  /** The WebAssembly memory of its thread, in bytes. */
  wasmBytes?(): number;
  /** Keeps the open store in agreement with a server's log, until it is closed. Left out where there is no synchronisation. */
  follow?(server: LogServer): void;
  /** Resolves when the open store has the log up to a position, and has recorded that. Rejects when it gets no further. */
  agreed?(position: number): Promise<void>;
  /** Calls a listener when something has come into the open store. @returns stops the calls */
  onRecorded?(listener: () => void): () => void;
  /** Runs a job of an application on stores of its own, and closes them. Left out where there is no application. */
  apply?(job: ApplicationJob): Promise<ApplicationResult>;
  /** Finds states of a store of its own, and closes it. Left out where there are none. */
  find?(job: FindStatesJob): Promise<FindTimes>;
  /** Watches states of a store of its own, and closes it. Left out where nothing is live. */
  watch?(job: LiveRowsJob): Promise<LiveTimes>;
  /** Deletes what the contender keeps elsewhere than in IndexedDB. Every store is closed. */
  clear?(): Promise<void>;
}

/** Where a contender's code runs. */
export type ContenderPlace = 'worker' | 'page';

/** What a run needs to know of a contender, and what its table says of it. */
export interface ContenderInfo {
  /** Also the name of its module in `bench/contenders/`, and of its origin. */
  readonly id: string;
  readonly label: string;
  /** Of a commit that has resolved: what it survives, and what else it gives. */
  readonly promises: string;
  readonly place: ContenderPlace;
}
