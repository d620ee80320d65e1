/**
 * Keeps a log of units in memory.
 *
 * @module
 */
import { IntegrityError, OperationalError } from '../../persistence/errors.js';
import type { Notification, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { systemClock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import type { AggregateEnd, KnownUnit } from './decide-units.js';
import { CHAIN_START } from './log-chain.js';
import type {
  EventPlace,
  IdGap,
  LogChange,
  LogHead,
  LogStanding,
  LogStorage,
  LogTransaction,
  RejectedRow,
  SetAsideRow,
  UnitRow,
} from './log-storage.js';

/** Sets a log back to what it was; can be called again. */
export type MemoryLogBackup = () => void;

interface Contents {
  readonly events: readonly Notification[];
  readonly units: readonly UnitRow[];
  readonly rejected: ReadonlyMap<UnitId, RejectedRow>;
  readonly setAside: ReadonlyMap<UnitId, SetAsideRow>;
  readonly head: LogHead;
}

/** Whole values that are exchanged, so that a transaction that fails leaves none of its changes. */
export class MemoryLogStorage implements LogStorage {
  readonly #turns = new FifoMutex({ waitMsMax: Infinity, clock: systemClock, tooLong: () => new Error('never') });
  #contents: Contents = {
    events: [],
    units: [],
    rejected: new Map(),
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

  setAside(after: UnitId, limit: number): Promise<readonly SetAsideRow[]> {
    const { setAside, units } = this.#contents;
    const there = new Set(units.map(({ id }) => id));
    const rows = [...setAside.values()].filter(({ unit }) => unit.id > after && !there.has(unit.id));
    return Promise.resolve(rows.sort((one, other) => (one.unit.id < other.unit.id ? -1 : 1)).slice(0, limit));
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

  lock(): Promise<LogStanding> {
    return Promise.resolve(standingOf(this.contents));
  }

  known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>> {
    return Promise.resolve(knownOf(this.contents, ids));
  }

  events(range: IdGap, limit: number): Promise<readonly Notification[]> {
    return Promise.resolve(eventsOf(this.contents, range, limit));
  }

  view(
    ids: readonly UnitId[],
    aggregates: readonly OriginatorId[],
  ): Promise<{ known: ReadonlyMap<UnitId, KnownUnit>; ends: ReadonlyMap<OriginatorId, AggregateEnd> }> {
    const ends = aggregates.flatMap((originatorId): [OriginatorId, AggregateEnd][] => {
      const own = this.contents.events.filter((event) => event.originatorId === originatorId);
      const version = own.reduce((last, event) => Math.max(last, event.originatorVersion), Number.NEGATIVE_INFINITY);
      const unit = ownerOf(this.contents, { originatorId, originatorVersion: version });
      return unit === undefined ? [] : [[originatorId, { version, unit }]];
    });
    return Promise.resolve({ known: knownOf(this.contents, ids), ends: new Map(ends) });
  }

  owners(places: readonly EventPlace[]): Promise<readonly (UnitId | undefined)[]> {
    return Promise.resolve(places.map((place) => ownerOf(this.contents, place)));
  }

  record(events: readonly StoredEvent[]): Promise<readonly number[]> {
    this.contents = inserted(this.contents, events);
    return Promise.resolve(this.contents.events.slice(-events.length).map(({ id }) => id));
  }

  change({ head, units, supersedes, rejected, setAside }: LogChange): Promise<void> {
    const { contents } = this;
    const kept = new Map([...contents.rejected, ...rejected.map((row) => [row.id, row] as const)]);
    for (const id of supersedes) kept.delete(id);
    this.contents = {
      events: contents.events,
      units: [...contents.units, ...units],
      rejected: kept,
      // What is set aside already stays as it is.
      setAside: new Map([...setAside.map((row) => [row.unit.id, row] as const), ...contents.setAside]),
      head,
    };
    return Promise.resolve();
  }
}

function standingOf({ head, events }: Contents): LogStanding {
  // Nobody takes an id here without recording.
  return { head, maxId: events.at(-1)?.id ?? 0, filled: [] };
}

function eventsOf({ events }: Contents, { first, last }: IdGap, limit: number): readonly Notification[] {
  return events.slice(Math.max(0, first - 1), last).slice(0, limit);
}

function knownOf({ units, rejected }: Contents, ids: readonly UnitId[]): ReadonlyMap<UnitId, KnownUnit> {
  const wanted = new Set(ids);
  const known = new Map<UnitId, KnownUnit>();
  for (const { id, position, author } of units) {
    if (wanted.has(id)) known.set(id, { kind: 'accepted', position, author });
  }
  for (const id of wanted) {
    const row = rejected.get(id);
    if (row !== undefined)
      known.set(id, { kind: 'rejected', code: row.code, message: row.message, author: row.author });
  }
  return known;
}

function ownerOf({ events, units }: Contents, place: EventPlace): UnitId | undefined {
  const event = events.find((one) => isAt(one, place));
  if (event === undefined) return undefined;
  return units.find(({ lastId, count }) => lastId - count < event.id && event.id <= lastId)?.id;
}

function isAt(event: EventPlace, { originatorId, originatorVersion }: EventPlace): boolean {
  return event.originatorId === originatorId && event.originatorVersion === originatorVersion;
}

function inserted(contents: Contents, events: readonly StoredEvent[]): Contents {
  const all = [...contents.events];
  for (const event of events) {
    if (all.some((one) => isAt(one, event))) throw new IntegrityError('This position in the aggregate is taken.');
    all.push({ ...event, id: all.length + 1 });
  }
  return { ...contents, events: all };
}
