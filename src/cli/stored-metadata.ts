/**
 * What a command knows of events without their application: their metadata, which every event has in the same place.
 *
 * @module
 */
import { metadataOfState } from '../application/events/envelope-mapper.js';
import { InfrastructureFactory } from '../configuration/infrastructure-factory.js';
import type { EventMetadata } from '../domain/event-metadata.js';
import { Environment } from '../environment/environment.js';
import type { EnvironmentValues } from '../environment/environment.js';
import { MemoryFactory } from '../persistence/memory/memory-factory.js';
import type { StoredEvent } from '../persistence/stored-event.js';

/**
 * Reads metadata with the compressor and the keys that the environment names, as the application itself does.
 *
 * @param name - of the application, before whose settings those of all count
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is wrong
 */
export async function storedMetadata(
  values: EnvironmentValues,
  name: string | undefined,
): Promise<(stored: StoredEvent) => Promise<{ readonly metadata: EventMetadata }>> {
  const environment = new Environment(values, name === undefined ? {} : { name });
  // Only for its mapper: nothing is recorded there.
  const mapper = await new InfrastructureFactory(environment, new MemoryFactory(environment)).mapper();
  return async (stored) => ({ metadata: metadataOfState(stored, (await mapper.toDomainEvent(stored)).data) });
}
