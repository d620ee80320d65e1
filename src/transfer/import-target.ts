/**
 * A store that events of a file are taken into.
 *
 * ```text
 * those of a group ──▶ those that are not here ──▶ recorded, in one transaction ──▶ read back and compared
 *                           └──another event in the place of one──▶ refused: nothing of the group is recorded
 * ```
 *
 * Invariants:
 * 1. An event that is here stays as it is, and is not recorded again: the same aggregate and version, and the same in it.
 * 2. Events are recorded in the order of the file, at its positions where the engine lets them be chosen and they are above all
 *    that there are; else at the next ones.
 * 3. In a store whose events belong to units, each is of the unit that the file says, or of the one that follows from what it is
 *    (`derived-unit-id.ts`). So whoever else has it sends the same unit, and a server takes it once.
 *
 * @module
 */
import { IntegrityError, InternalError, NotSupportedError } from '../persistence/errors.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { hasUnitLog } from '../persistence/sql/unit-log-beside.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { grouped } from '../util/grouped.js';
import { sqlOf, unitsOf } from './exported-events.js';
import { isSame, plain } from './events-file.js';
import type { EventsFileHeader, FileEvent } from './events-file.js';
import { recordAtPositions } from './record-at-positions.js';
import { assertNotSynchronised, recordUnits } from './record-units.js';
import { ForeignEventError } from './transfer-errors.js';

// Others may record meanwhile; who is overtaken so often gives up.
const ATTEMPTS_MAX = 5;

/** What became of events. */
export interface TakenIn {
  /** Those that were not there. */
  readonly stored: number;
  /** Those of them whose position is another one than in the file. */
  readonly moved: number;
}

/** Takes events in. */
export class ImportTarget {
  /** Whether events that belong to one unit have to be given together. */
  readonly hasUnits: boolean;
  readonly #recorder: ProcessRecorder;
  readonly #hasUnitLog: boolean;
  #mayHaveSome: boolean;

  private constructor(recorder: ProcessRecorder, has: { readonly unitLog: boolean; readonly some: boolean }) {
    this.#recorder = recorder;
    this.hasUnits = unitsOf(recorder) !== undefined;
    this.#hasUnitLog = has.unitLog;
    this.#mayHaveSome = has.some;
  }

  /** @throws NotSupportedError (`NOT_SUPPORTED`) when events of such a file must not come into this store */
  static async open(recorder: ProcessRecorder, header: EventsFileHeader): Promise<ImportTarget> {
    const [units, sql] = [unitsOf(recorder), sqlOf(recorder)];
    if (units !== undefined) await assertNotSynchronised(recorder, units);
    if (units !== undefined && header.isOfLog) {
      throw refusal(
        'log',
        'The events of the file are in the log of a server, which gives them to each device that synchronises',
      );
    }
    const unitLog = units === undefined && sql !== undefined && (await hasUnitLog(sql));
    return new ImportTarget(recorder, { unitLog, some: (await recorder.maxNotificationId()) > 0 });
  }

  /**
   * @throws ForeignEventError (`FOREIGN_EVENT`) when another event has the place of one of them; nothing was stored
   * @throws NotSupportedError (`NOT_SUPPORTED`) when they are a device's, and the store is a server's; nothing was stored
   */
  async take(events: readonly FileEvent[]): Promise<TakenIn> {
    if (this.#hasUnitLog && events.some(({ unit }) => unit !== undefined)) {
      throw refusal(
        'units',
        'The events of the file are a device’s, which sends them to this log itself when it synchronises',
      );
    }
    for (let attempt = 1; ; attempt++) {
      const missing = this.#mayHaveSome ? await this.#missing(events) : events;
      if (missing.length === 0) return { stored: 0, moved: 0 };
      try {
        const ids = await this.#record(missing);
        await this.#assertRecorded(missing, ids);
        return { stored: missing.length, moved: missing.filter(({ id }, index) => ids[index] !== id).length };
      } catch (error) {
        if (!(error instanceof IntegrityError) || attempt === ATTEMPTS_MAX) throw error;
        // Somebody was faster: perhaps with the same event.
        this.#mayHaveSome = true;
      }
    }
  }

  async #record(events: readonly FileEvent[]): Promise<readonly NotificationId[]> {
    const units = unitsOf(this.#recorder);
    if (units !== undefined) {
      await assertNotSynchronised(this.#recorder, units);
      return await recordUnits(this.#recorder, events);
    }
    const sql: SqlRecorder | undefined = sqlOf(this.#recorder);
    if (sql?.dialect.nextPositionSql !== undefined) return await recordAtPositions(sql, events);
    return await this.#recorder.insertEvents(events.map(plain));
  }

  async #missing(events: readonly FileEvent[]): Promise<readonly FileEvent[]> {
    if (await this.#areAllThere(events)) return [];
    const isHere = new Set<FileEvent>();
    for (const [originatorId, some] of grouped(events, (event) => event.originatorId)) {
      const { least, most } = rangeOf(some.map(({ originatorVersion }) => originatorVersion));
      const here = await this.#recorder.selectEvents(originatorId, { gt: least - 1, lte: most });
      const byVersion = new Map(here.map((event) => [event.originatorVersion, event]));
      for (const event of some) {
        const found = byVersion.get(event.originatorVersion);
        if (found === undefined) continue;
        if (!isSame(found, event)) throw foreign(event);
        isHere.add(event);
      }
    }
    return events.filter((event) => !isHere.has(event));
  }

  /** At the positions of the file: what was imported before, most likely. */
  async #areAllThere(events: readonly FileEvent[]): Promise<boolean> {
    const [first, last] = [events[0] as FileEvent, events.at(-1) as FileEvent];
    if (this.hasUnits) return false;
    const range = { start: first.id, stop: last.id, limit: events.length + 1 };
    const there = await this.#recorder.selectNotifications(range);
    const isEach = (event: FileEvent, index: number): boolean => {
      const found = there[index];
      return found?.id === event.id && isSame(found, event);
    };
    return there.length === events.length && events.every(isEach);
  }

  async #assertRecorded(events: readonly FileEvent[], ids: readonly NotificationId[]): Promise<void> {
    const { least: start, most: stop } = rangeOf(ids);
    const found = await this.#recorder.selectNotifications({ start, stop, limit: stop - start + 1 });
    const byId = new Map(found.map((notification) => [notification.id, notification]));
    const lost = events.find((event, index) => {
      const there = byId.get(ids[index] as NotificationId);
      return there === undefined || !isSame(there, event);
    });
    if (lost === undefined) return;
    const { originatorId, originatorVersion } = lost;
    throw new InternalError(
      `Version ${originatorVersion} of ${originatorId} was recorded, and is read back as something else. Look whether something changes rows.`,
      { details: { originatorId, originatorVersion } },
    );
  }
}

function rangeOf(numbers: readonly number[]): { readonly least: number; readonly most: number } {
  let [least, most] = [Infinity, -Infinity];
  for (const number of numbers) [least, most] = [Math.min(least, number), Math.max(most, number)];
  return { least, most };
}

function foreign({ originatorId, originatorVersion, id }: FileEvent): ForeignEventError {
  return new ForeignEventError(
    `The store has another event as version ${originatorVersion} of ${originatorId} than the file. Nothing between the two checkpoints around it was stored. Look which of the two is right; to have both, import into a store of its own.`,
    { details: { originatorId, originatorVersion, position: id } },
  );
}

function refusal(reason: string, what: string): NotSupportedError {
  return new NotSupportedError(`${what}: they would come twice, or be in the way of one another. Nothing was stored.`, {
    details: { reason },
  });
}
