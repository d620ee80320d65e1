/**
 * Personal fields of events that are kept beside the log, in an outbox: sealed there as in the log, by the same keys, so that
 * who is forgotten cannot be read there either.
 *
 * @module
 */
import type { EventData } from '../../domain/event-versions.js';
import type { AnyPersonalFields } from '../../domain/personal-data.js';
import { defaultTranscoder } from '../../persistence/mapping/default-transcoder.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { kindOf } from '../aggregates/aggregate-kind.js';
import type { AggregateDefinition } from '../aggregates/aggregate-kind.js';
import type { EventSeal } from '../events/data-sealer.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { KeysAtHand } from './keys-at-hand.js';
import { PersonalSealer } from './personal-sealer.js';
import type { SubjectKeys } from './subject-keys.js';
import { validateList } from '../../persistence/validation.js';

/** Options of {@link personalSeal}. */
export interface PersonalSealOptions {
  /** Those of the application. */
  readonly subjectKeys: SubjectKeys;
  /** Those that say which of their fields are personal, and about whom. */
  readonly aggregates: readonly AggregateDefinition[];
  /** As the application's. @defaultValue a `JSONTranscoder` that knows UUIDs, dates and decimals */
  readonly transcoder?: Transcoder | undefined;
  /** @defaultValue the platform's */
  readonly clock?: Clock | undefined;
}

/**
 * Seals what is personal in an outbox. What goes out is as it was recorded; of who was forgotten before, as it was declared.
 *
 * @example
 * ```ts
 * const seal = personalSeal({ subjectKeys, aggregates: [customer] });
 * const outbox = new SqlOutbox({ recorder, seal });
 * const app = new Application({ recorder, aggregates: [customer], subjectKeys, inline: [outbox] });
 * ```
 */
export function personalSeal(options: PersonalSealOptions): EventSeal {
  const { subjectKeys, aggregates, transcoder = defaultTranscoder(), clock = systemClock } = options;
  const sealer = new PersonalSealer(new KeysAtHand(subjectKeys, clock), transcoder);
  validateList('aggregates', aggregates);
  const kinds = new Map(aggregates.map((definition) => [kindOf(definition).name, kindOf(definition).events]));
  const fieldsOf = ({ aggregateType, type }: NotifiedEvent): AnyPersonalFields | undefined => {
    const events = kinds.get(aggregateType);
    return events !== undefined && Object.hasOwn(events, type) ? events[type]?.personal : undefined;
  };
  const placeOf = ({ originatorId, aggregateType, type }: NotifiedEvent): { originatorId: string; topic: string } => ({
    originatorId,
    topic: `outbox ${aggregateType}:${type}`,
  });
  return {
    async seal(event: NotifiedEvent): Promise<NotifiedEvent> {
      const data = await sealer.seal(fieldsOf(event), event.data as EventData, placeOf(event), 'replace');
      return { ...event, data };
    },
    async unseal(event: NotifiedEvent): Promise<NotifiedEvent> {
      return { ...event, data: await sealer.unseal(fieldsOf(event), event.data as EventData, placeOf(event)) };
    },
  };
}
