/**
 * What an {@link EventEnvelopeMapper} asks before it writes data and after it has read some, where parts of it are for some
 * eyes only.
 *
 * @module
 */
import type { EventData } from '../../domain/event-versions.js';
import type { AnyPersonalFields } from '../../domain/personal-data.js';
import type { NotifiedEvent } from './notified-event.js';

/** Where data belongs. */
export interface SealedPlace {
  readonly originatorId: string;
  readonly topic: string;
}

/** Makes personal fields unreadable, and readable again. */
export interface DataSealer {
  /** @returns the data with each of the fields as a text */
  seal(fields: AnyPersonalFields | undefined, data: EventData, place: SealedPlace): Promise<EventData>;
  /** @returns the data as it was, at once where nothing in it is sealed */
  unseal(fields: AnyPersonalFields | undefined, data: EventData, place: SealedPlace): EventData | Promise<EventData>;
}

/** Makes what is personal of events unreadable where they are kept beside the log, and readable again: `personalSeal`. */
export interface EventSeal {
  seal(event: NotifiedEvent): Promise<NotifiedEvent>;
  /** @throws SubjectKeyMissingError (`SUBJECT_KEY_MISSING`) when a key is not here yet */
  unseal(event: NotifiedEvent): Promise<NotifiedEvent>;
}
