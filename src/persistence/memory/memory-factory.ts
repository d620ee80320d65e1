/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Memory as a persistence module: registered as `memory` from the start.
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import { InterfaceError } from '../errors.js';
import type { AggregateRecorder } from '../recorder.js';
import { createsTables } from '../recorder-factory.js';
import type { RecorderFactory } from '../recorder-factory.js';
import { MemoryAggregateRecorder, MemoryProcessRecorder } from './memory-recorder.js';

/** Makes recorders in memory. What they record is gone when they are. */
export class MemoryFactory implements RecorderFactory, AsyncDisposable {
  readonly #aggregateRecorders = new Map<string, MemoryAggregateRecorder>();
  #processRecorder: MemoryProcessRecorder | undefined;
  #isClosed = false;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

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
    this.#assertOpen();
    let recorder = this.#aggregateRecorders.get(purpose);
    if (recorder === undefined) {
      recorder = new MemoryAggregateRecorder({ assertUsable: () => this.#assertOpen() });
      this.#aggregateRecorders.set(purpose, recorder);
    }
    return recorder;
  }

  async applicationRecorder(): Promise<MemoryProcessRecorder> {
    return await this.processRecorder();
  }

  async processRecorder(): Promise<MemoryProcessRecorder> {
    this.#assertOpen();
    return (this.#processRecorder ??= new MemoryProcessRecorder({ assertUsable: () => this.#assertOpen() }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#processRecorder?.endChanges(new InterfaceError('The infrastructure factory is closed.'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @throws InterfaceError (`INTERFACE_ERROR`) after the factory was closed, as a database that is closed does */
  #assertOpen(): void {
    if (this.#isClosed) throw new InterfaceError('The infrastructure factory is closed.');
  }
}
