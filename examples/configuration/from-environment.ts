import { Environment, InfrastructureFactory } from 'daybook';
import type { EventStore } from 'daybook';
import { PostgresFactory } from 'daybook/postgres';

InfrastructureFactory.register('postgres', PostgresFactory);

/** Opens what the environment of an application says, and lends its event store. */
export async function withDogSchool<T>(
  work: (events: EventStore) => Promise<T>,
  environment: Environment = Environment.fromProcess({ name: 'dogschool' }),
): Promise<T> {
  await using factory = await InfrastructureFactory.construct(environment);
  return await work(await factory.eventStore());
}
