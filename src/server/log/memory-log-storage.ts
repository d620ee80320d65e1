/**
 * Keeps a log of units in memory.
 *
 * @module
 */
import { IntegrityError, OperationalError } from '../../persistence/errors.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { editionOf } from '../../persistence/unit-edition.js';
import type { EditionId, UnitId } from '../../persistence/unit.js';
import { systemClock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import { hasStrangers } from './adopt-events.js';
import type { AggregateEnd, KnownUnit } from './decide-units.js';
import { CHAIN_START } from './log-chain.js';
import type {
  AggregateStart,
  EventPlace,
  IdGap,
  LogChange,
  LogHead,
  LogStanding,
  LogStorage,
  LogTransaction,
  PushSubjects,
  SeenUnits,
  PlacedVersion,
  RefusedPruning,
  RejectedRow,
  SetAsideRow,
  UnitRow,
} from './log-storage.js';
import { bytesOf } from './page-units.js';
import type { RefusedUnit } from './unit-log.js';
import { DUE } from './waiting-offers.js';

/** Sets a log back to what it was; can be called again. */
export type MemoryLogBackup = () => void;

interface Contents {
  readonly events: readonly Notification[];
  /** Ids of events by their places in aggregates. */
  readonly ids: ReadonlyMap<string, number>;
  /** The last versions of aggregates. */
  readonly versions: ReadonlyMap<OriginatorId, number>;
  readonly rows: ReadonlyMap<UnitId, UnitRow>;
  readonly units: readonly UnitRow[];
  readonly rejected: ReadonlyMap<UnitId, RejectedRow>;
  /** Those of them that are in the operator's list. */
  readonly listed: ReadonlyMap<UnitId, RejectedRow>;
  readonly setAside: ReadonlyMap<UnitId, SetAsideRow>;
  readonly head: LogHead;
}

/** Whole values that are exchanged, so that a transaction that fails leaves none of its changes. */
export class MemoryLogStorage implements LogStorage {
  readonly #turns = new FifoMutex({ waitMsMax: Infinity, clock: systemClock, tooLong: () => new Error('never') });
  #contents: Contents = {
    events: [],
    ids: new Map(),
    versions: new Map(),
    rows: new Map(),
    units: [],
    rejected: new Map(),
    listed: new Map(),
    setAside: new Map(),
    head: { position: 0, chain: CHAIN_START, lastId: 0 },
  };

  insert(events: readonly StoredEvent[]): void {
    this.#contents = inserted(this.#contents, events);
  }

  backup(): MemoryLogBackup {
    const contents = this.#contents;
    return () => {
      this.#contents = contents;
    };
  }

  standing(): Promise<LogStanding> {
    return Promise.resolve(standingOf(this.#contents));
  }

  known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>> {
    return Promise.resolve(knownOf(this.#contents, ids));
  }

  events(range: IdGap, limit: number): Promise<readonly Notification[]> {
    return Promise.resolve(eventsOf(this.#contents, range, limit));
  }

  chains(positions: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const wanted = new Set(positions);
    const rows = this.#contents.units.filter(({ position }) => wanted.has(position));
    return Promise.resolve(new Map(rows.map(({ position, chain }) => [position, chain])));
  }

  units(from: number, limit: number): Promise<readonly UnitRow[]> {
    return Promise.resolve(this.#contents.units.filter(({ position }) => position >= from).slice(0, limit));
  }

  unitsOfAggregate(
    originatorId: OriginatorId,
    after: number,
    upTo: number,
    limit: number,
  ): Promise<readonly UnitRow[]> {
    const { events, units } = this.#contents;
    const isOfIt = ({ originatorId: id, originatorVersion: version }: StoredEvent): boolean =>
      id === originatorId && version > after && version <= upTo;
    const ids = events.filter(isOfIt).map(({ id }) => id);
    const has = ({ lastId, count }: UnitRow): boolean => ids.some((id) => id <= lastId && id > lastId - count);
    return Promise.resolve(units.filter(has).slice(0, limit));
  }

  owners(ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, UnitRow>> {
    const owned = ids.flatMap((id) => {
      const row = ownerRowOf(this.#contents, id);
      return row === undefined ? [] : [[id, row] as const];
    });
    return Promise.resolve(new Map(owned));
  }

  aggregates(after: OriginatorId | undefined, limit: number): Promise<readonly AggregateStart[]> {
    const firsts = new Map<OriginatorId, number>();
    for (const { originatorId, originatorVersion: version } of this.#contents.events) {
      firsts.set(originatorId, Math.min(version, firsts.get(originatorId) ?? version));
    }
    const ids = [...firsts.keys()].sort().filter((id) => after === undefined || id > after);
    return Promise.resolve(
      ids.slice(0, limit).map((originatorId) => ({ originatorId, first: firsts.get(originatorId) as number })),
    );
  }

  tails(places: readonly EventPlace[], limit: number): Promise<readonly (readonly PlacedVersion[])[]> {
    return Promise.resolve(
      places.map(({ originatorId, originatorVersion: from }) =>
        this.#eventsOf(originatorId)
          .filter(({ originatorVersion }) => originatorVersion >= from)
          .slice(0, limit)
          .flatMap(({ id, originatorVersion: version }): PlacedVersion[] => {
            const row = ownerRowOf(this.#contents, id);
            return row === undefined ? [] : [{ version, row }];
          }),
      ),
    );
  }

  editions(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    return Promise.resolve(places.map((place) => ownerOf(this.#contents, place)));
  }

  eventsOf(
    originatorId: OriginatorId,
    { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
  ): Promise<readonly StoredEvent[]> {
    const isOfIt = ({ originatorVersion: version }: StoredEvent): boolean => version > after && version <= upTo;
    return Promise.resolve(
      this.#eventsOf(originatorId)
        .filter(isOfIt)
        .slice(0, limit)
        .map(({ id: _id, ...event }) => event),
    );
  }

  eventsIn(ranges: readonly IdGap[]): Promise<readonly Notification[]> {
    return Promise.resolve(ranges.flatMap((range) => eventsOf(this.#contents, range, Infinity)));
  }

  #eventsOf(originatorId: OriginatorId): Notification[] {
    return this.#contents.events
      .filter((event) => event.originatorId === originatorId)
      .sort((one, other) => one.originatorVersion - other.originatorVersion);
  }

  async news(
    from: number,
    limits: { readonly rows: number; readonly bytes: number },
  ): Promise<{ readonly rows: readonly UnitRow[]; readonly events: readonly Notification[] }> {
    const rows = await this.units(from, limits.rows);
    const after = rows.filter(({ position }) => position > from);
    const [bytes, count] = [sumOf(after, 'bytes'), sumOf(after, 'count')];
    const isLarge = bytes >= limits.bytes || count >= limits.rows;
    const ranges = isLarge ? [] : after.map(({ lastId, count }) => ({ first: lastId - count + 1, last: lastId }));
    return { rows, events: ranges.flatMap((range) => eventsOf(this.#contents, range, Infinity)) };
  }

  refused(after: UnitId, limit: number): Promise<readonly RefusedUnit[]> {
    const found = refusedOf(this.#contents).filter(({ id }) => id > after);
    return Promise.resolve(found.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, limit));
  }

  due({ rows, bytes }: { readonly rows: number; readonly bytes: number }): Promise<readonly SetAsideRow[]> {
    const all = [...this.#contents.setAside.values()];
    let found: readonly SetAsideRow[] = all.filter(({ awaits }) => awaits === DUE);
    for (let size = -1; size !== found.length && found.length < rows;) {
      size = found.length;
      const come = new Set([DUE, ...found.map(({ unit }) => editionOf(unit))]);
      found = all.filter(({ awaits }) => awaits !== undefined && come.has(awaits));
    }
    let left = bytes;
    const end = found.findIndex(({ unit }) => (left -= bytesOf(unit.events)) < 0);
    return Promise.resolve(found.slice(0, Math.min(rows, end === -1 ? rows : Math.max(1, end))));
  }

  refusedByIds(ids: readonly UnitId[]): Promise<readonly RefusedUnit[]> {
    return Promise.resolve(refusedOf(this.#contents).filter(({ id }) => ids.includes(id)));
  }

  async transaction<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    return await this.#turns.run(async () => {
      const before = this.#contents;
      const transaction = new MemoryLogTransaction(before);
      const result = await work(transaction);
      // Set back, or written to beside, while it was at work: as a database that was restored, it has lost the transaction.
      if (this.#contents !== before) throw new OperationalError('The log was set back meanwhile. Nothing was stored.');
      this.#contents = transaction.contents;
      return result;
    });
  }
}

class MemoryLogTransaction implements LogTransaction {
  contents: Contents;

  constructor(contents: Contents) {
    this.contents = contents;
  }

  async lock(about?: PushSubjects): Promise<{ standing: LogStanding; seen: SeenUnits | undefined }> {
    const standing = standingOf(this.contents);
    return { standing, seen: about === undefined || hasStrangers(standing) ? undefined : await this.view(about) };
  }

  known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>> {
    return Promise.resolve(knownOf(this.contents, ids));
  }

  events(range: IdGap, limit: number): Promise<readonly Notification[]> {
    return Promise.resolve(eventsOf(this.contents, range, limit));
  }

  view({ ids, aggregates }: PushSubjects): Promise<SeenUnits> {
    const ends = aggregates.flatMap((originatorId): [OriginatorId, AggregateEnd][] => {
      const version = this.contents.versions.get(originatorId);
      if (version === undefined) return [];
      const edition = ownerOf(this.contents, { originatorId, originatorVersion: version });
      return edition === undefined ? [] : [[originatorId, { version, edition }]];
    });
    return Promise.resolve({ known: knownOf(this.contents, ids), ends: new Map(ends) });
  }

  owners(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    return Promise.resolve(places.map((place) => ownerOf(this.contents, place)));
  }

  record(events: readonly StoredEvent[]): Promise<readonly number[]> {
    this.contents = inserted(this.contents, events);
    return Promise.resolve(this.contents.events.slice(-events.length).map(({ id }) => id));
  }

  /** Nobody takes part in what is in memory. */
  tell(): Promise<void> {
    return Promise.resolve();
  }

  setAside(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, SetAsideRow>> {
    const { setAside } = this.contents;
    return Promise.resolve(
      new Map(ids.flatMap((id) => [...(setAside.has(id) ? [[id, setAside.get(id) as SetAsideRow] as const] : [])])),
    );
  }

  async within<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    const inner = new MemoryLogTransaction(this.contents);
    const result = await work(inner);
    this.contents = inner.contents;
    return result;
  }

  change({ head, units, supersedes, rejected, setAside, discarded = [], pruning }: LogChange): Promise<void> {
    const { contents } = this;
    const added = rejected.map((row) => [row.id, row] as const);
    const kept = new Map([...contents.rejected, ...added]);
    const listed = new Map([...contents.listed, ...added]);
    for (const id of supersedes) kept.delete(id);
    for (const id of [...supersedes, ...discarded]) listed.delete(id);
    if (pruning !== undefined) prune(listed, pruning);
    const aside = new Map([...contents.setAside, ...setAside.map((row) => [row.unit.id, row] as const)]);
    for (const id of discarded) aside.delete(id);
    const come = new Set(units.map((unit) => editionOf(unit)));
    for (const [id, row] of aside) {
      if (row.awaits !== undefined && come.has(row.awaits)) aside.set(id, { ...row, awaits: DUE });
    }
    this.contents = {
      ...contents,
      units: [...contents.units, ...units],
      rows: new Map([...contents.rows, ...units.map((row) => [row.id, row] as const)]),
      rejected: kept,
      listed,
      setAside: aside,
      head,
    };
    return Promise.resolve();
  }
}

function sumOf(rows: readonly UnitRow[], what: 'bytes' | 'count'): number {
  return rows.reduce((sum, row) => sum + row[what], 0);
}

/** Lets go of what is too old, and of the events of the oldest ones beyond so many bytes. */
function prune(listed: Map<UnitId, RejectedRow>, { beforeMs, bytesMax }: RefusedPruning): void {
  let bytes = 0;
  const newestFirst = [...listed.values()].sort((one, other) => other.recordedAtMs - one.recordedAtMs);
  for (const row of newestFirst) {
    const { unit, ...reason } = row;
    bytes += unit?.events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0) ?? 0;
    if (row.recordedAtMs < beforeMs) listed.delete(row.id);
    else if (bytes > bytesMax) listed.set(row.id, reason);
  }
}

function refusedOf({ listed, setAside, rows }: Contents): RefusedUnit[] {
  const offered = [...setAside.values()].map(({ unit, code, message, offeredBy, offeredAtMs }): RefusedUnit => ({
    ...{ id: unit.id, kind: 'offered', unit, code, message },
    ...{ subject: offeredBy, replicaId: '', atMs: offeredAtMs },
  }));
  const rejected = [...listed.values()]
    .filter(({ id }) => !setAside.has(id))
    .map(({ id, unit, code, message, author, replicaId, recordedAtMs }): RefusedUnit => ({
      ...{ id, kind: 'rejected', unit, code, message, subject: author, replicaId, atMs: recordedAtMs },
    }));
  return [...offered, ...rejected].filter(({ id }) => !rows.has(id));
}

function standingOf({ head, events, setAside }: Contents): LogStanding {
  const awaited = [...setAside.values()].flatMap(({ awaits }) => (awaits === undefined ? [] : [awaits]));
  const waiting = awaited.length === 0 ? 'none' : awaited.includes(DUE) ? 'due' : 'some';
  // Nobody takes an id here without recording.
  return { head, maxId: events.at(-1)?.id ?? 0, filled: [], waiting };
}

function eventsOf({ events }: Contents, { first, last }: IdGap, limit: number): readonly Notification[] {
  return events.slice(Math.max(0, first - 1), last).slice(0, limit);
}

function knownOf({ rows, rejected }: Contents, ids: readonly UnitId[]): ReadonlyMap<UnitId, KnownUnit> {
  const known = new Map<UnitId, KnownUnit>();
  for (const id of ids) {
    const [row, refused] = [rows.get(id), rejected.get(id)];
    if (row !== undefined) known.set(id, { kind: 'accepted', position: row.position, author: row.author });
    else if (refused !== undefined) {
      const { code, message, author } = refused;
      known.set(id, { kind: 'rejected', code, message, author });
    }
  }
  return known;
}

/** Ids follow each other here, so those of units are in the order of the units. */
function ownerOf(contents: Contents, place: EventPlace): EditionId | undefined {
  const id = contents.ids.get(keyOf(place));
  const owner = id === undefined ? undefined : ownerRowOf(contents, id);
  return owner === undefined ? undefined : editionOf(owner);
}

function ownerRowOf({ units }: Contents, id: NotificationId): UnitRow | undefined {
  let [low, high] = [0, units.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((units[middle] as UnitRow).lastId < id) low = middle + 1;
    else high = middle;
  }
  return units[low];
}

function keyOf({ originatorId, originatorVersion }: EventPlace): string {
  return `${originatorVersion} ${originatorId}`;
}

function inserted(contents: Contents, events: readonly StoredEvent[]): Contents {
  const all = [...contents.events];
  const [ids, versions] = [new Map(contents.ids), new Map(contents.versions)];
  for (const event of events) {
    const { originatorId, originatorVersion } = event;
    if (ids.has(keyOf(event))) throw new IntegrityError('This position in the aggregate is taken.');
    all.push({ ...event, id: all.length + 1 });
    ids.set(keyOf(event), all.length);
    versions.set(originatorId, Math.max(originatorVersion, versions.get(originatorId) ?? originatorVersion));
  }
  return { ...contents, events: all, ids, versions };
}
