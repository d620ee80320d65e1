/**
 * The process recorder over sessions: the same outside of a transaction and inside of one.
 *
 * @module
 */
import { heeding, throwIfAborted } from '../heed-signal.js';
import type { Begin, CallOptions } from '../heed-signal.js';
import type {
  InsertEventsOptions,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import {
  refuseUnit,
  validateApplicationName,
  validateEvents,
  validateInteger,
  validateSelectEvents,
  validateSelectNotifications,
  validateTracking,
} from '../validation.js';
import type { OriginatorIdType } from '../validation.js';
import { validateDocumentSizes } from './mongo-documents.js';
import type { MongoSession } from './mongo-driver.js';
import type { MongoLog } from './mongo-log.js';

/** Where calls are made: each in a session of its own, or all in that of a transaction. Errors that it throws are Daybook's. */
export interface MongoCalls {
  assertOpen(): void;
  read<T>(work: (session: MongoSession) => Promise<T>): Promise<T>;
  /** @param begin - called before anything is written */
  insert(
    events: readonly StoredEvent[],
    tracking: Tracking | undefined,
    begin: Begin,
  ): Promise<readonly NotificationId[]>;
}

/** Implements `ProcessRecorder` by calls. */
export class MongoSessionRecorder implements ProcessRecorder {
  readonly #calls: MongoCalls;
  readonly #log: MongoLog;
  readonly #idType: OriginatorIdType;

  constructor(calls: MongoCalls, log: MongoLog, idType: OriginatorIdType) {
    this.#calls = calls;
    this.#log = log;
    this.#idType = idType;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    this.#calls.assertOpen();
    validateEvents(events, this.#idType);
    validateDocumentSizes(events.map(({ state, topic }) => ({ state, what: topic })));
    refuseUnit(options);
    const { tracking } = options;
    if (tracking !== undefined) validateTracking(tracking);
    throwIfAborted(options.signal);
    if (events.length === 0 && tracking === undefined) return [];
    return await heeding(options.signal, (begin) => this.#calls.insert(events, tracking, begin));
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    this.#calls.assertOpen();
    validateSelectEvents(originatorId, options, this.#idType);
    return await this.#read(options, (session) => this.#log.selectEvents(session, originatorId, options));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    this.#calls.assertOpen();
    validateSelectNotifications(options);
    return await this.#read(options, (session) => this.#log.selectNotifications(session, options));
  }

  async maxNotificationId(options: CallOptions = {}): Promise<NotificationId> {
    this.#calls.assertOpen();
    return await this.#read(options, (session) => this.#log.maxNotificationId(session));
  }

  async maxTrackingId(applicationName: string, options: CallOptions = {}): Promise<NotificationId> {
    this.#calls.assertOpen();
    validateApplicationName(applicationName);
    return await this.#read(options, (session) => this.#log.maxTrackingId(session, applicationName));
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    validateInteger('notificationId', notificationId, 1);
    return notificationId <= (await this.maxTrackingId(applicationName, options));
  }

  async #read<T>({ signal }: CallOptions, work: (session: MongoSession) => Promise<T>): Promise<T> {
    return await heeding(signal, () => this.#calls.read(work));
  }
}
