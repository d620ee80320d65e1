/**
 * Memory as a persistence module: registered as `memory` from the start.
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import type { AggregateRecorder } from '../recorder.js';
import { createsTables } from '../recorder-factory.js';
import type { RecorderFactory } from '../recorder-factory.js';
import { MemoryAggregateRecorder, MemoryProcessRecorder } from './memory-recorder.js';

/** Makes recorders in memory. What they record is gone when they are. */
export class MemoryFactory implements RecorderFactory {
  readonly #aggregateRecorders = new Map<string, MemoryAggregateRecorder>();
  #processRecorder: MemoryProcessRecorder | undefined;

  /**
   * @param environment - `CREATE_TABLE` is checked and has no effect: there is nothing to create
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when it is no boolean word
   */
  constructor(environment: Environment) {
    createsTables(environment);
  }

  /** @returns a recorder of its own for each purpose; for `events`, the application's */
  async aggregateRecorder(purpose: string): Promise<AggregateRecorder> {
    if (purpose === 'events') return await this.applicationRecorder();
    let recorder = this.#aggregateRecorders.get(purpose);
    if (recorder === undefined) {
      recorder = new MemoryAggregateRecorder();
      this.#aggregateRecorders.set(purpose, recorder);
    }
    return recorder;
  }

  async applicationRecorder(): Promise<MemoryProcessRecorder> {
    return await this.processRecorder();
  }

  async processRecorder(): Promise<MemoryProcessRecorder> {
    return (this.#processRecorder ??= new MemoryProcessRecorder());
  }

  async close(): Promise<void> {
    this.#aggregateRecorders.clear();
    this.#processRecorder = undefined;
  }
}
