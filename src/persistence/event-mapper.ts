import type { DomainEvent } from '../domain/domain-event.js';
import type { StoredEvent } from './stored-event.js';

/** What is known of an event that is going to be stored. */
export interface StoringOptions {
  /** Whether it may be given another version, because its unit is one of commutative events. @defaultValue false */
  readonly mayMove?: boolean;
}

/** What an `EventStore` needs of a mapper; `Mapper` is one. Implement it to store events in a form of your own. */
export interface EventMapper<E extends DomainEvent> {
  toStoredEvent(event: E, options?: StoringOptions): Promise<StoredEvent>;
  toDomainEvent(stored: StoredEvent): Promise<E>;
}
