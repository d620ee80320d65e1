/**
 * The recorder that keeps everything in memory: for tests, and for code that must run anywhere.
 *
 * @module
 */
import { ReplicaRecorder } from '../replica-recorder.js';
import { MemoryReplica } from './memory-replica.js';

/**
 * A process recorder whose events are gone when it is.
 *
 * @example
 * ```ts
 * const recorder = new MemoryProcessRecorder();
 * const state = new TextEncoder().encode('{"counted":12}');
 * await recorder.insertEvents([{ originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'Counted', state }]);
 * ```
 */
export class MemoryProcessRecorder extends ReplicaRecorder {
  constructor() {
    super(new MemoryReplica());
  }
}
