import { DataError, IntegrityError, NotSupportedError } from '../../src/persistence/errors.js';
import type { NotificationId, StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type {
  ConfirmedUnit,
  Cursor,
  EditionId,
  LostUnit,
  PendingUnit,
  Unit,
  UnitId,
  UnitOrigin,
  UnitPage,
} from '../../src/persistence/unit.js';
import { derivedEdition } from '../../src/persistence/unit-edition.js';
import type {
  DecidedUnit,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  SyncProgress,
  UnitLimits,
  UnitStanding,
  UnitRecorder,
} from '../../src/persistence/unit-recorder.js';

interface UnitRow extends Unit {
  readonly firstId: NotificationId;
  readonly isOwn: boolean;
  /** Where a server has it, or had it while it is lost. */
  confirmed: { readonly position: number; readonly total: number; readonly origin: UnitOrigin } | undefined;
  isLost: boolean;
}

/** What a store knows of units, in the plainest way: lists that are searched. For tests, and to compare others with. */
export class NaiveUnits implements UnitRecorder {
  rows: UnitRow[] = [];
  asideRows: SetAsideUnit[] = [];
  readonly #discarded: SetAsideUnit[] = [];
  #marks: { readonly cursor: Cursor; readonly position: number }[] = [{ cursor: CURSOR_START, position: 0 }];
  #lastId: NotificationId = 0;
  #rewinds = 0;

  /** Records a unit of this device. */
  record(events: readonly StoredEvent[], options: Partial<Unit> = {}): UnitRow {
    for (const event of events)
      if (this.versions(event.originatorId).has(event.originatorVersion)) throw new IntegrityError('taken');
    return this.#add(
      { id: crypto.randomUUID(), isCommutative: false, scopes: [], ...options, events },
      true,
      undefined,
    );
  }

  /** The versions of an aggregate, with the edition that has each. */
  versions(originatorId: string): Map<number, EditionId> {
    const found = this.rows.flatMap(({ id, edition, events }) =>
      events
        .filter((event) => event.originatorId === originatorId)
        .map((event) => [event.originatorVersion, edition ?? id] as const),
    );
    return new Map(found.sort(([a], [b]) => a - b));
  }

  /** All events, in the order of their local ids. */
  get events(): StoredEvent[] {
    return this.rows.flatMap(({ events }) => events);
  }

  get pendingRows(): UnitRow[] {
    return this.rows.filter(({ confirmed, isLost }) => confirmed === undefined && !isLost);
  }

  async syncProgress(): Promise<SyncProgress> {
    const [newest] = this.#marks as [{ cursor: Cursor; position: number }];
    return {
      ...newest,
      ...{ held: [], rewinds: this.#rewinds },
      marks: this.#marks.map(({ cursor }) => cursor),
      pendingUnits: this.pendingRows.length,
      pendingEvents: this.pendingRows.reduce((sum, { events }) => sum + events.length, 0),
      lostUnits: this.rows.filter(({ isLost }) => isLost).length,
      setAsideUnits: this.asideRows.length,
    };
  }

  async selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    const pending = this.pendingRows.filter(({ firstId }) => firstId > after);
    return limited(pending, limits).map(({ id, edition, events, isCommutative, scopes, firstId }) => {
      return {
        id,
        ...inEdition(edition),
        events,
        isCommutative,
        scopes,
        firstNotificationId: firstId,
        after: this.#after(events),
      };
    });
  }

  /** Not confirmed, or not any more. */
  get #openRows(): UnitRow[] {
    return this.rows.filter(({ confirmed, isLost }) => confirmed === undefined || isLost);
  }

  async insertPage(page: UnitPage, { ownOnly = false, offered }: InsertPageOptions = {}): Promise<PageOutcome> {
    const confirmed: UnitId[] = [];
    const setAside: UnitId[] = [];
    let addedEvents = 0;
    const isUnoffered = this.rows.some(({ isLost }) => isLost) && offered?.rewinds !== this.#rewinds;
    if (page.from !== this.#marks[0]?.cursor || isUnoffered)
      return { isStored: false, confirmed, setAside, addedEvents };
    for (const unit of page.units) {
      const known = this.rows.find(({ id }) => id === unit.id);
      const isAside = this.asideRows.some(({ id }) => id === unit.id);
      const isHere = unit.events.some(({ originatorId }) => this.versions(originatorId).size > 0);
      if (ownOnly && !isAside && !isHere) continue;
      if (known?.confirmed !== undefined && !known.isLost) throw new DataError(`${unit.id} is there already`);
      if (known?.isOwn === true) confirmed.push(unit.id);
      if (known !== undefined && known.edition === unit.edition && isSame(known.events, unit.events)) {
        known.confirmed = placeOf(unit);
        known.isLost = false;
        continue;
      }
      const inTheWay = this.#openRows.filter(
        ({ id, events }) => id === unit.id || events.some((event) => isInTheWay(event, unit)),
      );
      const gone = this.#leave(
        inTheWay.map(({ id }) => id),
        reasons('CONFLICT'),
        offered?.refused,
      );
      this.asideRows = this.asideRows.filter(({ id }) => id !== unit.id);
      setAside.push(...gone.filter((id) => id !== unit.id));
      for (const { originatorId, originatorVersion } of unit.events) {
        if (this.versions(originatorId).has(originatorVersion)) throw new DataError('a version is taken');
      }
      this.#add(unit, known?.isOwn ?? false, placeOf(unit));
      if (known?.isOwn !== true) addedEvents += unit.events.length;
    }
    this.#marks.unshift({ cursor: page.to, position: page.position });
    return { isStored: true, confirmed, setAside, addedEvents };
  }

  async setAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
  ): Promise<readonly UnitId[]> {
    const byId = new Map(refused.map(({ id, reason }) => [id, reason]));
    return this.#leave([...byId.keys()], (id) => byId.get(id));
  }

  async rewind(cursor: Cursor): Promise<boolean> {
    const at = this.#marks.findIndex((mark) => mark.cursor === cursor);
    if (at <= 0) return at === 0;
    this.#rewinds++;
    this.#marks = this.#marks.slice(at);
    const { position } = this.#marks[0] as { position: number };
    for (const row of this.rows) if ((row.confirmed?.position ?? 0) > position) row.isLost = true;
    return true;
  }

  followAnew(): Promise<boolean> {
    return Promise.reject(new Error('The naive log has no scopes.'));
  }

  async selectLostUnits(after: number, limits: UnitLimits): Promise<readonly LostUnit[]> {
    const lost = this.rows.flatMap((row): LostUnit[] => {
      const { id, edition, events, isCommutative, scopes, confirmed, isLost } = row;
      if (!isLost || confirmed === undefined || confirmed.position <= after) return [];
      return [{ id, ...inEdition(edition), events, isCommutative, scopes, ...confirmed, after: this.#after(events) }];
    });
    return limited(
      lost.sort((a, b) => a.position - b.position),
      limits,
    );
  }

  async endHeal({ rewinds, refused }: EndOfHealing): Promise<boolean> {
    if (rewinds !== this.#rewinds) return false;
    const foreign = this.rows.filter(({ isLost, isOwn }) => isLost && !isOwn);
    for (const row of this.rows) {
      if (!row.isLost || !row.isOwn) continue;
      row.isLost = false;
      row.confirmed = undefined;
    }
    const inTheWay = this.pendingRows.filter(({ events }) =>
      events.some((event) => foreign.some((unit) => isInTheWay(event, unit))),
    );
    this.rows = this.rows.filter((row) => !foreign.includes(row));
    this.#leave(
      inTheWay.map(({ id }) => id),
      reasons('LOST'),
    );
    for (const { id, edition, firstId: firstNotificationId, events, isCommutative, scopes } of foreign) {
      if (!refused.includes(id)) continue;
      const reason = { code: 'LOST', message: '' };
      this.asideRows.push({
        ...{ id, ...inEdition(edition), firstNotificationId, events, isCommutative, scopes },
        ...{ reason, setAsideAtMs: 0, attempts: 0, isRefused: false, isForeign: true },
      });
    }
    return true;
  }

  async selectSetAside(after: NotificationId, limits: UnitLimits): Promise<readonly SetAsideUnit[]> {
    return limited(
      this.asideRows.filter(({ firstNotificationId }) => firstNotificationId > after),
      limits,
    );
  }

  async selectSuperseded(): Promise<Superseded> {
    return { units: [], aggregates: [], hasMore: false };
  }

  async decide(decided: readonly DecidedUnit[]): Promise<boolean> {
    for (const { id, events = [], isCommutative = false } of decided) {
      const aside = this.asideRows.find((row) => row.id === id);
      if (aside === undefined) return false;
      this.asideRows = this.asideRows.filter((row) => row !== aside);
      const after = this.#after(events);
      const edition = derivedEdition({ id, events, after });
      if (events.length > 0) this.#add({ ...aside, events, isCommutative, edition }, true, undefined);
    }
    return true;
  }

  async discardSetAside(ids: readonly UnitId[]): Promise<readonly UnitId[]> {
    const gone = this.asideRows.filter(({ id }) => ids.includes(id));
    this.asideRows = this.asideRows.filter((row) => !gone.includes(row));
    this.#discarded.push(...gone);
    return gone.map(({ id }) => id);
  }

  truncate(): Promise<never> {
    return Promise.reject(new NotSupportedError('Nothing leaves these lists.'));
  }

  selectBase(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]> {
    const isAt = (key: UnitId | NotificationId, { id, events }: Unit, firstId: number): boolean =>
      typeof key === 'string' ? id === key : key >= firstId && key < firstId + events.length;
    return keys.map((key) => {
      const row = this.rows.find((each) => isAt(key, each, each.firstId));
      const aside = this.asideRows.find((each) => isAt(key, each, each.firstNotificationId));
      if (row !== undefined) {
        const state = row.isLost ? 'lost' : row.confirmed === undefined ? 'pending' : 'confirmed';
        return {
          id: row.id,
          firstNotificationId: row.firstId,
          state,
          position: row.confirmed?.position,
          reason: undefined,
        };
      }
      if (aside === undefined) {
        const gone = this.#discarded.find((each) => isAt(key, each, each.firstNotificationId));
        return gone === undefined ? undefined : { ...standingOf(gone), state: 'discarded', reason: undefined };
      }
      return standingOf(aside);
    });
  }

  /** The editions that hold the versions before the first ones. */
  #after(events: readonly StoredEvent[]): (EditionId | undefined)[] {
    return events
      .filter(({ originatorId }, index) => events.findIndex((other) => other.originatorId === originatorId) === index)
      .map(({ originatorId, originatorVersion }) => this.versions(originatorId).get(originatorVersion - 1));
  }

  #add(unit: Unit, isOwn: boolean, confirmed: UnitRow['confirmed']): UnitRow {
    const { id, edition, events, isCommutative, scopes } = unit;
    const row: UnitRow = {
      id,
      ...inEdition(edition),
      events,
      isCommutative,
      scopes,
      isOwn,
      confirmed,
      isLost: false,
      firstId: this.#lastId + 1,
    };
    this.#lastId += events.length;
    this.rows.push(row);
    return row;
  }

  /** Sets pending units aside, and what builds on them. */
  #leave(
    ids: readonly UnitId[],
    reasonOf: (id: UnitId) => SetAsideReason | undefined,
    refused: readonly UnitId[] = [],
  ): UnitId[] {
    const touched = new Set<string>();
    const gone: UnitId[] = [];
    const removed: UnitId[] = [];
    for (const row of this.#openRows) {
      const isBuiltOn = row.events.some(({ originatorId }) => touched.has(originatorId));
      if (!ids.includes(row.id) && !isBuiltOn) continue;
      for (const { originatorId } of row.events) touched.add(originatorId);
      // The server has it, or refuses it.
      if (!row.isOwn && !refused.includes(row.id)) {
        removed.push(row.id);
        continue;
      }
      gone.push(row.id);
      const { id, edition, events, isCommutative, scopes, firstId: firstNotificationId } = row;
      const reason = (ids.includes(id) ? reasonOf(id) : undefined) ?? { code: 'DEPENDENCY', message: '' };
      this.asideRows.push({
        ...{ id, ...inEdition(edition), events, isCommutative, scopes, firstNotificationId },
        ...{ reason, setAsideAtMs: 0, attempts: 0, isRefused: false, isForeign: false },
      });
    }
    this.asideRows.sort((a, b) => a.firstNotificationId - b.firstNotificationId);
    this.rows = this.rows.filter(({ id }) => !gone.includes(id) && !removed.includes(id));
    return gone;
  }
}

function standingOf({ id, firstNotificationId, reason }: SetAsideUnit): UnitStanding {
  return { id, firstNotificationId, state: 'setAside', position: undefined, reason };
}

function inEdition(edition: EditionId | undefined): { edition?: EditionId } {
  return edition === undefined ? {} : { edition };
}

function placeOf({ position, total, origin }: ConfirmedUnit): UnitRow['confirmed'] {
  return { position, total, origin };
}

function reasons(code: string): () => SetAsideReason {
  return () => ({ code, message: '' });
}

function isInTheWay(event: StoredEvent, { events }: Unit): boolean {
  return events.some(
    (other) => other.originatorId === event.originatorId && other.originatorVersion <= event.originatorVersion,
  );
}

function isSame(a: readonly StoredEvent[], b: readonly StoredEvent[]): boolean {
  const key = (events: readonly StoredEvent[]): string =>
    events.map(({ originatorId, originatorVersion }) => `${originatorId} ${originatorVersion}`).join();
  return key(a) === key(b);
}

function limited<U extends Unit>(units: readonly U[], { eventsMax, bytesMax }: UnitLimits): readonly U[] {
  let [events, bytes] = [0, 0];
  const end = units.findIndex((unit, index) => {
    events += unit.events.length;
    bytes += unit.events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0);
    return index > 0 && (events > eventsMax || bytes > bytesMax);
  });
  return end === -1 ? units : units.slice(0, end);
}
