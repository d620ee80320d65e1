import type {
  AppendOutcome,
  CheckpointPublication,
  CheckpointStorage,
  Durability,
  Journal,
  JournalEntry,
  OnOvertaken,
} from '../../src/persistence/journal/journal.js';

/** What may go wrong with one request: it fails, and the record is or is not written. */
export type JournalFault = 'none' | 'fails' | 'fails-after-writing';

/**
 * One journal in memory that several connections append to, as tabs do, with faults on demand.
 * The real one is tested in browsers; here states are explored that a browser does not show when asked.
 */
export class SharedJournal {
  /** By position, the first at index 0; undefined when it was compacted away. */
  readonly records: (Uint8Array | undefined)[] = [];
  /** Every record that was ever appended. */
  readonly archive: Uint8Array[] = [];
  /** How durable each append was asked to be. */
  readonly durabilities: Durability[] = [];
  /** Manifests by position. */
  readonly manifests = new Map<number, Uint8Array>();
  readonly chunks = new Map<number, Uint8Array>();
  /** Decides the fate of the next append, or of the next request that writes a checkpoint. */
  nextFault: () => JournalFault = () => 'none';
  /** Called before each request is carried out; may wait, to let others go first. */
  beforeRequest: () => Promise<void> = async () => undefined;
  /** Whether an append looks for the last record, as it must. Without it, a hole that was compacted can be written. */
  looksForLast = true;
  /** Whether who was overtaken is asked at once for what to append instead. */
  asksOvertaken: () => boolean = () => true;
  #lastChunkKey = 0;

  /** The same journal as if it had never been compacted, and had no checkpoints. */
  uncompacted(): SharedJournal {
    const whole = new SharedJournal();
    whole.records.push(...this.archive.map((bytes) => bytes.slice()));
    return whole;
  }

  /** Another one with the same content, as a copied profile has. */
  copied(): SharedJournal {
    const copy = new SharedJournal();
    for (const record of this.records) copy.records.push(record);
    for (const record of this.archive) copy.archive.push(record);
    for (const [position, manifest] of this.manifests) copy.manifests.set(position, manifest);
    for (const [key, chunk] of this.chunks) copy.chunks.set(key, chunk);
    copy.#lastChunkKey = this.#lastChunkKey;
    return copy;
  }

  connect(durability: Durability = 'strict'): Journal {
    return {
      durability,
      append: async (position, bytes, options = {}) => {
        this.durabilities.push(options.durability ?? durability);
        return this.#append({ position, bytes }, options.onOvertaken);
      },
      readAfter: async (position, limit) => this.#readAfter(position, limit),
      lastPosition: async () => this.records.length,
      checkpoints: this.#checkpoints(),
      close: () => undefined,
    };
  }

  async #append(entry: JournalEntry, onOvertaken: OnOvertaken | undefined): Promise<AppendOutcome> {
    return this.#writing(() => {
      const chosen = this.#isTaken(entry.position) ? this.#instead(entry.position, onOvertaken) : entry;
      if (chosen === undefined) return 'position-taken';
      const { position, bytes } = chosen;
      if (position > this.records.length + 1) throw new Error(`a gap: ${position} after ${this.records.length}`);
      if (this.#isTaken(position)) throw new Error(`${position} is taken`);
      this.records[position - 1] = bytes.slice();
      this.archive.push(bytes.slice());
      return 'appended';
    });
  }

  #isTaken(position: number): boolean {
    return this.looksForLast ? position <= this.records.length : this.records[position - 1] !== undefined;
  }

  #instead(position: number, onOvertaken: OnOvertaken | undefined): JournalEntry | undefined {
    return this.asksOvertaken() ? onOvertaken?.(this.#entriesAfter(position - 1)) : undefined;
  }

  async #readAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    await this.beforeRequest();
    return this.#entriesAfter(position).slice(0, limit);
  }

  #entriesAfter(position: number): JournalEntry[] {
    return this.records.flatMap((bytes, index) =>
      bytes === undefined || index < position ? [] : [{ position: index + 1, bytes: bytes.slice() }],
    );
  }

  #checkpoints(): CheckpointStorage {
    return {
      readManifests: async () => {
        await this.beforeRequest();
        return this.#manifestPositions()
          .map((position) => ({ position, bytes: (this.manifests.get(position) as Uint8Array).slice() }))
          .reverse();
      },
      readChunk: async (key) => {
        await this.beforeRequest();
        return this.chunks.get(key)?.slice();
      },
      addChunk: async (bytes) =>
        this.#writing(() => {
          this.chunks.set(++this.#lastChunkKey, bytes.slice());
          return this.#lastChunkKey;
        }),
      publish: async (publication) => this.#writing(() => this.#publish(publication)),
      compact: async (limit) => this.#writing(() => this.#compact(limit)),
    };
  }

  #publish({ position, manifest, newestBefore, keep, chunkKeys }: CheckpointPublication): boolean {
    const positions = this.#manifestPositions();
    if (positions.at(-1) !== newestBefore) return false;
    if (this.records[position - 1] === undefined) throw new Error(`record ${position} is missing`);
    for (const key of chunkKeys) if (!this.chunks.has(key)) throw new Error(`chunk ${key} is missing`);
    this.manifests.set(position, manifest.slice());
    for (const older of positions) if (older !== keep) this.manifests.delete(older);
    for (const key of this.chunks.keys()) if (!chunkKeys.has(key)) this.chunks.delete(key);
    return true;
  }

  #compact(limit: number): number {
    const [older, newer] = this.#manifestPositions();
    if (older === undefined || newer === undefined) return 0;
    let deleted = 0;
    for (let index = 0; index < older && deleted < limit; index++) {
      if (this.records[index] === undefined) continue;
      this.records[index] = undefined;
      deleted++;
    }
    return deleted;
  }

  #manifestPositions(): number[] {
    return [...this.manifests.keys()].sort((a, b) => a - b);
  }

  /** A request that is carried out at once, as a transaction is, or fails before or after it. */
  async #writing<T>(work: () => T): Promise<T> {
    await this.beforeRequest();
    const fault = this.nextFault();
    if (fault === 'fails') throw new Error('injected: the request failed');
    const result = work();
    if (fault === 'fails-after-writing') throw new Error('injected: the answer was lost');
    return result;
  }
}
