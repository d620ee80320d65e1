import type { DomainEvent } from '../domain/domain-event.js';
import type { StoredEvent } from './stored-event.js';

/** What an `EventStore` needs of a mapper; `Mapper` is one. Implement it to store events in a form of your own. */
export interface EventMapper<E extends DomainEvent> {
  toStoredEvent(event: E): Promise<StoredEvent>;
  toDomainEvent(stored: StoredEvent): Promise<E>;
}
