/**
 * What synchronisation needs of a store.
 *
 * @module
 */
import type { ProcessRecorder, RecorderSupport } from '../persistence/recorder.js';
import type { UnitRecorder } from '../persistence/unit-recorder.js';

/** A store that can be synchronised; what `openDaybook` and `openStore` return is one. */
export interface SyncStore {
  /** Its name within this origin: tabs of the same store agree by it which of them synchronises. */
  readonly name: string;
  /** Identifies it to the server: a random UUID, made once. */
  readonly replicaId: string;
  /** Knows units, and says so in `supports.units`. */
  readonly recorder: UnitRecorder &
    Pick<ProcessRecorder, 'insertEvents' | 'maxTrackingId'> & { readonly supports?: RecorderSupport | undefined };
  /** Calls a listener soon after something was recorded, by any tab, or came from the server. @returns stops the calls */
  onRecorded(listener: () => void): () => void;
}
