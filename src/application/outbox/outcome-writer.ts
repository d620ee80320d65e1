import type { Outbox, OutboxOutcome } from './outbox.js';

/**
 * Writes down outcomes while more are on their way: those that come during a write go into the next one. So marking costs
 * one transaction for many entries when publishing is fast, and is at once when it is slow.
 */
export class OutcomeWriter {
  readonly #outbox: Outbox;
  readonly #leaseId: string;
  readonly #waiting: OutboxOutcome[] = [];
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(outbox: Outbox, leaseId: string) {
    this.#outbox = outbox;
    this.#leaseId = leaseId;
  }

  /** Whether writing failed: then publishing more would only mean to publish it again. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  add(outcome: OutboxOutcome): void {
    this.#waiting.push(outcome);
    this.#writing ??= this.#write();
  }

  /** Resolves when everything that was added is written. @throws what the outbox threw */
  async finish(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Never rejects: who finishes hears of it. */
  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#outbox.settle(this.#leaseId, this.#waiting.splice(0));
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#writing = undefined;
    }
  }
}
