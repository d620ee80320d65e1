/**
 * The application's events in sections, as the Python library presents them to others.
 *
 * ```text
 * section "1,10"   at most 10 notifications from id 1 on
 *   id             "1,7": the first and the last id of what is there; undefined when there is nothing
 *   items          the notifications
 *   nextId         "11,20" when the section is full; undefined at the end of the log
 * ```
 *
 * Ids may have gaps, so a section goes by count from its first id, and the next one begins after the last id there is.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { ApplicationRecorder, SelectNotificationsOptions } from '../../persistence/recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import { shortened, validateCount, validateInteger } from '../../persistence/validation.js';

/** Notifications in a section, at most, unless told otherwise: as in the Python library. */
export const SECTION_SIZE_DEFAULT = 10;

/** A part of a log. */
export interface Section {
  /** `"<first>,<last>"` of what is there; `undefined` when nothing is. */
  readonly id: string | undefined;
  readonly items: readonly Notification[];
  /** The id to ask for next; `undefined` when there was nothing more. */
  readonly nextId: string | undefined;
}

/** A log that can be read in sections: of an application here, or of a remote one. */
export interface SectionedLog {
  /** Notifications in a section, at most. */
  readonly sectionSize: number;
  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the id is not `"<first>,<last>"` */
  section(id: string): Promise<Section>;
  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the limit is larger than a section */
  select(options: SelectNotificationsOptions): Promise<readonly Notification[]>;
}

/** Options of {@link NotificationLog}. */
export interface NotificationLogOptions {
  /** Notifications in a section, at most. @defaultValue 10 */
  readonly sectionSize?: number;
}

/**
 * The log of an application recorder.
 *
 * @example
 * ```ts
 * const { items, nextId } = await app.log.section('1,10');
 * ```
 */
export class NotificationLog implements SectionedLog {
  readonly #recorder: Pick<ApplicationRecorder, 'selectNotifications'>;
  readonly sectionSize: number;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the size is not a positive integer */
  constructor(
    recorder: Pick<ApplicationRecorder, 'selectNotifications'>,
    { sectionSize = SECTION_SIZE_DEFAULT }: NotificationLogOptions = {},
  ) {
    validateCount('sectionSize', sectionSize);
    this.#recorder = recorder;
    this.sectionSize = sectionSize;
  }

  async section(id: string): Promise<Section> {
    const { first, last } = parseSectionId(id);
    const limit = Math.min(Math.max(0, last - first + 1), this.sectionSize);
    const items = await this.#recorder.selectNotifications({ start: first, limit });
    const [from, to] = [items.at(0)?.id, items.at(-1)?.id];
    if (from === undefined || to === undefined) return { id: undefined, items, nextId: undefined };
    const nextId = items.length === limit ? formatSectionId(to + 1, to + limit) : undefined;
    return { id: formatSectionId(from, to), items, nextId };
  }

  async select(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    if (options.limit > this.sectionSize) {
      throw new ProgrammingError(`Requested limit ${options.limit} greater than section size ${this.sectionSize}.`);
    }
    return await this.#recorder.selectNotifications(options);
  }
}

/** Where to begin and to end. */
export interface ReadLogOptions {
  /** The first id (inclusive). */
  readonly start: NotificationId;
}

/** What {@link NotificationLogReader.select} selects. */
export interface SelectLogOptions extends ReadLogOptions {
  /** The last id (inclusive). @defaultValue no bound */
  readonly stop?: NotificationId;
  /** Only these topics; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[];
}

/** Reads a log to its end, section by section, as it is asked for. */
export class NotificationLogReader {
  readonly #log: SectionedLog;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(log: SectionedLog) {
    this.#log = log;
  }

  /** The notifications from an id on, up to the end of the log as it is then. Follows the sections' `nextId`. */
  async *read({ start }: ReadLogOptions): AsyncGenerator<Notification, void, undefined> {
    validateInteger('start', start, Number.MIN_SAFE_INTEGER);
    let id: string | undefined = formatSectionId(start, start + this.#log.sectionSize - 1);
    while (id !== undefined) {
      const section: Section = await this.#log.section(id);
      yield* section.items;
      id = section.nextId;
    }
  }

  /** The same in pages, of certain topics if so wished: each begins after the last id of the one before. */
  async *select({ start, ...selection }: SelectLogOptions): AsyncGenerator<readonly Notification[], void, undefined> {
    for (let next = start; ;) {
      const page = await this.#log.select({ ...selection, start: next, limit: this.#log.sectionSize });
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      next = last.id + 1;
    }
  }
}

function formatSectionId(first: NotificationId, last: NotificationId): string {
  return `${first},${last}`;
}

function parseSectionId(id: string): { readonly first: NotificationId; readonly last: NotificationId } {
  const match = /^(\d{1,16}),(\d{1,16})$/.exec(id);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (Number.isSafeInteger(first) && Number.isSafeInteger(last)) return { first, last };
  throw new ProgrammingError(`A section's id is "<first>,<last>", but is ${JSON.stringify(shortened(id))}.`);
}
