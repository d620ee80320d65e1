/**
 * Saves what was decided: all of it in one transaction, or nothing.
 *
 * ```text
 * changes ──▶ validate data ──▶ ids, times, versions ──▶ encode ──▶ one transaction: insert, in-line participants
 *         ──▶ end of the transaction that the recorder is in, if it is in one ──▶ onCommitted ──▶ snapshots
 * ```
 *
 * What an aggregate is expected to be is checked by the insert itself, inside the write transaction, without a lock: the
 * events go to the positions after the version that was decided on. History only grows, so that version is still there;
 * and when somebody else was faster, the next position is taken.
 *
 * @module
 */
import { throwIfAborted } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { CommandMetadata, RecordedEvent } from '../../domain/event-metadata.js';
import type { Message } from '../../domain/message-types.js';
import { validated } from '../../domain/standard-schema.js';
import { IntegrityError, ProgrammingError } from '../../persistence/errors.js';
import type { TransactionOutcome } from '../../persistence/recorder-transaction.js';
import type { DecidedOn } from '../../persistence/past.js';
import type { InsertEventsOptions, ProcessRecorder } from '../../persistence/recorder.js';
import { validateDate, validateList, validateObject } from '../../persistence/validation.js';
import type { NotificationId, StoredEvent, Tracking } from '../../persistence/stored-event.js';
import type { UnitOptions } from '../../persistence/unit.js';
import { callListener } from '../../util/listeners.js';
import type { Clock } from '../../util/clock.js';
import { withoutUndefined } from '../../util/without-undefined.js';
import type { AggregateKind } from '../aggregates/aggregate-kind.js';
import { ConcurrencyError } from '../aggregates/application-errors.js';
import type { ConflictReader } from './conflict-reader.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { EventRegistry } from '../events/event-registry.js';
import { validateAttributes } from '../events/metadata-attributes.js';
import { outlivesConflict } from '../aggregates/expected-version.js';
import type { ExpectedVersion } from '../aggregates/expected-version.js';
import { insertInLine, tellEnd } from '../events/inline-participant.js';
import type { InlineParticipant } from '../events/inline-participant.js';
import type { NotifiedEvent } from '../events/notified-event.js';

/** What is known of a save beside its events. */
export interface SaveOptions extends CallOptions {
  /** Who and why. */
  readonly metadata?: CommandMetadata | undefined;
  /** When it happened. @defaultValue now, by the application's clock */
  readonly occurredAt?: Date | undefined;
  /** What was processed, recorded in the same transaction. */
  readonly tracking?: Tracking | undefined;
  /**
   * What the save is as a unit, on a recorder whose `supports.units` says that there are units; elsewhere it is refused.
   * What it says of {@link UnitOptions.isCommutative} stands above what the events are declared.
   *
   * @defaultValue in no named scope, with a random id; commutative, where all its events are declared so
   *
   * @example
   * ```ts
   * await app.execute(order, orderId, placeOrder, { unit: { id: orderUnitId, scopes: ['warehouse-3'] } });
   * ```
   */
  readonly unit?: UnitOptions | undefined;
}

/** Events of one aggregate that are to be recorded. */
export interface AggregateChange {
  readonly kind: AggregateKind;
  readonly id: string;
  /** The version that they follow. */
  readonly version: number;
  /** What this version stands in, where that may change: see `DecidedOn`. */
  readonly edition?: DecidedOn['edition'] | undefined;
  /** What the one who writes said to expect; for the error. */
  readonly expected: ExpectedVersion;
  readonly messages: readonly Message[];
}

/** What an {@link EventSaver} is made of. */
export interface EventSaverOptions {
  /** That it has transactions, where a participant needs them, was checked when the application was made. */
  readonly recorder: ProcessRecorder;
  readonly registry: EventRegistry;
  readonly mapper: EventEnvelopeMapper;
  readonly conflicts: ConflictReader;
  readonly inline: readonly InlineParticipant[];
  readonly clock: Clock;
  readonly newEventId: () => string;
}

/** Records changes of aggregates. */
export class EventSaver {
  readonly #options: EventSaverOptions;

  constructor(options: EventSaverOptions) {
    this.#options = options;
  }

  /**
   * The messages as their schemas make them.
   *
   * @throws ValidationError (`VALIDATION_ERROR`) when the data of an event is not what its schema says
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the aggregate has no such event
   */
  async validated(kind: AggregateKind, messages: readonly Message[]): Promise<readonly Message[]> {
    validateList('events', messages);
    for (const message of messages) validateObject('event', message);
    return await Promise.all(messages.map(({ type, data }) => this.#validated(kind, type, data)));
  }

  /**
   * @param changes - of different aggregates; their messages are validated
   * @returns the events, in the order of the changes
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there are options or metadata that are not kept, or a date is none
   * @throws ConcurrencyError (`CONCURRENCY_ERROR`) when an aggregate has other events at these positions
   * @throws IntegrityError (`INTEGRITY_ERROR`) when the tracking record was processed before, or the unit's id is taken
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a unit is given to a recorder that has none
   * @throws what an in-line participant throws
   */
  async save(changes: readonly AggregateChange[], options: SaveOptions = {}): Promise<readonly NotifiedEvent[]> {
    validateOptions(options);
    throwIfAborted(options.signal);
    validateMetadata(options.metadata);
    validateDate('occurredAt', options.occurredAt);
    const events = this.#recordedEvents(changes, options);
    const { tracking, signal } = options;
    if (events.length === 0 && tracking === undefined) return [];
    // Encoded before a transaction is open: nothing but the database is waited for inside.
    const unit = this.#unitOf(changes, options.unit);
    const { mapper } = this.#options;
    const storing = { mayMove: unit?.isCommutative === true };
    const storedEvents = await Promise.all(events.map((event) => mapper.toStoredEvent(event, storing)));
    const decidedOn = decidedOnOf(changes);
    const insertion = {
      ...(signal === undefined ? {} : { signal }),
      ...(tracking === undefined ? {} : { tracking }),
      ...(unit === undefined ? {} : { unit }),
      ...(decidedOn.length === 0 ? {} : { decidedOn }),
    };
    const ids = await this.#insert(events, storedEvents, insertion).catch(async (error: unknown) => {
      throw (await this.#conflict(changes, error)) ?? error;
    });
    return withIds(events, ids);
  }

  /** Tells those who take part of what was saved, at the end of the transaction that it was saved in. */
  tell(events: readonly NotifiedEvent[], outcome: TransactionOutcome): void {
    for (const participant of this.#options.inline) {
      callListener(() => tellEnd(participant, events, outcome));
    }
  }

  async #validated(kind: AggregateKind, type: string, data: object): Promise<Message> {
    const { schema, topic } = this.#options.registry.byType(kind.name, type);
    return { type, data: schema === undefined ? data : await validated(schema, data, `the data of ${topic}`) };
  }

  #recordedEvents(
    changes: readonly AggregateChange[],
    { metadata, occurredAt }: SaveOptions,
  ): readonly RecordedEvent[] {
    const { clock, newEventId } = this.#options;
    const recordedAt = new Date(clock.nowMs());
    let { correlationId } = metadata ?? {};
    return changes.flatMap(({ kind, id, version, messages }) =>
      messages.map(({ type, data }, index) => {
        const eventId = newEventId();
        correlationId ??= eventId;
        return {
          type,
          data,
          aggregateType: kind.name,
          originatorId: id,
          originatorVersion: version + 1 + index,
          metadata: {
            ...withoutUndefined(metadata ?? {}),
            eventId,
            correlationId,
            occurredAt: occurredAt ?? recordedAt,
            recordedAt,
            schemaVersion: this.#options.registry.byType(kind.name, type).versions.version,
          },
        };
      }),
    );
  }

  async #insert(
    events: readonly RecordedEvent[],
    storedEvents: readonly StoredEvent[],
    options: InsertEventsOptions,
  ): Promise<readonly NotificationId[]> {
    const { recorder, inline } = this.#options;
    return await insertInLine(recorder, inline, {
      storedEvents,
      options,
      notified: (ids) => withIds(events, ids),
    });
  }

  /** What is declared of the events, unless the caller has said it. */
  #unitOf(changes: readonly AggregateChange[], unit: UnitOptions | undefined): UnitOptions | undefined {
    const { recorder, registry } = this.#options;
    if (recorder.supports?.units !== true || unit?.isCommutative !== undefined) return unit;
    // Whoever expects a version has decided on it, whatever the events are.
    const areCommutative = changes.every(
      ({ kind, expected, messages }) =>
        messages.length === 0 ||
        (outlivesConflict(expected) && messages.every(({ type }) => registry.byType(kind.name, type).isCommutative)),
    );
    return areCommutative && changes.some(({ messages }) => messages.length > 0)
      ? { ...unit, isCommutative: true }
      : unit;
  }

  /** What a taken position, or another past, means; `undefined` when it is no conflict about these changes. */
  async #conflict(changes: readonly AggregateChange[], cause: unknown): Promise<ConcurrencyError | undefined> {
    if (!(cause instanceof IntegrityError)) return undefined;
    const { constraint, originatorId } = cause.details;
    if (constraint !== 'event' && constraint !== 'past') return undefined;
    for (const change of changes) {
      const { id, version, messages } = change;
      if (messages.length === 0) continue;
      const actual = await this.#options.conflicts.versionOf(id);
      if (actual <= version) continue;
      const conflictingEvents = await this.#options.conflicts.eventsAfter(id, version);
      return concurrencyError(change, actual, conflictingEvents, cause);
    }
    const rewritten = constraint === 'past' ? changes.find(({ id }) => id === originatorId) : undefined;
    return rewritten && anotherPastError(rewritten, await this.#options.conflicts.versionOf(rewritten.id), cause);
  }
}

const OPTIONS: readonly string[] = [
  'metadata',
  'occurredAt',
  'tracking',
  'unit',
  'signal',
] satisfies (keyof SaveOptions)[];

/** An expectation under another name, for example, would not be looked at. */
function validateOptions(options: SaveOptions): void {
  const option = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (option === undefined) return;
  throw new ProgrammingError(
    `There is no option ${option} here: what is known of a save are ${OPTIONS.join(', ')}; of a command also expected and retry. Nothing was stored.`,
    { details: { option } },
  );
}

const METADATA: readonly string[] = [
  'actorId',
  'correlationId',
  'causationId',
  'tenantId',
] satisfies (keyof CommandMetadata)[];

/** What is not kept is refused: it would be missing when somebody looks for it. */
function validateMetadata(metadata: CommandMetadata = {}): void {
  const { attributes, ...texts } = metadata;
  if (attributes !== undefined) validateAttributes(attributes);
  for (const [key, value] of Object.entries(texts)) {
    if (METADATA.includes(key) && (value === undefined || typeof value === 'string')) continue;
    throw new ProgrammingError(
      `The metadata of a command are the texts ${METADATA.join(', ')}, and ${key} is not one of them: put it into attributes, or into the data. Nothing was stored.`,
      { details: { key } },
    );
  }
}

function withIds(events: readonly RecordedEvent[], ids: readonly NotificationId[]): readonly NotifiedEvent[] {
  return events.map((event, index) => ({ ...event, notificationId: ids[index] as NotificationId }));
}

/** The last events that were decided on, where they may have come to stand on something else. */
function decidedOnOf(changes: readonly AggregateChange[]): readonly DecidedOn[] {
  return changes.flatMap(({ id, version, edition, messages }) =>
    edition === undefined || messages.length === 0 ? [] : [{ originatorId: id, version, edition }],
  );
}

/** The error of an aggregate whose events are not those that were decided on, however many there are. */
function anotherPastError({ kind, id, version }: AggregateChange, actual: number, cause: unknown): ConcurrencyError {
  return new ConcurrencyError(
    `The ${kind.name} ${id} is not what it was at version ${version}: what others have recorded has taken the place of some of its events. Nothing was stored: load it again.`,
    { cause, details: { aggregateType: kind.name, aggregateId: id, expected: version, actual } },
  );
}

/** The error of an aggregate that is not as it was expected to be. */
export function concurrencyError(
  { kind, id, version, expected }: Pick<AggregateChange, 'kind' | 'id' | 'version' | 'expected'>,
  actual: number,
  conflictingEvents: readonly RecordedEvent[],
  cause?: unknown,
): ConcurrencyError {
  const wanted = expected === 'any' ? version : expected;
  return new ConcurrencyError(
    `The ${kind.name} ${id} is at version ${actual}, and was expected to be at ${wanted}. Nothing was stored.`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: { aggregateType: kind.name, aggregateId: id, expected: wanted, actual },
      conflictingEvents,
    },
  );
}
