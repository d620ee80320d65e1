import type { SqlRecorder } from 'daybook';
import { Application, command, defineDecider, event, OutboxWorker, SqlOutbox } from 'daybook/application';
import type { Publisher } from 'daybook/application';

export const order = defineDecider({
  name: 'Order',
  events: { Placed: event<{ total: number }>() },
  commands: { Place: command<{ total: number }>() },
  initialState: () => ({ isPlaced: false }),
  decide: { Place: ({ data }, state) => (state.isPlaced ? [] : { type: 'Placed', data }) },
  evolve: { Placed: () => ({ isPlaced: true }) },
});

/** An application whose events are published, by whatever publishes. */
export async function openShop(recorder: SqlRecorder, publisher: Publisher) {
  const outbox = new SqlOutbox({ recorder });
  await outbox.createTables();
  const app = new Application({ recorder, aggregates: [order], inline: [outbox] });
  const worker = new OutboxWorker({ outbox, publish: publisher });
  worker.start();
  return { app, outbox, worker };
}
