/**
 * Units that were set aside, as people read them.
 *
 * @module
 */
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import type { SetAsideReason, SetAsideUnit } from '../../persistence/unit-recorder.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { CommandCodec, KeptCommand } from './kept-commands.js';

/** An event of a unit that was set aside. */
export interface SetAsideEvent {
  /** As it is stored. */
  readonly stored: StoredEvent;
  /** `undefined` where this version of the application cannot read it. */
  readonly event: RecordedEvent | undefined;
}

/** A unit that was set aside, to be read by people. */
export interface SetAsideEntry {
  readonly id: UnitId;
  /** Where it stands among those that are set aside: what the next page begins after. */
  readonly place: NotificationId;
  /** In the order in which they were recorded. */
  readonly events: readonly [SetAsideEvent, ...SetAsideEvent[]];
  /** Those that it has events of; the type is `undefined` where none of them can be read. */
  readonly aggregates: readonly { readonly aggregateType: string | undefined; readonly aggregateId: string }[];
  /** What was asked for; `undefined` where that was not kept, or cannot be read. */
  readonly commands: readonly KeptCommand[] | undefined;
  readonly reason: SetAsideReason;
  readonly setAsideAt: Date;
  /** How often it was decided again. */
  readonly attempts: number;
  /** Whether a server keeps that it has refused it: tried again, it has another id. */
  readonly isRefused: boolean;
  /** Whether others have recorded it, and the server has lost it: it can be exported and given up, and not tried again. */
  readonly isForeign: boolean;
  readonly scopes: readonly string[];
}

/** What reads them. */
export interface SetAsideReading {
  readonly mapper: EventEnvelopeMapper;
  readonly codec: CommandCodec;
}

/** Reads a unit. What cannot be read is there all the same. */
export async function toSetAsideEntry(unit: SetAsideUnit, { mapper, codec }: SetAsideReading): Promise<SetAsideEntry> {
  const { id, firstNotificationId: place, reason, setAsideAtMs, attempts, isRefused, isForeign, scopes } = unit;
  const events = await Promise.all(unit.events.map((stored) => toSetAsideEvent(stored, mapper)));
  const ids = [...new Set(unit.events.map(({ originatorId }) => originatorId))];
  const aggregates = ids.map((aggregateId) => {
    const read = events.find(({ stored, event }) => stored.originatorId === aggregateId && event !== undefined);
    return { aggregateType: read?.event?.aggregateType, aggregateId };
  });
  return {
    ...{ id, place, aggregates, reason, attempts, isRefused, isForeign, scopes },
    events: events as unknown as SetAsideEntry['events'],
    commands: await commandsOf(unit, codec),
    setAsideAt: new Date(setAsideAtMs),
  };
}

async function toSetAsideEvent(stored: StoredEvent, mapper: EventEnvelopeMapper): Promise<SetAsideEvent> {
  const event = await mapper.toDomainEvent(stored).catch(() => undefined);
  return { stored, event };
}

async function commandsOf({ command }: SetAsideUnit, codec: CommandCodec): Promise<SetAsideEntry['commands']> {
  if (command === undefined) return undefined;
  return await codec.decode(command).then(
    ({ commands }) => commands,
    () => undefined,
  );
}
