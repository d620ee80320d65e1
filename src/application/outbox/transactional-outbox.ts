/// <reference lib="esnext.disposable" preserve="true" />
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { Observable } from '../../util/observable.js';
import type { InlineParticipant, UnitsChanged } from '../events/inline-participant.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { OutboxWorker } from './outbox-worker.js';
import type { OutboxWorkerOptions, OutboxWorkerStatus } from './outbox-worker.js';
import type { Outbox, OutboxEntry, OutboxPage } from './outbox.js';

/**
 * An outbox and the worker that publishes it, in one object: for a process that does both. Where other processes publish,
 * they have an `OutboxWorker`, and this one has the outbox alone.
 *
 * @example
 * ```ts
 * const outbox = new TransactionalOutbox({ outbox: new SqlOutbox({ recorder }), publish, maxAttempts: 5 });
 * const app = new Application({ recorder, aggregates: [order], inline: [outbox] });
 * outbox.start();
 * ```
 */
export class TransactionalOutbox implements InlineParticipant, AsyncDisposable {
  readonly #outbox: Outbox;
  readonly #worker: OutboxWorker;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number makes no sense */
  constructor(options: OutboxWorkerOptions) {
    this.#outbox = options.outbox;
    this.#worker = new OutboxWorker(options);
  }

  /** How its worker stands. */
  get status(): Observable<OutboxWorkerStatus> {
    return this.#worker.status;
  }

  async onRecorded(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    events: readonly NotifiedEvent[],
  ): Promise<void> {
    await this.#outbox.onRecorded(transaction, events);
  }

  async onUnitsChanged(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    changed: UnitsChanged,
  ): Promise<void> {
    await this.#outbox.onUnitsChanged?.(transaction, changed);
  }

  onEventsChanged(events: readonly NotifiedEvent[]): void {
    this.#outbox.onEventsChanged?.(events);
  }

  onCommitted(events: readonly NotifiedEvent[]): void {
    this.#outbox.onCommitted?.(events);
  }

  /** Adds events that were recorded before there was an outbox. One that is there already is left as it is. */
  async enqueue(events: readonly NotifiedEvent[], options?: CallOptions): Promise<void> {
    await this.#outbox.enqueue(events, options);
  }

  /** What is still to be published, in the order of the positions. */
  async pending(page?: OutboxPage): Promise<readonly OutboxEntry[]> {
    return await this.#outbox.pending(page);
  }

  /** What was given up. `retry`, `resolve` and `discard` of the outbox say what becomes of it. */
  async deadLetters(page?: OutboxPage): Promise<readonly OutboxEntry[]> {
    return await this.#outbox.deadLetters(page);
  }

  /**
   * Publishes from now on, until it is closed or the signal is aborted.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it was started, or closed, before
   */
  start(options: { readonly signal?: AbortSignal } = {}): void {
    this.#worker.start(options);
  }

  /** Stops publishing: what is under way is finished, the rest stays for later. */
  async close(): Promise<void> {
    await this.#worker.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
