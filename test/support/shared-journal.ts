import type { AppendOutcome, Journal, JournalEntry } from '../../src/persistence/indexeddb/journal.js';

/** What may go wrong with one request: it fails, and the record is or is not written. */
export type JournalFault = 'none' | 'fails' | 'fails-after-writing';

/**
 * One journal in memory that several connections append to, as tabs do, with faults on demand.
 * The real one is tested in browsers; here states are explored that a browser does not show when asked.
 */
export class SharedJournal {
  readonly records: Uint8Array[] = [];
  /** Decides the fate of the next append. */
  nextFault: () => JournalFault = () => 'none';
  /** Called before each request is carried out; may wait, to let others go first. */
  beforeRequest: () => Promise<void> = async () => undefined;

  connect(): Journal {
    return {
      append: async (position, bytes) => this.#append(position, bytes),
      readAfter: async (position, limit) => this.#readAfter(position, limit),
      close: () => undefined,
    };
  }

  async #append(position: number, bytes: Uint8Array): Promise<AppendOutcome> {
    await this.beforeRequest();
    const fault = this.nextFault();
    if (fault === 'fails') throw new Error('injected: the append failed');
    if (position <= this.records.length) return 'position-taken';
    if (position !== this.records.length + 1) throw new Error(`a gap: ${position} after ${this.records.length}`);
    this.records.push(bytes.slice());
    if (fault === 'fails-after-writing') throw new Error('injected: the answer was lost');
    return 'appended';
  }

  async #readAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    await this.beforeRequest();
    return this.records
      .slice(position, position + limit)
      .map((bytes, index) => ({ position: position + index + 1, bytes: bytes.slice() }));
  }
}
