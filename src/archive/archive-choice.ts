/**
 * What of a log is to leave for an archive: of each aggregate what is old and below its snapshot.
 *
 * @module
 */
import { HistoryArchivedError } from '../persistence/archive.js';
import { DIGEST_START } from '../persistence/history-digest.js';
import type { SnapshotStore } from '../persistence/snapshot-store.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { grouped } from '../util/grouped.js';
import type { ArchiveStore } from './archive-tables.js';

const PAGE_EVENTS = 500;

/** By what it is found what is to leave. */
export interface ArchiveChoiceOptions {
  /** The snapshots that loads begin with. Of an aggregate without one, nothing leaves. */
  readonly snapshots: Pick<SnapshotStore, 'select'>;
  /** Reads an event: `(notification) => app.decode(notification)`. By the id of its event a snapshot is known to be of this history. */
  readonly decode: (
    notification: Notification,
  ) => Promise<{ readonly metadata: { readonly eventId: string; readonly timestamp?: unknown } }>;
  /**
   * No event with a larger position leaves: give what the slowest follower has seen, or less. Of a time, it is what
   * {@link positionBefore} finds.
   */
  readonly upTo: NotificationId;
  /** Ends it before anything is deleted; nothing has left then. */
  readonly signal?: AbortSignal | undefined;
}

/** The first events of an aggregate that are to leave, of those that are there. */
export interface Leaving {
  readonly originatorId: OriginatorId;
  /** Up to it events have left before. */
  readonly after: number;
  /** Of all up to `after`. */
  readonly before: string;
  readonly events: readonly Notification[];
}

interface Limit {
  readonly after: number;
  readonly before: string;
  /** The version of the snapshot. */
  readonly below: number;
}

/** Finds what is to leave, page by page. */
export class ArchiveChoice {
  readonly #store: ArchiveStore;
  readonly #options: ArchiveChoiceOptions;
  readonly #limits = new Map<OriginatorId, Limit>();
  readonly #counts = new Map<OriginatorId, number>();
  readonly #closed = new Set<OriginatorId>();

  constructor(store: ArchiveStore, options: ArchiveChoiceOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Those that are to leave, in the order of their positions. */
  async *events(): AsyncGenerator<Notification, void, undefined> {
    const { upTo: stop, signal } = this.#options;
    let start = 1;
    for (;;) {
      signal?.throwIfAborted();
      const page = await this.#store.recorder.selectRemaining({ start, stop, limit: PAGE_EVENTS });
      for (const event of page) if (await this.#leaves(event)) yield event;
      if (page.length < PAGE_EVENTS) return;
      start = (page.at(-1) as Notification).id + 1;
    }
  }

  /** Events that were given, by aggregate. */
  leaving(chosen: readonly Notification[]): readonly Leaving[] {
    return Array.from(
      grouped(chosen, (event) => event.originatorId),
      ([originatorId, events]) => {
        const { after, before } = this.#limits.get(originatorId) as Limit;
        return { originatorId, after, before, events };
      },
    );
  }

  async #leaves(event: Notification): Promise<boolean> {
    const { originatorId, originatorVersion } = event;
    if (this.#closed.has(originatorId)) return false;
    const limit = this.#limits.get(originatorId) ?? (await this.#limit(originatorId));
    const count = this.#counts.get(originatorId) ?? 0;
    if (originatorVersion < limit.below && originatorVersion === limit.after + 1 + count) {
      this.#counts.set(originatorId, count + 1);
      return true;
    }
    // What comes later in the log leaves only after what is before it.
    this.#closed.add(originatorId);
    return false;
  }

  async #limit(originatorId: OriginatorId): Promise<Limit> {
    const archived = await this.#store.recorder.selectArchived(originatorId);
    const below = (await this.#snapshotVersion(originatorId)) ?? -1;
    const limit = { after: archived?.version ?? 0, before: archived?.digest ?? DIGEST_START, below };
    this.#limits.set(originatorId, limit);
    return limit;
  }

  /** The version of a snapshot that is of this history. */
  async #snapshotVersion(originatorId: OriginatorId): Promise<number | undefined> {
    const { snapshots, decode } = this.#options;
    const snapshot = await snapshots.select(originatorId);
    if (snapshot === undefined) return undefined;
    const version = snapshot.originatorVersion;
    const event = await this.#eventAt(originatorId, version);
    if (event === undefined) return undefined;
    const { metadata } = await decode({ ...event, id: 1 });
    return metadata.eventId === snapshot.eventId ? version : undefined;
  }

  /** `undefined` when somebody else lets it leave at the same time, below a later snapshot. */
  async #eventAt(originatorId: OriginatorId, version: number): Promise<StoredEvent | undefined> {
    try {
      const events = await this.#store.recorder.selectEvents(originatorId, { gt: version - 1, lte: version });
      return events[0];
    } catch (error) {
      if (error instanceof HistoryArchivedError) return undefined;
      throw error;
    }
  }
}
