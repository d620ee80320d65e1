/**
 * Domain events to stored events and back.
 *
 * @module
 */
import type { DomainEvent } from '../domain/domain-event.js';
import { MapperDeserialisationError } from './errors.js';
import type { StoredEvent } from './stored-event.js';
import type { Transcoder } from './transcoder.js';

/** What a {@link Mapper} is made of. */
export interface MapperOptions {
  readonly transcoder: Transcoder;
}

/**
 * Maps domain events to stored events: `type` becomes the topic, `data` the state.
 *
 * @typeParam E - the union of the application's events; what is read is trusted to be one of them
 */
export class Mapper<E extends DomainEvent = DomainEvent> {
  readonly #transcoder: Transcoder;

  constructor(options: MapperOptions) {
    this.#transcoder = options.transcoder;
  }

  /** @throws TypeError when the data has no serialised form */
  async toStoredEvent(event: E): Promise<StoredEvent> {
    const { originatorId, originatorVersion, type, data } = event;
    return { originatorId, originatorVersion, topic: type, state: this.#transcoder.encode(data) };
  }

  /** @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when the state cannot be read */
  async toDomainEvent(stored: StoredEvent): Promise<E> {
    const { originatorId, originatorVersion, topic, state } = stored;
    try {
      const data = this.#transcoder.decode(state);
      return { originatorId, originatorVersion, type: topic, data } as E;
    } catch (cause) {
      throw new MapperDeserialisationError(
        `The state of ${topic}, version ${originatorVersion} of aggregate ${originatorId}, cannot be read. Is the mapper configured as it was when the event was written?`,
        { cause, details: { topic, originatorId, originatorVersion } },
      );
    }
  }
}
