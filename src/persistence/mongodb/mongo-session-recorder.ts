/**
 * The process recorder over sessions: the same outside of a transaction and inside of one.
 *
 * @module
 */
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
  insert(events: readonly StoredEvent[], tracking: Tracking | undefined): Promise<readonly NotificationId[]>;
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
    if (events.length === 0 && tracking === undefined) return [];
    return await this.#calls.insert(events, tracking);
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    this.#calls.assertOpen();
    validateSelectEvents(originatorId, options, this.#idType);
    return await this.#calls.read((session) => this.#log.selectEvents(session, originatorId, options));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    this.#calls.assertOpen();
    validateSelectNotifications(options);
    return await this.#calls.read((session) => this.#log.selectNotifications(session, options));
  }

  async maxNotificationId(): Promise<NotificationId> {
    this.#calls.assertOpen();
    return await this.#calls.read((session) => this.#log.maxNotificationId(session));
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    this.#calls.assertOpen();
    validateApplicationName(applicationName);
    return await this.#calls.read((session) => this.#log.maxTrackingId(session, applicationName));
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName));
  }
}
