/**
 * Keeps what no server has confirmed in files beside the store, while the store is open in this worker.
 *
 * ```text
 * commit ─▶ prepare (while IndexedDB writes) ─▶ append ─▶ acknowledge
 * begin  ─▶ take over what others have left ─▶ add what is pending and in no file
 * page   ─▶ once most of the file is confirmed: rewrite it with what is not
 * ```
 *
 * Invariants:
 * 1. From `begin` on, what this worker acknowledges is in its file before it is acknowledged, or is named as unsaved. It is
 *    not flushed: it outlives the browser, and a power cut takes nothing of IndexedDB that this could bring back.
 * 2. What is dropped from a file is confirmed in this store, or was never of it.
 * 3. Nothing here makes a commit fail, whatever becomes of the files.
 * 4. Of a store that was lost, a unit stays in the file until it is in this store, and no longer than a moment: it may leave
 *    that, and would come back with the next opening.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { bytesToUuid } from '../../util/uuid-bytes.js';
import { derivedUnitId } from '../derived-unit-id.js';
import type { AppendedCopy } from '../journal/appended-copy.js';
import type { JournalCommit } from '../journal/journal-record.js';
import type { Replica } from '../journal/replica.js';
import type { UnitsHere } from '../journal/unit-tables.js';
import type { StoredEvent } from '../stored-event.js';
import type { EditionId, PendingUnit, UnitId } from '../unit.js';
import type { SetAsideReason, UnitRecorder } from '../unit-recorder.js';
import { encodeStore, encodeTold, encodeUnits, encodeUnsaved, encodeWitness, readEntries } from './rescue-entry.js';
import type { RescueEntry } from './rescue-entry.js';
import type { RescueFiles } from './rescue-files.js';
import { NOTE_BYTES_MAX } from './rescue-slot.js';
import type { RescueSlot } from './rescue-slot.js';

// What is read, and appended, at once: other work goes on in between.
const SLICE = { eventsMax: 500, bytesMax: 1024 * 1024 };
// Below this a file is not worth a look at what could be dropped.
const COMPACTION_BYTES_MIN = 64 * 1024;
// How far the store is, is written down once in so long.
const WITNESS_INTERVAL_MS = 1_000;
// Aggregates whose last unit is known. Whichever is not, is asked for.
const PLACES_MAX = 4_096;
// Names in a note; of more, their number. An id and a count each, so that it fits.
const NAMES_MAX = Math.floor(NOTE_BYTES_MAX / 32);

/** What it needs of the store. */
export interface RescueSource extends Pick<UnitRecorder, 'syncProgress' | 'selectPendingUnits' | 'selectSetAside'> {
  readonly position: number;
  maxNotificationId(): Promise<number>;
  openIds(): Promise<readonly UnitId[]>;
  unitsHere(ids: readonly UnitId[]): Promise<UnitsHere>;
}

/** What a {@link RescueKeeper} needs. */
export interface RescueKeeperOptions {
  /** Owned from then on. */
  readonly slot: RescueSlot;
  readonly replicaId: string;
  readonly source: RescueSource;
  /** Of this store, of this worker's too. */
  readonly files: Pick<RescueFiles, 'takeLeft' | 'readAll'>;
  readonly clock: Clock;
}

/** How it stands: `on`; or `incomplete`, when the last commits are not in the file, for want of room. */
export type RescueState = 'on' | 'incomplete';

/** Keeps the copy of one worker. */
export class RescueKeeper implements AppendedCopy {
  readonly #options: RescueKeeperOptions;
  /** The edition of the last version of an aggregate, where it is known, under both: of what is recorded, the unit's id. */
  readonly #places = new Map<string, EditionId>();
  readonly #unsaved = new Map<UnitId, number>();
  /** Units that were appended while it is looked at what the files have. */
  #appended: Set<UnitId> | undefined;
  #nextCompactionBytes = COMPACTION_BYTES_MIN;
  #witnessedAtMs = -Infinity;
  #isWitnessDue = false;
  /** Whether there may be units of a store that was lost in this worker's file. */
  #hasOthers = true;
  /** What is done in the background, one thing after another. */
  #maintenance: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: RescueKeeperOptions) {
    this.#options = options;
  }

  get state(): RescueState {
    return this.#unsaved.size === 0 ? 'on' : 'incomplete';
  }

  /** Bytes that this worker's file has. */
  get bytes(): number {
    return this.#options.slot.bytes;
  }

  /** Says whose the next entries are. To be called before anything is to be kept. */
  begin(): void {
    this.#attempt(() => this.#options.slot.append(encodeStore(this.#options.replicaId)));
    void this.#inBackground(async () => {
      await this.#takeOver();
      await this.#fill();
      await this.#compact();
    });
  }

  prepare(position: number, commits: readonly JournalCommit[], replica: Replica): () => void {
    const units: Omit<PendingUnit, 'after'>[] = commits.flatMap(unitsOf);
    if (units.length === 0) return () => undefined;
    // Taken over when the record is durable: until then another tab may have their places.
    const places = new Map<string, EditionId>();
    let bytes: Uint8Array | undefined;
    this.#attempt(() => {
      const placed = units.map((unit) => ({ ...unit, after: this.#placesOf(unit, places, replica) }));
      bytes = encodeUnits(position, placed);
    });
    return () => {
      this.#learn(places);
      this.#keep(units, bytes);
    };
  }

  noteSync(commits: readonly JournalCommit[], isOwn: boolean): void {
    // Whatever was the last unit of an aggregate, another one may be now.
    this.#places.clear();
    if (isOwn) for (const { sync } of commits) if (sync?.step?.kind === 'decide') this.#keepAnew(sync.step.units);
    // They were confirmed, or of another store: so they are in no file, or not as this one's.
    const isBack = commits.some(({ sync }) => sync?.step?.kind === 'endHeal' || sync?.step?.kind === 'restore');
    if (isOwn || this.#hasOthers) this.#witnessSoon();
    if (isOwn && (isBack || this.#unsaved.size > 0)) void this.#inBackground(() => this.#fill());
    if (this.bytes >= this.#nextCompactionBytes) void this.#inBackground(() => this.#compact());
  }

  /** Units of this store, or of one that was lost, of which nothing is to be kept any more, leave the file. */
  compact(): Promise<void> {
    return this.#inBackground(() => this.#compact(true));
  }

  /** Writes down that somebody was told what is missing of a store that was lost. */
  noteTold(replicaId: string): void {
    const { slot, replicaId: own } = this.#options;
    for (const bytes of [encodeStore(replicaId), encodeTold(replicaId), encodeStore(own)]) {
      this.#attempt(() => slot.append(bytes));
    }
  }

  /** Waits for what is in the background. */
  async settle(): Promise<void> {
    await this.#maintenance;
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#maintenance;
    this.#attempt(() => this.#options.slot.close());
  }

  /** What a unit stands on. @param places - of those before it in the same record, and then its own */
  #placesOf(unit: Omit<PendingUnit, 'after'>, places: Map<string, EditionId>, replica: Replica): PendingUnit['after'] {
    const seen = new Set<string>();
    const after: PendingUnit['after'][number][] = [];
    for (const event of unit.events) {
      const { originatorId, originatorVersion } = event;
      if (!seen.has(originatorId)) {
        seen.add(originatorId);
        const before = placeKey(originatorId, originatorVersion - 1);
        after.push(places.get(before) ?? this.#places.get(before) ?? this.#lookUp(event, replica));
      }
      places.set(placeKey(originatorId, originatorVersion), unit.id);
    }
    return after;
  }

  #lookUp(event: StoredEvent, replica: Replica): PendingUnit['after'][number] {
    // Most aggregates are new when they are not known, and to ask their number costs nothing: the check has just done so.
    return replica.maxOriginatorVersion(event.originatorId) < 0 ? undefined : replica.units?.placeOf(event);
  }

  #learn(places: ReadonlyMap<string, EditionId>): void {
    for (const [key, id] of places) this.#places.set(key, id);
    for (const key of this.#places.keys()) {
      if (this.#places.size <= PLACES_MAX) return;
      this.#places.delete(key);
    }
  }

  #keep(units: readonly Pick<PendingUnit, 'id' | 'events'>[], bytes: Uint8Array | undefined): void {
    if (this.#isClosed) return;
    const isKept = bytes !== undefined && this.#attempt(() => this.#options.slot.append(bytes));
    for (const { id, events } of units) {
      if (isKept) this.#appended?.add(id);
      else this.#unsaved.set(id, events.length);
    }
    if (this.#unsaved.size === 0) return;
    this.#noteUnsaved();
    // There was room for this one, so there may be for those before it.
    if (isKept) void this.#inBackground(() => this.#fill());
  }

  /** Of units that were decided again the file has another form; what comes later counts. */
  #keepAnew(units: readonly PendingUnit[]): void {
    let bytes: Uint8Array | undefined;
    this.#attempt(() => {
      // Their record is the next one: it is being applied.
      bytes = encodeUnits(this.#options.source.position + 1, units);
    });
    if (units.length > 0) this.#keep(units, bytes);
  }

  #noteUnsaved(): void {
    const named = [...this.#unsaved].slice(0, NAMES_MAX).map(([id, events]) => ({ id, events }));
    const note = encodeUnsaved(named, this.#unsaved.size - named.length);
    this.#attempt(() => this.#options.slot.note(note));
  }

  /** Adds what others have left to the file, in the order in which they had it. */
  async #takeOver(): Promise<void> {
    const { slot, files, replicaId } = this.#options;
    for (const left of await files.takeLeft()) {
      this.#attempt(() => {
        const entries = left.entries();
        for (const { bytes } of entries) slot.append(bytes);
        slot.append(encodeStore(replicaId));
        slot.flush();
        left.rewrite([]);
      });
      this.#attempt(() => left.close());
    }
  }

  /** Adds what is pending, or set aside, and in no file. */
  async #fill(): Promise<void> {
    const { source } = this.#options;
    const appended = new Set<UnitId>();
    this.#appended = appended;
    const kept = await this.#keptIds();
    const isKept = (id: UnitId): boolean => kept.has(id) || appended.has(id);
    const nowhere = ({ id }: { readonly id: UnitId }): boolean => !isKept(id);
    // Most often nothing is missing, and to know that takes the ids only.
    const isAnyMissing = (await source.openIds()).some((id) => !isKept(id));
    if (!isAnyMissing) {
      this.#forgetUnsaved();
      return;
    }
    for (let after = 0; !this.#isClosed;) {
      const units = await source.selectPendingUnits(after, SLICE);
      const last = units.at(-1);
      if (last === undefined) break;
      if (!this.#add(units.filter(nowhere))) return;
      after = last.firstNotificationId + last.events.length - 1;
    }
    for (let after = 0; !this.#isClosed;) {
      const units = await source.selectSetAside(after, SLICE);
      const last = units.at(-1);
      if (last === undefined) break;
      const reasons = new Map(units.map(({ id, reason }) => [id, reason]));
      if (!this.#add(units.filter(nowhere).map(withoutPlaces), reasons)) return;
      after = last.firstNotificationId + last.events.length - 1;
    }
    this.#forgetUnsaved();
  }

  /** Whatever was unsaved and is in no file now is confirmed. */
  #forgetUnsaved(): void {
    this.#unsaved.clear();
    this.#noteUnsaved();
  }

  #add(units: readonly PendingUnit[], reasons?: ReadonlyMap<UnitId, SetAsideReason>): boolean {
    if (units.length === 0) return true;
    const bytes = encodeUnits(this.#options.source.position, units, reasons);
    if (!this.#attempt(() => this.#options.slot.append(bytes))) return false;
    for (const { id } of units) this.#unsaved.delete(id);
    return true;
  }

  /** Units of this store that are in a file. */
  async #keptIds(): Promise<ReadonlySet<UnitId>> {
    const kept = new Set<UnitId>();
    for (const bytes of await this.#options.files.readAll()) {
      for (const { content } of ofStores(readEntries(bytes).entries, this.#options.replicaId).own) {
        for (const id of soundIdsIn(content)) kept.add(id);
      }
    }
    return kept;
  }

  /** @param isForced - also where little is dropped */
  async #compact(isForced: boolean = false): Promise<void> {
    const { slot, source, replicaId } = this.#options;
    const asked = new Set(slot.entries().flatMap(({ content }) => namesIn(content)));
    const here = await source.unitsHere([...asked]);
    const witness = await this.#witness();
    if (this.#isClosed) return;
    // Read again: more may have come meanwhile.
    const { own, others } = ofStores(slot.entries(), replicaId);
    const ownIds = new Set(own.flatMap(({ content }) => soundIdsIn(content)));
    const isOpen = (id: UnitId): boolean => !asked.has(id) || here.open.has(id);
    const isWaiting = (id: UnitId): boolean => !here.known.has(id) || (here.open.has(id) && !ownIds.has(id));
    const left = others.map(({ replicaId: of, entries }) => ({
      of,
      entries: entries.filter(({ content }) => namesIn(content).some(isWaiting)),
      wasTold: entries.some(({ content }) => content.kind === 'told'),
    }));
    const kept = [
      ...left.flatMap(({ of, entries, wasTold }) =>
        entries.length === 0
          ? []
          : [encodeStore(of), ...(wasTold ? [encodeTold(of)] : []), ...entries.map(({ bytes }) => bytes)],
      ),
      encodeStore(replicaId),
      ...lastTold(own, left),
      ...own.filter(({ content }) => namesIn(content).some(isOpen)).map(({ bytes }) => bytes),
      witness,
    ];
    const length = kept.reduce((sum, bytes) => sum + bytes.length, 0);
    // To copy costs as much as there is to keep: so it is done when as much is dropped.
    const isStale = others.length > 0 || own.some(({ content }) => content.kind === 'unsaved');
    const isWorthwhile = isForced || isStale || length * 2 <= slot.bytes;
    if (isWorthwhile) this.#attempt(() => slot.rewrite(kept));
    this.#hasOthers = left.some(({ entries }) => entries.length > 0);
    if (isWorthwhile && this.#unsaved.size > 0) this.#noteUnsaved();
    this.#nextCompactionBytes = Math.max(COMPACTION_BYTES_MIN, 2 * length);
  }

  #witnessSoon(): void {
    if (this.#isWitnessDue) return;
    this.#isWitnessDue = true;
    const { clock } = this.#options;
    const dueInMs = Math.max(0, this.#witnessedAtMs + WITNESS_INTERVAL_MS - clock.monotonicMs());
    clock.schedule(() => {
      this.#isWitnessDue = false;
      void this.#inBackground(async () => {
        if (this.#hasOthers) {
          await this.#compact();
          return;
        }
        const witness = await this.#witness();
        if (!this.#isClosed) this.#attempt(() => this.#options.slot.append(witness));
      });
    }, dueInMs);
  }

  async #witness(): Promise<Uint8Array> {
    const { source, clock } = this.#options;
    this.#witnessedAtMs = clock.monotonicMs();
    const [progress, largestId] = await Promise.all([source.syncProgress(), source.maxNotificationId()]);
    const { cursor, position, pendingUnits, pendingEvents } = progress;
    return encodeWitness({ atMs: clock.nowMs(), largestId, cursor, position, pendingUnits, pendingEvents });
  }

  /** One after another. What fails is tried again by the next occasion: the store is closed, or its replica of no use. */
  #inBackground(work: () => Promise<void>): Promise<void> {
    this.#maintenance = this.#maintenance
      .then(async () => (this.#isClosed ? undefined : work()))
      .catch(() => undefined);
    return this.#maintenance;
  }

  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch {
      return false;
    }
  }
}

/** What a commit is, or each of its events where it was given no id. */
function unitsOf({ events, firstNotificationId, unit }: JournalCommit): Omit<PendingUnit, 'after'>[] {
  if (events.length === 0) return [];
  if (unit !== undefined) {
    const { id, isCommutative, scopes } = unit;
    return [{ id: bytesToUuid(id), events, isCommutative, scopes, firstNotificationId }];
  }
  return events.map((event, index) => ({
    ...{ id: derivedUnitId(event), events: [event], isCommutative: false, scopes: [] },
    firstNotificationId: firstNotificationId + index,
  }));
}

function placeKey(originatorId: string, version: number): string {
  return `${originatorId}:${version}`;
}

function namesIn(content: RescueEntry['content']): UnitId[] {
  return content.kind === 'units' ? content.units.map(({ id }) => id) : [];
}

function soundIdsIn(content: RescueEntry['content']): UnitId[] {
  return content.kind === 'units' && content.body !== undefined ? namesIn(content) : [];
}

/** Of the store before this one it is remembered that it came back: a tab may still look for it. */
function lastTold(
  own: readonly RescueEntry[],
  left: readonly { readonly of: string; readonly entries: readonly RescueEntry[] }[],
): Uint8Array[] {
  const gone = left.flatMap(({ of, entries }) => (entries.length === 0 ? [encodeTold(of)] : []));
  const told = own.flatMap(({ content, bytes }) => (content.kind === 'told' ? [bytes] : []));
  return [...told, ...gone].slice(-1);
}

/** What was set aside comes back as that, whatever it stood on. */
function withoutPlaces(unit: Omit<PendingUnit, 'after'>): PendingUnit {
  const aggregates = new Set(unit.events.map(({ originatorId }: StoredEvent) => originatorId));
  const { id, edition, events, isCommutative, scopes, firstNotificationId } = unit;
  const after = [...aggregates].map(() => undefined);
  return { id, edition, events, isCommutative, scopes, firstNotificationId, after };
}

/** Entries by the store that wrote them. */
function ofStores(
  entries: readonly RescueEntry[],
  ownReplicaId: string,
): {
  readonly own: readonly RescueEntry[];
  readonly others: readonly { readonly replicaId: string; readonly entries: readonly RescueEntry[] }[];
} {
  const byStore = new Map<string, RescueEntry[]>();
  let current: RescueEntry[] = [];
  for (const entry of entries) {
    if (entry.content.kind === 'store') {
      current = byStore.get(entry.content.replicaId) ?? [];
      byStore.set(entry.content.replicaId, current);
    } else current.push(entry);
  }
  const own = byStore.get(ownReplicaId) ?? [];
  byStore.delete(ownReplicaId);
  return { own, others: [...byStore].map(([replicaId, of]) => ({ replicaId, entries: of })) };
}
