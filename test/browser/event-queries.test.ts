import { openDaybook } from 'daybook';
import { Application, command, defineDecider, event, SqlEventIndex } from 'daybook/application';
import { LiveQueries } from 'daybook/live';
import { eventQueryCases, newOriginatorId } from 'daybook/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PATIENTLY } from '../support/patience.js';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore } from './open-store.js';

let tables = 0;

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const { recorder } = daybook;
    return {
      context: {
        recorder,
        onRecorded: (listener: () => void) => daybook.onRecorded(listener),
        async openIndex() {
          const index = new SqlEventIndex({ recorder, table: `index_${++tables}` });
          await index.createTables();
          return index;
        },
      },
      close: () => daybook.close(),
    };
  },
  { 'events by what is known of them': eventQueryCases },
  { variant: 'events' },
);

const counter = defineDecider({
  name: 'Counter',
  events: { Counted: event<{ by: number }>() },
  commands: { Count: command<{ by: number }>() },
  initialState: () => 0,
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: (state, { data }) => state + data.by },
});

async function openTab(name: string) {
  const daybook = await openStore(name);
  const { recorder } = daybook;
  const eventIndex = new SqlEventIndex({ recorder });
  await eventIndex.createTables();
  const app = new Application({ recorder, aggregates: [counter], eventIndex, notifications: daybook });
  const count = (by: number, tenantId: string): Promise<unknown> =>
    app.execute(counter, newOriginatorId(), { type: 'Count', data: { by } }, { metadata: { tenantId } });
  return { app, recorder, count };
}

test('what one tab records is read, followed and live in another, by tenant', async () => {
  const name = newStoreName();
  const [writer, reader] = [await openTab(name), await openTab(name)];
  await using live = new LiveQueries({ recorder: reader.recorder });
  const last = live.query((read) => read.events(reader.app, { tenantId: 'north', limit: 2 }));
  onTestFinished(last.subscribe(() => undefined));
  await using subscription = reader.app.subscribe({ tenantId: 'north' });
  const next = subscription.next();
  await writer.count(1, 'south');
  await writer.count(2, 'north');
  expect((await next).value).toMatchObject({ data: { by: 2 } });
  await writer.count(3, 'north');
  await writer.count(4, 'north');
  await vi.waitFor(
    () => expect(last.value.data?.map(({ data }) => (data as { by: number }).by)).toEqual([2, 3]),
    PATIENTLY,
  );
  const readAll = async (): Promise<readonly number[]> => {
    const read: number[] = [];
    for await (const { data } of reader.app.readAll({ tenantId: 'north', types: ['Counted'] })) {
      read.push((data as { by: number }).by);
    }
    return read;
  };
  // A tab hears of another one's commit a moment later.
  await vi.waitFor(async () => expect(await readAll()).toEqual([2, 3, 4]), PATIENTLY);
});
