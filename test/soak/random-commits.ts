/**
 * The commits that a tab makes up.
 *
 * @module
 */
import type { Daybook, StoredEvent, Tracking } from 'daybook';
import { encodeState } from './commit-states.js';
import type { SeededRandom } from './seeded-random.js';

/** A commit that is ready to be tried, as often as it takes. */
export interface RandomCommit {
  readonly commitId: string;
  readonly events: readonly StoredEvent[];
  readonly tracking?: Tracking;
  /** Whether other lanes write the same aggregate, so that a conflict is to be expected. */
  readonly isContended: boolean;
  /** Whether it adds a row to the application's own table, in the same transaction. */
  readonly hasOwnRow: boolean;
}

// Of aggregates that everybody writes: few, so that they meet.
const SHARED_IDS = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
const SMALL_BYTES_MAX = 400;
const LARGE_BYTES_MAX = 60_000;
const BATCH_EVENTS_MAX = 30;
const BURST_COMMITS_MAX = 60;

/** Makes up the commits of one lane, which follow each other. */
export class RandomCommits {
  readonly #random: SeededRandom;
  /** The lane's own aggregate, and its next version. */
  #ownId = crypto.randomUUID();
  #ownVersion = 1;
  /** The lane's own tracking, which only it moves. */
  readonly #trackingName = `lane:${crypto.randomUUID()}`;
  #trackingId = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** The next commits, to be made at once. */
  async next(store: Daybook): Promise<readonly RandomCommit[]> {
    return this.#random.weighted<() => Promise<readonly RandomCommit[]> | readonly RandomCommit[]>([
      [8, () => [this.#own(1, SMALL_BYTES_MAX)]],
      [3, () => [this.#own(this.#random.between(2, BATCH_EVENTS_MAX), SMALL_BYTES_MAX)]],
      [1, () => [this.#own(1, LARGE_BYTES_MAX)]],
      [3, async () => [await this.#shared(store)]],
      [2, () => [{ ...this.#own(this.#random.between(1, 3), SMALL_BYTES_MAX), tracking: this.#nextTracking() }]],
      [1, () => [{ ...this.#commit([], SMALL_BYTES_MAX), tracking: this.#nextTracking() }]],
      [2, () => [this.#own(this.#random.between(1, 3), SMALL_BYTES_MAX, true)]],
      [1, () => Array.from({ length: this.#random.between(2, BURST_COMMITS_MAX) }, () => this.#own(1, 50))],
    ])();
  }

  /** What was made up was refused: what follows begins anew. */
  forgetRefused(commit: RandomCommit): void {
    if (commit.tracking !== undefined) this.#trackingId = commit.tracking.notificationId - 1;
    if (commit.isContended || commit.events.length === 0) return;
    // Others of the same burst may have gone through.
    this.#ownId = crypto.randomUUID();
    this.#ownVersion = 1;
  }

  #own(size: number, padBytesMax: number, hasOwnRow: boolean = false): RandomCommit {
    const places = Array.from({ length: size }, () => [this.#ownId, this.#ownVersion++] as const);
    return this.#commit(places, padBytesMax, { hasOwnRow });
  }

  async #shared(store: Daybook): Promise<RandomCommit> {
    const id = SHARED_IDS[this.#random.between(0, SHARED_IDS.length - 1)]!;
    const [last] = await store.recorder.selectEvents(id, { desc: true, limit: 1 });
    return this.#commit([[id, (last?.originatorVersion ?? 0) + 1]], SMALL_BYTES_MAX, { isContended: true });
  }

  #nextTracking(): Tracking {
    this.#trackingId++;
    return { applicationName: this.#trackingName, notificationId: this.#trackingId };
  }

  #commit(
    places: readonly (readonly [string, number])[],
    padBytesMax: number,
    { isContended = false, hasOwnRow = false }: { readonly isContended?: boolean; readonly hasOwnRow?: boolean } = {},
  ): RandomCommit {
    const commitId = crypto.randomUUID();
    const size = places.length;
    const events = places.map(([originatorId, originatorVersion], index) => ({
      originatorId,
      originatorVersion,
      topic: isContended ? 'shared' : 'own',
      state: encodeState({ commitId, index, size, hasOwnRow }, this.#random.between(0, padBytesMax)),
    }));
    return { commitId, events, isContended, hasOwnRow };
  }
}
