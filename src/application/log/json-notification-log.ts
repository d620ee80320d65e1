/**
 * A notification log as JSON, for applications elsewhere: the view, and the log that reads it.
 *
 * ```text
 * section       { "id", "next_id", "items" }, the ids null where there is none
 * notification  { "id", "originator_id": 32 hexadecimal digits, "originator_version", "topic", "state": base64 }
 * ```
 *
 * It is the form of the Python library, so either side may be one. How it travels, and who may read it, is for the
 * application to say.
 *
 * @module
 */
import { UUID } from '../../domain/uuid.js';
import { DataError } from '../../persistence/errors.js';
import type { SelectNotificationsOptions } from '../../persistence/recorder.js';
import type { Notification } from '../../persistence/stored-event.js';
import { fromBase64, toBase64 } from '../../util/base64.js';
import { isCanonicalUuid } from '../../util/uuid-bytes.js';
import type { Section, SectionedLog } from './notification-log.js';
import { SECTION_SIZE_DEFAULT } from './notification-log.js';
import { validateCount } from '../../persistence/validation.js';

/** What a log says to others. */
export interface JSONNotificationLog {
  /** A section, as JSON. */
  getLogSection(sectionId: string): Promise<string>;
  /** A list of notifications, as JSON. */
  getNotifications(options: SelectNotificationsOptions): Promise<string>;
}

/**
 * Shows a log as JSON.
 *
 * @example
 * ```ts
 * const view = new JSONNotificationLogView(app.log);
 * server.get('/log/:section', async (c) => c.body(await view.getLogSection(c.req.param('section'))));
 * ```
 */
export class JSONNotificationLogView implements JSONNotificationLog {
  readonly #log: SectionedLog;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(log: SectionedLog) {
    this.#log = log;
  }

  async getLogSection(sectionId: string): Promise<string> {
    const { id, items, nextId } = await this.#log.section(sectionId);
    return JSON.stringify({ id: id ?? null, next_id: nextId ?? null, items: items.map(toJson) });
  }

  async getNotifications(options: SelectNotificationsOptions): Promise<string> {
    return JSON.stringify((await this.#log.select(options)).map(toJson));
  }
}

/** Options of {@link RemoteNotificationLog}. */
export interface RemoteNotificationLogOptions {
  /** Notifications in a section of the log at the other end. @defaultValue 10 */
  readonly sectionSize?: number;
}

/** A log elsewhere, read by way of JSON. */
export class RemoteNotificationLog implements SectionedLog {
  readonly #remote: JSONNotificationLog;
  readonly sectionSize: number;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @param remote - asks the other end, by HTTP for example */
  constructor(remote: JSONNotificationLog, { sectionSize = SECTION_SIZE_DEFAULT }: RemoteNotificationLogOptions = {}) {
    validateCount('sectionSize', sectionSize);
    this.#remote = remote;
    this.sectionSize = sectionSize;
  }

  /** @throws DataError (`DATA_ERROR`) when the answer is no section */
  async section(id: string): Promise<Section> {
    const answer = parse(await this.#remote.getLogSection(id));
    if (!isObject(answer)) throw notALog('a section');
    const { id: sectionId, next_id: nextId, items } = answer;
    return { id: textOrNone(sectionId), items: notifications(items), nextId: textOrNone(nextId) };
  }

  /** @throws DataError (`DATA_ERROR`) when the answer is no list of notifications */
  async select(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    const items = notifications(parse(await this.#remote.getNotifications(options)));
    // The Python library's server does not know of it.
    return options.stop === undefined ? items : items.filter(({ id }) => id <= (options.stop as number));
  }
}

function toJson({ id, originatorId, originatorVersion, topic, state }: Notification): object {
  return {
    id,
    originator_id: isCanonicalUuid(originatorId) ? originatorId.replaceAll('-', '') : originatorId,
    originator_version: originatorVersion,
    topic,
    state: toBase64(state),
  };
}

function notifications(items: unknown): readonly Notification[] {
  if (!Array.isArray(items)) throw notALog('a list of notifications');
  return items.map(toNotification);
}

function toNotification(item: unknown): Notification {
  if (!isObject(item)) throw notALog('a notification');
  const { id, originator_id: originatorId, originator_version: originatorVersion, topic, state } = item;
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(originatorVersion)) throw notALog('a notification');
  if (typeof originatorId !== 'string' || typeof topic !== 'string' || typeof state !== 'string') {
    throw notALog('a notification');
  }
  return {
    id: id as number,
    originatorId: /^[0-9a-f]{32}$/.test(originatorId) ? UUID.parse(originatorId).toString() : originatorId,
    originatorVersion: originatorVersion as number,
    topic,
    state: bytes(state),
  };
}

function bytes(state: string): Uint8Array {
  try {
    return fromBase64(state);
  } catch (cause) {
    throw notALog('a notification', cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notALog('JSON', cause);
  }
}

function textOrNone(value: unknown): string | undefined {
  if (value === null || typeof value === 'string') return value ?? undefined;
  throw notALog('a section');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notALog(what: string, cause?: unknown): DataError {
  return new DataError(`The remote log answered with what is not ${what}.`, cause === undefined ? {} : { cause });
}
