/**
 * What takes part in the transactions of a log: an index that keeps event ids unique, a view, an outbox.
 *
 * A log stores what it is sent, and need not know what an event is. Those who take part do, so where there are some,
 * events are decoded, before a transaction is open.
 *
 * ```text
 * push, heal ──▶ decode ──▶ one transaction: events, rows of the units, participants ──▶ onCommitted ──▶ answer
 *                  │                                                       │
 *                  ▼                                                       ▼
 *   what is before it is decided;                             that unit is refused, by its code: DUPLICATE_EVENT,
 *   it is not, until it can be read                           or that of a ForbiddenError; the others go on
 * ```
 *
 * An event that cannot be read is no reason to refuse its unit for good: it may be this side that does not know such events
 * yet, or lacks the key for them. Who knows that it never will be readable says so by `authorizePush`, which is asked before.
 *
 * @module
 */
import type { InlineParticipant } from '../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { EventLog } from '../../application/log/event-log.js';
import { isEventSourcingError } from '../../domain/errors.js';
import { DuplicateEventError } from '../../persistence/duplicate-event-error.js';
import { storableText } from '../../persistence/storable-text.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { ForbiddenError, InvalidRequestError } from '../../sync/protocol/index.js';
import { callQuietly, quietLog } from '../operator/foreign-code.js';
import type { Log } from '../operator/foreign-code.js';
import { checkFunction, optionRefused } from '../operator/option-checks.js';
import type { PlacedUnit, Refusal } from './decide-units.js';

// What says that the event is to blame, by the codes, because the decoder may come from another copy of the library.
const UNREADABLE_CODES: ReadonlySet<string> = new Set([
  'TOPIC_ERROR',
  'MAPPER_DESERIALISATION_ERROR',
  'VALIDATION_ERROR',
]);
const REFUSING_CODES: ReadonlySet<string> = new Set([DuplicateEventError.code, ForbiddenError.code]);
const REASON_LENGTH_MAX = 500;
// Of PostgreSQL.
const PROGRAM_LIMIT_EXCEEDED = '54000';
const UNSTORABLE: Refusal = {
  code: InvalidRequestError.code,
  message: 'The database cannot store a value of these events.',
};

/** The table of the events does not take a value. */
export class UnstorableError extends InvalidRequestError {}

/** Who takes part in the transactions of a log. */
export interface InlinePushes {
  /**
   * An event index, in-line projections, an outbox: those of the application, over the same recorder. One after the other,
   * in this order.
   */
  readonly participants: readonly InlineParticipant[];
  /** Reads an event that was sent, which has the id of the device yet: `(notification) => app.decode(notification)`. */
  readonly decode: EventLog['decode'];
  /** Told of events that cannot be read, and of participants that throw after the commit. @defaultValue `console.error` */
  readonly log?: Log | undefined;
}

/** What is sent, before it has a place. */
interface SentUnit {
  readonly id: UnitId;
  readonly events: readonly StoredEvent[];
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is not what the option asks for */
export function checkInline(inline: Partial<InlinePushes> | null | undefined): void {
  if (inline === undefined) return;
  const { participants, decode, log } = inline ?? {};
  if (!Array.isArray(participants) || typeof decode !== 'function') {
    throw optionRefused('inline', 'participants, as a list, and decode, a function');
  }
  checkFunction('inline.log', log);
}

/** Events of units, decoded, with the versions and ids that they were sent with. */
export type DecodedUnits = ReadonlyMap<UnitId, readonly NotifiedEvent[]>;

/** What can be read. */
export interface UnitDecoding {
  /** Of the units before the first one that cannot be read. */
  readonly decoded: DecodedUnits;
  readonly unread: { readonly id: UnitId; readonly error: InvalidRequestError } | undefined;
}

/** What of each unit can be read. */
export interface EachDecoding {
  readonly decoded: DecodedUnits;
  readonly unread: ReadonlySet<UnitId>;
}

const NOTHING: UnitDecoding = { decoded: new Map(), unread: undefined };

/** Decodes for those who take part, and tells them of commits. */
export class InlineUnits {
  readonly #inline: InlinePushes | undefined;
  readonly #log: Log;

  constructor(inline: InlinePushes | undefined) {
    this.#inline = inline?.participants.length === 0 ? undefined : inline;
    this.#log = quietLog(inline?.log ?? console.error);
  }

  /** Whether anybody takes part. */
  get decodes(): boolean {
    return this.#inline !== undefined;
  }

  /**
   * Decodes units, without anybody who takes part nothing.
   *
   * @throws what `decode` throws that does not say that the event is to blame
   */
  async decode(units: readonly SentUnit[]): Promise<UnitDecoding> {
    if (this.#inline === undefined) return NOTHING;
    const decoded = new Map<UnitId, readonly NotifiedEvent[]>();
    for (const unit of units) {
      try {
        decoded.set(unit.id, await decodeUnit(unit, this.#inline.decode));
      } catch (error) {
        if (!(error instanceof InvalidRequestError)) throw error;
        // The reason may name what is no stranger's business, keys for example.
        this.#log(`Unit ${unit.id} cannot be read, and waits: ${error.message}`, error.cause);
        return { decoded, unread: { id: unit.id, error } };
      }
    }
    return { decoded, unread: undefined };
  }

  /**
   * Decodes each unit that can be read: one that cannot holds no other up.
   *
   * @throws what `decode` throws that does not say that the event is to blame
   */
  async decodeEach(units: readonly SentUnit[]): Promise<EachDecoding> {
    const decoded = new Map<UnitId, readonly NotifiedEvent[]>();
    const unread = new Set<UnitId>();
    for (let left = units; left.length > 0;) {
      const some = await this.decode(left);
      for (const [id, events] of some.decoded) decoded.set(id, events);
      if (some.unread === undefined) break;
      unread.add(some.unread.id);
      left = left.slice(some.decoded.size + 1);
    }
    return { decoded, unread };
  }

  /** Tells those who take part that these were committed. Their failure is theirs. */
  committed(events: readonly NotifiedEvent[]): void {
    if (events.length === 0) return;
    for (const participant of this.#inline?.participants ?? []) {
      callQuietly(
        () => participant.onCommitted?.(events),
        (error) =>
          this.#log('An in-line participant threw after the commit. The push is recorded all the same.', error),
      );
    }
  }
}

/** Events as they stand in the log. */
export function notifiedEvents(
  placed: readonly PlacedUnit[],
  ids: readonly NotificationId[],
  decoded: DecodedUnits,
): NotifiedEvent[] {
  let at = 0;
  return placed.flatMap(({ id, events }) => {
    const ofUnit = decoded.get(id);
    return events.flatMap(({ originatorVersion }, index) => {
      const event = ofUnit?.[index];
      const notificationId = ids[at++] as NotificationId;
      return event === undefined ? [] : [{ ...event, originatorVersion, notificationId }];
    });
  });
}

/** What an error says of the unit for good; `undefined` where it says nothing of that. */
export function refusalBy(error: unknown): Refusal | undefined {
  if (!isEventSourcingError(error)) return undefined;
  // Of the database's limits, the one that those who take part can meet is a text too long for an index.
  if (error instanceof UnstorableError || error.details['sqlState'] === PROGRAM_LIMIT_EXCEEDED) return UNSTORABLE;
  if (!(error instanceof ForbiddenError) && !REFUSING_CODES.has(error.code)) return undefined;
  const { code, details } = error;
  const message =
    code === DuplicateEventError.code
      ? `An event of the unit has the event id ${String(details['eventId'])}, which another event has already.`
      : error.message;
  return { code, message: storableText(message, REASON_LENGTH_MAX) };
}

async function decodeUnit({ id, events }: SentUnit, decode: InlinePushes['decode']): Promise<readonly NotifiedEvent[]> {
  const decoded: NotifiedEvent[] = [];
  // One after the other: none is unpacked for nothing after one that cannot be read.
  for (const [index, event] of events.entries()) {
    try {
      decoded.push(await decode({ ...event, id: index + 1 }));
    } catch (error) {
      if (!isEventSourcingError(error) || !UNREADABLE_CODES.has(error.code)) throw error;
      throw unreadable(id, event, error);
    }
  }
  return decoded;
}

function unreadable(
  unitId: UnitId,
  { originatorId, originatorVersion, topic }: StoredEvent,
  cause: Error & { readonly code: string },
): InvalidRequestError {
  const reason = cause.code;
  return new InvalidRequestError(
    `The server cannot read an event of unit ${unitId}, ${topic} (${reason}). The unit is kept, and tried again: let the server know such events first.`,
    { cause, details: { reason, unitId, originatorId, originatorVersion, topic } },
  );
}
