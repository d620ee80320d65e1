import { Application, command, defineDecider, event } from 'daybook/application';
import type { Publisher } from 'daybook/application';
import { createEventSourcing } from 'daybook/node';
import type { EventSourcingConfig } from 'daybook/node';

const dog = defineDecider({
  name: 'Dog',
  events: { TrickAdded: event<{ trick: string }>() },
  commands: { AddTrick: command<{ trick: string }>() },
  initialState: () => ({ tricks: [] as readonly string[] }),
  decide: { AddTrick: ({ data }) => ({ type: 'TrickAdded', data }) },
  evolve: { TrickAdded: ({ tricks }, { data }) => ({ tricks: [...tricks, data.trick] }) },
});

/** Opens a school as a configuration says: `createEventSourcing` makes what it stands on. */
export async function openSchool(config: EventSourcingConfig, publisher?: Publisher) {
  const eventSourcing = await createEventSourcing({ ...config, enabled: true }, { publisher });
  const app = new Application({ ...eventSourcing.applicationOptions, aggregates: [dog] });
  eventSourcing.publisher?.start();
  return {
    addTrick: async (dogId: string, trick: string) => {
      const { state } = await app.execute(dog, dogId, { type: 'AddTrick', data: { trick } });
      return state.tricks;
    },
    [Symbol.asyncDispose]: () => eventSourcing.close(),
  };
}
