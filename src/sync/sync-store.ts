/**
 * What synchronisation needs of a store.
 *
 * @module
 */
import type { ProcessRecorder } from '../persistence/recorder.js';

/** A store that can be pushed; what `openDaybook` returns is one. */
export interface SyncStore {
  /** Its name within this origin: tabs that push the same store agree by it who does. */
  readonly name: string;
  /** Identifies it to the server: a random UUID, made once. */
  readonly replicaId: string;
  /** Of a copy of another store: events up to this id are that one's to push, and never pushed as this one's. @defaultValue 0 */
  readonly pushBaseId?: number;
  readonly recorder: ProcessRecorder;
  /** Calls a listener soon after something was recorded. @returns stops the calls */
  onRecorded(listener: () => void): () => void;
}
