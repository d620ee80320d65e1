/**
 * Aggregates that were loaded lately, so that loading them again reads only what was recorded since.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { EditionId } from '../../persistence/unit.js';
import type { AggregateKind } from './aggregate-kind.js';
import type { LoadedAggregate, SnapshotCodec } from './snapshot-codec.js';
import { validateCount } from '../../persistence/validation.js';

/** Options of the cache. */
export interface AggregateCacheOptions {
  /** Aggregates that are kept, at most; the one that was not used for longest makes room. @defaultValue 1,000 */
  readonly aggregatesMax?: number;
}

/** Enough for those that a device, or a process, works on at a time, and small beside its memory. */
const AGGREGATES_MAX_DEFAULT = 1_000;

/** An aggregate that is kept, with the event that made it what it is: by that, history is known again. */
export interface CachedAggregate {
  readonly aggregate: LoadedAggregate;
  readonly lastEvent: StoredEvent;
}

interface Entry {
  readonly version: number;
  readonly lastEvent: StoredEvent;
  readonly edition: EditionId | undefined;
  /** Opens it for one user: a state that is never changed is shared, an object is made anew. */
  readonly open: () => Promise<LoadedAggregate>;
}

/**
 * Keeps the aggregates that were used last. It holds only what was made of events that were read, never what somebody
 * computed before saving, so a load from here gives what any load gives.
 */
export class AggregateCache {
  // In the order of the last use, oldest first.
  readonly #entries = new Map<string, Entry>();
  readonly #codec: SnapshotCodec;
  readonly #aggregatesMax: number;
  #clearings = 0;

  /**
   * @param codec - of bytes that stay in memory, so without a cipher
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the size is not a positive integer
   */
  constructor(codec: SnapshotCodec, { aggregatesMax = AGGREGATES_MAX_DEFAULT }: AggregateCacheOptions = {}) {
    validateCount('aggregatesMax', aggregatesMax);
    this.#codec = codec;
    this.#aggregatesMax = aggregatesMax;
  }

  /** The aggregate as it was when it was kept, if it still is. */
  async get(kind: AggregateKind, id: string): Promise<CachedAggregate | undefined> {
    const key = keyOf(kind, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#touch(key, entry);
    const { lastEvent, edition } = entry;
    return { aggregate: { ...(await entry.open()), edition }, lastEvent };
  }

  /** Counts how often everything was forgotten: to be asked before anything is read that is to be kept. */
  get clearings(): number {
    return this.#clearings;
  }

  /**
   * Keeps an aggregate, unless a later version of it is kept. What has no serialised form, and is no plain state, is not kept.
   *
   * @param clearings - as it was before the aggregate was read: what was read before everything was forgotten is not kept
   */
  async put(kind: AggregateKind, aggregate: LoadedAggregate, lastEvent: StoredEvent, clearings: number): Promise<void> {
    const open = await this.#opener(kind, aggregate);
    const key = keyOf(kind, aggregate.id);
    if (clearings !== this.#clearings) return;
    if (open === undefined || (this.#entries.get(key)?.version ?? 0) > aggregate.version) return;
    this.#touch(key, { version: aggregate.version, lastEvent, edition: aggregate.edition, open });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#aggregatesMax && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Forgets an aggregate: history turned out to be another one. */
  delete(kind: AggregateKind, id: string): void {
    this.#entries.delete(keyOf(kind, id));
  }

  /** Forgets all: what they were made of may not be read any more. */
  clear(): void {
    this.#clearings++;
    this.#entries.clear();
  }

  async #opener(kind: AggregateKind, aggregate: LoadedAggregate): Promise<Entry['open'] | undefined> {
    if (kind.isShareable) return () => Promise.resolve(aggregate);
    const { id, version } = aggregate;
    try {
      const state = await this.#codec.encode(kind, aggregate, undefined);
      // Of this release, which knows all that it knew.
      return async () => (await this.#codec.decode(kind, id, version, state)) as LoadedAggregate;
    } catch {
      // It is loaded from its events each time, which is slower and no error.
      return undefined;
    }
  }

  #touch(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }
}

function keyOf(kind: AggregateKind, id: string): string {
  return `${kind.name}:${id}`;
}
