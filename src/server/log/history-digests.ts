/**
 * Digests of the first events of aggregates, for what stands for them on devices: each made once, and gone on from.
 *
 * What is kept is known by the edition of the last of these events, which does not stay the same when anything before it
 * changes: a log that was set back, and goes on otherwise, has other ones.
 *
 * @module
 */
import { DIGEST_START, historyDigest } from '../../persistence/history-digest.js';
import type { OriginatorId } from '../../persistence/stored-event.js';
import type { EditionId } from '../../persistence/unit.js';
import type { EventPlace, LogStorage } from './log-storage.js';

// Bounds memory: an aggregate takes some 300 bytes.
const KEPT_MAX = 50_000;
const EVENTS_AT_ONCE = 1_000;

/** What is known of the first events of an aggregate. */
export interface KnownHistory {
  /** Of the last of them. */
  readonly edition: EditionId;
  readonly digest: string;
}

interface Kept extends KnownHistory {
  readonly version: number;
}

/** Makes digests. */
export class HistoryDigests {
  readonly #storage: Pick<LogStorage, 'editions' | 'eventsOf'>;
  /** Those that were asked for last are at the end. */
  readonly #kept = new Map<OriginatorId, Kept>();

  constructor(storage: Pick<LogStorage, 'editions' | 'eventsOf'>) {
    this.#storage = storage;
  }

  /**
   * Of the events of aggregates up to their versions.
   *
   * @param eventsMax - events that are read, about
   * @returns in the order of the places, of the first of them as far as that many events go, and of one at least; `undefined`
   *   where the log does not have all of the events
   */
  async upTo(places: readonly EventPlace[], eventsMax: number): Promise<readonly (KnownHistory | undefined)[]> {
    const kept = places.map(({ originatorId }) => this.#kept.get(originatorId));
    const asked = [
      ...places,
      ...places.map(({ originatorId }, index) => ({ originatorId, originatorVersion: kept[index]?.version ?? 0 })),
    ];
    const editions = await this.#storage.editions(asked);
    const known: (KnownHistory | undefined)[] = [];
    let left = eventsMax;
    for (const [index, place] of places.entries()) {
      const [edition, before] = [editions[index], kept[index]];
      if (left <= 0) break;
      if (edition === undefined) {
        known.push(undefined);
        continue;
      }
      const { originatorVersion: version } = place;
      const isSound =
        before !== undefined && before.version <= version && editions[places.length + index] === before.edition;
      const from = isSound ? before : { version: 0, digest: DIGEST_START };
      left -= version - from.version;
      const digest = await this.#goOn(place, from);
      if (digest !== undefined) this.#keep(place.originatorId, { version, edition, digest });
      known.push(digest === undefined ? undefined : { edition, digest });
    }
    return known;
  }

  async #goOn(
    { originatorId, originatorVersion: upTo }: EventPlace,
    from: Pick<Kept, 'version' | 'digest'>,
  ): Promise<string | undefined> {
    let { version: at, digest } = from;
    while (at < upTo) {
      const events = await this.#storage.eventsOf(originatorId, { after: at, upTo, limit: EVENTS_AT_ONCE });
      const next = at + 1;
      const isWhole = events.every(({ originatorVersion }, index) => originatorVersion === next + index);
      if (events.length === 0 || !isWhole) return undefined;
      digest = historyDigest(events, digest);
      at += events.length;
    }
    return digest;
  }

  #keep(originatorId: OriginatorId, kept: Kept): void {
    this.#kept.delete(originatorId);
    this.#kept.set(originatorId, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest);
  }
}
