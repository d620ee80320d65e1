/**
 * The storage of one browser: the journal of a store, which outlives tabs, and loses what browsers and computers lose.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import type { Durability, Journal } from '../../../src/persistence/journal/journal.js';
import { SharedJournal } from '../../support/shared-journal.js';
import type { SimProcess } from './sim-process.js';

const LATENCY_MS_MAX = 3;

/** How a storage was at some moment. */
export interface StorageImage {
  readonly journal: SharedJournal;
  readonly durable: number;
}

/** What can be done to a journal on its way to a tab. */
export type WrapJournal = (journal: Journal, process: SimProcess, shared: SharedJournal) => Journal;

/** A journal, and what of it survives. */
export class SimStorage {
  journal: SharedJournal = new SharedJournal();
  /** The share of requests that fail, written or not. */
  faultShare = 0;
  readonly #durability: Durability;
  readonly #random: SeededRandom;
  readonly #wrap: WrapJournal;
  /** Up to this record a power cut leaves everything. */
  #durable = 0;

  constructor(durability: Durability, random: SeededRandom, wrap: WrapJournal = (journal) => journal) {
    this.#durability = durability;
    this.#random = random;
    this.#wrap = wrap;
  }

  /** Whether commits were acknowledged that a power cut may take away. */
  get isRelaxed(): boolean {
    return this.#durability === 'relaxed';
  }

  /** As a tab reaches it. */
  connect(process: SimProcess): Journal {
    const shared = this.journal;
    shared.nextFault = () => {
      if (this.faultShare === 0 || !this.#random.chance(this.faultShare)) return 'none';
      return this.#random.chance(0.5) ? 'fails' : 'fails-after-writing';
    };
    const inner = this.#wrap(shared.connect(this.#durability), process, shared);
    const { checkpoints } = inner;
    // A transaction is over, or never was, whether whoever asked for it is still there to hear of it or not.
    const door = async <T>(work: () => Promise<T>): Promise<T> => {
      await process.delay(this.#random.between(0, LATENCY_MS_MAX));
      const [outcome] = await Promise.allSettled([work()]);
      await process.delay(this.#random.between(0, LATENCY_MS_MAX));
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    };
    // Also where nobody is told that it was written: otherwise a checkpoint would survive the records that it has.
    const strictly = async <T>(work: () => Promise<T>): Promise<T> => {
      const written = (): string => `${shared.records.length} ${Math.max(...shared.manifests.keys())}`;
      const before = written();
      try {
        return await work();
      } finally {
        if (written() !== before) this.#durable = shared.records.length;
      }
    };
    return {
      durability: inner.durability,
      append: (position, bytes, options = {}) => {
        const append = (): ReturnType<Journal['append']> => inner.append(position, bytes, options);
        return door(() => ((options.durability ?? inner.durability) === 'strict' ? strictly(append) : append()));
      },
      readAfter: (position, limit) => door(() => inner.readAfter(position, limit)),
      lastPosition: () => door(() => inner.lastPosition()),
      checkpoints: {
        readManifests: () => door(() => checkpoints.readManifests()),
        readChunk: (key) => door(() => checkpoints.readChunk(key)),
        addChunk: (bytes) => door(() => checkpoints.addChunk(bytes)),
        publish: (publication) => door(() => strictly(() => checkpoints.publish(publication))),
        compact: (limit) => door(() => checkpoints.compact(limit)),
      },
      close: () => inner.close(),
    };
  }

  image(): StorageImage {
    return { journal: this.journal.copied(), durable: this.#durable };
  }

  /** Is what it was. No tab has it open. */
  setBack({ journal, durable }: StorageImage): void {
    this.journal = journal.copied();
    this.#durable = durable;
  }

  /** Loses some of the last records that nobody has asked to be durable. No tab has it open. */
  cutPower(): void {
    const { records, archive } = this.journal;
    const lost = this.#random.between(0, records.length - this.#durable);
    records.length -= lost;
    archive.length -= lost;
    // Another one, for whoever has read what is gone.
    this.journal = this.journal.copied();
  }

  /** The browser throws it away. No tab has it open. */
  evict(): void {
    this.setBack({ journal: new SharedJournal(), durable: 0 });
  }
}
