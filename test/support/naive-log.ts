import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { derivedEdition, editionOf } from '../../src/persistence/unit-edition.js';
import type {
  ConfirmedUnit,
  Cursor,
  EditionId,
  LostUnit,
  PendingUnit,
  UnitId,
  UnitPage,
} from '../../src/persistence/unit.js';
import type { UnitLimits } from '../../src/persistence/unit-recorder.js';
import type { SyncTransport } from '../../src/sync/exchange/transport.js';
import { CursorUnknownError, LIMITS_DEFAULT } from '../../src/sync/protocol/index.js';
import type { HealAnswer, HealDecision, PushAnswer, PushDecision, SyncLimits } from '../../src/sync/protocol/index.js';

type Placed = Pick<ConfirmedUnit, 'id' | 'edition' | 'events' | 'isCommutative' | 'scopes'>;

interface LogUnit extends ConfirmedUnit {
  readonly cursor: Cursor;
}

const ORIGIN = { author: '', recordedAtMs: 0, seal: Uint8Array.of(1) };

/** A server's log in the plainest way: a list that is searched. For tests, and to compare others with. */
export class NaiveLog implements SyncTransport {
  limits: SyncLimits = LIMITS_DEFAULT;
  units: LogUnit[] = [];
  readonly aside = new Set<UnitId>();
  readonly rejected = new Map<UnitId, string>();
  /** Says no for good. */
  forbid: (unit: PendingUnit) => string | undefined = () => undefined;

  get events(): StoredEvent[] {
    return this.units.flatMap(({ events }) => events);
  }

  /** Sets the log back to its first units, as a backup would. */
  restore(units: number): void {
    this.units = this.units.slice(0, units);
  }

  async push(units: readonly PendingUnit[], _signal?: AbortSignal, follows?: UnitId): Promise<PushAnswer> {
    const decisions: PushDecision[] = [];
    const isInTurn = follows === undefined || this.#isKnown(follows);
    for (const unit of units) {
      const decision = isInTurn || this.#isKnown(unit.id) ? this.#decide(unit) : undefined;
      if (decision === undefined) return { decisions, conflict: unit.id, head: this.#head };
      decisions.push(decision);
    }
    return { decisions, conflict: undefined, head: this.#head };
  }

  async page(after: Cursor, { eventsMax }: UnitLimits): Promise<UnitPage> {
    const from = this.#indexAfter(after);
    if (from === undefined) throw new CursorUnknownError('unknown');
    const units: LogUnit[] = [];
    for (const unit of this.units.slice(from)) {
      if (units.reduce((sum, { events }) => sum + events.length, 0) >= eventsMax) break;
      units.push(unit);
    }
    const last = units.at(-1) ?? this.units[from - 1];
    return { from: after, to: last?.cursor ?? CURSOR_START, position: last?.position ?? 0, head: this.#head, units };
  }

  async common(marks: readonly Cursor[]): Promise<Cursor> {
    return marks.find((mark) => this.#indexAfter(mark) !== undefined) ?? CURSOR_START;
  }

  async heal(units: readonly LostUnit[]): Promise<HealAnswer> {
    const decisions = units.map((unit): HealDecision => {
      const { id } = unit;
      if (this.units.some((other) => other.id === id)) return { id, kind: 'known' };
      const placed = this.#placed({ ...unit, isCommutative: false });
      if (placed !== undefined) this.#append(unit);
      else this.aside.add(id);
      return { id, kind: placed === undefined ? 'setAside' : 'restored' };
    });
    return { decisions, head: this.units.at(-1)?.cursor ?? CURSOR_START };
  }

  #isKnown(id: UnitId): boolean {
    return this.rejected.has(id) || this.units.some((unit) => unit.id === id);
  }

  get #head(): number {
    return this.events.length;
  }

  #indexAfter(cursor: Cursor): number | undefined {
    if (cursor === CURSOR_START) return 0;
    const index = this.units.findIndex((unit) => unit.cursor === cursor);
    return index === -1 ? undefined : index + 1;
  }

  #version(originatorId: string): number {
    return this.events.reduce(
      (last, event) => (event.originatorId === originatorId ? Math.max(last, event.originatorVersion) : last),
      0,
    );
  }

  #editionOf(originatorId: string, version: number): EditionId | undefined {
    const found = this.units.find(({ events }) =>
      events.some((event) => event.originatorId === originatorId && event.originatorVersion === version),
    );
    return found === undefined ? undefined : editionOf(found);
  }

  #decide(unit: PendingUnit): PushDecision | undefined {
    const { id } = unit;
    const known = this.units.find((other) => other.id === id);
    if (known !== undefined) return { id, kind: 'accepted', position: known.position };
    const code = this.rejected.get(id) ?? this.forbid(unit);
    if (code !== undefined) {
      this.rejected.set(id, code);
      return { id, kind: 'rejected', code, message: `${code}.` };
    }
    const placed = this.#placed(unit);
    return placed === undefined ? undefined : { id, kind: 'accepted', position: this.#append(placed) };
  }

  /** A unit where it fits, or, where it commutes, at the next versions, in another edition. */
  #placed(
    unit: Pick<PendingUnit, 'id' | 'edition' | 'events' | 'after' | 'isCommutative' | 'scopes'>,
  ): Placed | undefined {
    const { id, events, isCommutative } = unit;
    const versions = new Map<string, number>();
    const after: (EditionId | undefined)[] = [];
    const placed: StoredEvent[] = [];
    for (const event of events) {
      const { originatorId } = event;
      const last = versions.get(originatorId) ?? this.#version(originatorId);
      if (!versions.has(originatorId)) after.push(this.#editionOf(originatorId, last));
      versions.set(originatorId, last + 1);
      placed.push({ ...event, originatorVersion: last + 1 });
    }
    const isInPlace =
      after.join() === unit.after.join() &&
      placed.every(({ originatorVersion }, index) => originatorVersion === events[index]?.originatorVersion);
    if (isInPlace) return unit;
    return isCommutative
      ? { ...unit, events: placed, edition: derivedEdition({ id, events: placed, after }) }
      : undefined;
  }

  /** @returns the position of its last event */
  #append({ id, edition, events, isCommutative, scopes }: Placed): number {
    const position = this.#head + events.length;
    const chain = `${this.units.at(-1)?.cursor ?? ''} ${edition ?? id}`;
    // A hash of all before it, and short; nobody attacks a test.
    const hash = Array.from(chain).reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, 7);
    const cursor = `${position}.${hash.toString(36)}`;
    this.units.push({
      ...{ id, ...(edition === undefined ? {} : { edition }), events, isCommutative, scopes },
      ...{ position, total: events.length, origin: ORIGIN, cursor },
    });
    return position;
  }
}
