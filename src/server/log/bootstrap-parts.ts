/**
 * Reads parts of a bootstrap: aggregates as they are at one place of the log, in the order of their ids, and not in that of
 * the log. Of each that has a snapshot, what stands for the events before it, and the events after; of the others all events.
 *
 * ```text
 * start ──▶ the end of the log is the place ──▶ what the device has named, whole
 *                                           └─▶ aggregate after aggregate, as much as a page has ──▶ … ──▶ none is left
 * ```
 *
 * A snapshot that is newer than the place is of no use there: of that aggregate the events up to the place come.
 *
 * @module
 */
import type { SnapshotStore, StoredSnapshot } from '../../persistence/snapshot-store.js';
import type { OriginatorId } from '../../persistence/stored-event.js';
import { BOOTSTRAP_AGGREGATES_MAX } from '../../persistence/unit.js';
import type { BootstrapAggregate } from '../../persistence/unit.js';
import type { BootstrapPlace } from './bootstrap-cursor.js';
import { HistoryDigests } from './history-digests.js';
import type { CursorPlace, LogPlace } from './log-chain.js';
import type { LogPages } from './log-pages.js';
import type { AggregateStart, EventPlace, LogHead, LogStorage, PlacedVersion, UnitRow } from './log-storage.js';
import type { StatedConfirmedUnit } from './page-units.js';
import { SharedReads } from './shared-reads.js';
import type { PageOptions } from './unit-log.js';

// Aggregates that are looked at together: of each as many events may be read as a page has.
const AGGREGATES_AT_ONCE = 20;
// Events before snapshots that are read for their digests, about.
const DIGESTED_EVENTS_MAX = 5_000;

/** How much a part may have, and what the device needs all events of. */
export interface PartLimits extends Pick<PageOptions, 'eventsMax' | 'bytesMax'> {
  readonly named: readonly OriginatorId[];
}

/** A part, before anybody's share of it is taken. */
export interface ReadPart {
  /** What all parts are of. */
  readonly place: LogPlace;
  /** Where the next one goes on; none, where this is the last. */
  readonly next: BootstrapPlace | undefined;
  readonly aggregates: readonly BootstrapAggregate[];
  /** Whole, in the order of the log. */
  readonly units: readonly StatedConfirmedUnit[];
  /** The position of the end of the log. */
  readonly head: number;
}

/** What {@link BootstrapParts} are made of. */
export interface BootstrapPartsOptions {
  readonly storage: LogStorage;
  readonly pages: LogPages;
  /** @defaultValue nobody begins a bootstrap here; those who have begun one end it */
  readonly snapshots: Pick<SnapshotStore, 'select'> | undefined;
  /** The end of the log, with what others have recorded. */
  readonly readHead: () => Promise<LogHead>;
}

/** Reads parts. */
export class BootstrapParts {
  readonly #options: BootstrapPartsOptions;
  readonly #digests: HistoryDigests;
  readonly #reads = new SharedReads<ReadPart | undefined>();

  constructor(options: BootstrapPartsOptions) {
    this.#options = options;
    this.#digests = new HistoryDigests(options.storage);
  }

  /** @returns `undefined` where the log does not have the place, or nothing to begin with */
  async after(from: CursorPlace, limits: PartLimits): Promise<ReadPart | undefined> {
    const { bootstrap, position, chain } = from;
    const { eventsMax, bytesMax, named } = limits;
    const at = [position, chain, bootstrap?.originatorId, bootstrap?.version, eventsMax, bytesMax];
    return await this.#reads.read([...at, ...(bootstrap === undefined ? named : [])].join(' '), () =>
      this.#read(from, limits),
    );
  }

  async #read({ position, chain, bootstrap }: CursorPlace, limits: PartLimits): Promise<ReadPart | undefined> {
    const { snapshots, storage, readHead } = this.#options;
    const head = await readHead();
    const isBegun = bootstrap !== undefined;
    if (!isBegun && (snapshots === undefined || head.position === 0)) return undefined;
    const place = isBegun ? { position, chain } : { position: head.position, chain: head.chain };
    const draft = new PartDraft(place, bootstrap, limits);
    const isFound = isBegun || limits.named.length === 0 ? await this.#goOn(draft) : await this.#named(draft, limits);
    if (!isFound) return undefined;
    const units = await this.#options.pages.unitsOf(draft.rows());
    // After it was read: a log that was set back meanwhile has it no more.
    if ((await storage.chains([place.position])).get(place.position) !== place.chain) return undefined;
    const { aggregates, next } = draft;
    return { place, next, aggregates, units, head: Math.max(head.position, place.position) };
  }

  /** What the device has named comes whole, and in one part, so that it finds what is its own. @returns not, where it is too much */
  async #named(draft: PartDraft, { named, eventsMax }: PartLimits): Promise<boolean> {
    const places = named.map((originatorId) => ({ originatorId, originatorVersion: Number.MIN_SAFE_INTEGER }));
    const tails = await this.#options.storage.tails(places, eventsMax);
    for (const [index, originatorId] of named.entries()) {
      draft.add({ originatorId, continues: false }, tails[index] ?? []);
      if (draft.isFull()) return false;
    }
    draft.startOver();
    return true;
  }

  async #goOn(draft: PartDraft): Promise<boolean> {
    const { storage } = this.#options;
    const open = draft.open;
    if (open !== undefined) {
      const [tail = []] = await storage.tails([open], draft.limits.eventsMax);
      draft.add({ originatorId: open.originatorId, continues: true }, tail);
    }
    while (!draft.isFull()) {
      const limit = Math.min(AGGREGATES_AT_ONCE, draft.room, draft.limits.eventsMax);
      const some = await storage.aggregates(draft.last, limit);
      await this.#addAll(draft, some);
      if (some.length < limit && !draft.isFull()) {
        draft.end();
        break;
      }
    }
    return true;
  }

  async #addAll(draft: PartDraft, starts: readonly AggregateStart[]): Promise<void> {
    const { storage } = this.#options;
    const { eventsMax } = draft.limits;
    const snapshots = await Promise.all(starts.map((start) => this.#snapshotOf(start)));
    const from = (index: number): EventPlace => {
      const { originatorId, first } = starts[index] as AggregateStart;
      return { originatorId, originatorVersion: snapshots[index]?.originatorVersion ?? first };
    };
    const tails = await storage.tails([...starts.keys()].map(from), eventsMax);
    const isOfUse = starts.map((_start, index) => isOfPlace(snapshots[index], tails[index], draft.place));
    const digested = [...starts.keys()].filter((index) => isOfUse[index] === true);
    const before = digested.map((index) => placeBefore(snapshots[index] as StoredSnapshot));
    const known = before.length === 0 ? [] : await this.#digests.upTo(before, DIGESTED_EVENTS_MAX);
    for (const [index, { originatorId, first }] of starts.entries()) {
      if (draft.isFull()) return;
      const snapshot = snapshots[index];
      const tail = tails[index] ?? [];
      const at = digested.indexOf(index);
      // Its history is too long to be read with that of the others.
      if (at >= known.length) {
        draft.close();
        return;
      }
      const history = at === -1 ? undefined : known[at];
      const [anchor] = tail;
      if (history !== undefined && snapshot !== undefined && anchor !== undefined) {
        const base = { ...history, version: snapshot.originatorVersion - 1, position: anchor.row.position, snapshot };
        draft.add({ originatorId, continues: false, base }, tail);
      } else if (snapshot === undefined) draft.add({ originatorId, continues: false }, tail);
      else {
        const [all = []] = await storage.tails([{ originatorId, originatorVersion: first }], eventsMax);
        draft.add({ originatorId, continues: false }, all);
      }
    }
  }

  /** One that stands for something, of an aggregate that begins with the first version. */
  async #snapshotOf({ originatorId, first }: AggregateStart): Promise<StoredSnapshot | undefined> {
    const snapshot = first === 1 ? await this.#options.snapshots?.select(originatorId) : undefined;
    return snapshot !== undefined && snapshot.originatorVersion > 1 ? snapshot : undefined;
  }
}

/** Whether a snapshot is of an event that the place has. */
function isOfPlace(
  snapshot: StoredSnapshot | undefined,
  tail: readonly PlacedVersion[] | undefined,
  { position }: LogPlace,
): boolean {
  const anchor = tail?.[0];
  if (snapshot === undefined || anchor === undefined) return false;
  return anchor.version === snapshot.originatorVersion && anchor.row.position <= position;
}

function placeBefore({ originatorId, originatorVersion }: StoredSnapshot): EventPlace {
  return { originatorId, originatorVersion: originatorVersion - 1 };
}

/** A part in the making. */
class PartDraft {
  readonly place: LogPlace;
  readonly limits: PartLimits;
  readonly aggregates: BootstrapAggregate[] = [];
  readonly #rows = new Map<string, UnitRow>();
  #next: BootstrapPlace;
  #isEnd = false;
  #isClosed = false;
  #events = 0;
  #bytes = 0;

  constructor(place: LogPlace, from: BootstrapPlace | undefined, limits: PartLimits) {
    this.place = place;
    this.limits = limits;
    this.#next = from ?? { covered: 0, originatorId: undefined, version: 0 };
  }

  /** Where the next part goes on; none, when this is the last. */
  get next(): BootstrapPlace | undefined {
    if (this.#isEnd) return undefined;
    // What was inserted beside the log may have places of its own.
    return { ...this.#next, covered: Math.min(this.#next.covered, this.place.position - 1) };
  }

  /** Where the aggregate goes on of which some events were given, and not all. */
  get open(): EventPlace | undefined {
    const { originatorId, version } = this.#next;
    return originatorId === undefined || version === 0 ? undefined : { originatorId, originatorVersion: version + 1 };
  }

  /** The aggregate that was given last. */
  get last(): OriginatorId | undefined {
    return this.#next.originatorId;
  }

  isFull(): boolean {
    const { eventsMax, bytesMax } = this.limits;
    return this.#isClosed || this.room === 0 || this.#events >= eventsMax || this.#bytes >= bytesMax;
  }

  /** How many aggregates it may still have. */
  get room(): number {
    return BOOTSTRAP_AGGREGATES_MAX - this.aggregates.length;
  }

  rows(): readonly UnitRow[] {
    return [...this.#rows.values()].sort((one, other) => one.position - other.position);
  }

  /** @param tail - its events from there on; as many as a part has, where there are more */
  add(aggregate: BootstrapAggregate, tail: readonly PlacedVersion[]): void {
    const { originatorId, base } = aggregate;
    const { position } = this.place;
    const isMore = tail.length >= this.limits.eventsMax;
    let covered = this.#next.covered + (base?.version ?? 0);
    if (base !== undefined) this.#bytes += base.snapshot.state.length;
    let given = 0;
    for (const [index, { row }] of tail.entries()) {
      if (row.position > position) break;
      // A unit is never split.
      if (this.isFull() && this.#isCut(tail, index)) {
        const { version } = tail[index - 1] as PlacedVersion;
        this.#given({ ...aggregate, upTo: version }, given);
        this.#next = { covered, originatorId, version };
        return;
      }
      given++;
      covered++;
      this.#take(row);
    }
    const last = tail[given - 1];
    const isOpen = isMore && given === tail.length && last !== undefined;
    this.#given(isOpen ? { ...aggregate, upTo: last.version } : aggregate, given);
    this.#next = { covered, originatorId, version: isOpen ? last.version : 0 };
    if (isOpen) this.#isClosed = true;
  }

  /** What was named comes beside the others. */
  startOver(): void {
    this.#next = { covered: 0, originatorId: undefined, version: 0 };
  }

  /** The next aggregate is for the next part. */
  close(): void {
    this.#isClosed = true;
  }

  end(): void {
    this.#isEnd = true;
  }

  #isCut(tail: readonly PlacedVersion[], index: number): boolean {
    const [before, at] = [tail[index - 1], tail[index]];
    return before !== undefined && before.row.id !== at?.row.id;
  }

  /** Of one that begins after the place nothing is said. */
  #given(aggregate: BootstrapAggregate, events: number): void {
    if (events > 0 || this.limits.named.includes(aggregate.originatorId)) this.aggregates.push(aggregate);
  }

  #take(row: UnitRow): void {
    if (this.#rows.has(row.id)) return;
    this.#rows.set(row.id, row);
    this.#events += row.count;
    this.#bytes += row.bytes;
  }
}
