import { openDaybook } from 'daybook';
import type { Daybook, SqlRecorder } from 'daybook';
import {
  Application,
  command,
  defineDecider,
  event,
  OutboxWorker,
  SqlEventIndex,
  SqlOutbox,
} from 'daybook/application';
import { BroadcastPublisher } from 'daybook/publishing';
import type { BroadcastMessage } from 'daybook/publishing';
import { eventIndexCases, newOriginatorId, outboxCases } from 'daybook/testing';
import type { EventIndexContext, OutboxContext } from 'daybook/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore } from './open-store.js';
import { PATIENTLY } from '../support/patience.js';

let tables = 0;

describeConformance<OutboxContext & EventIndexContext>(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const recorder = daybook.recorder;
    return {
      context: {
        recorder,
        async openOutbox(options) {
          const outbox = new SqlOutbox({ recorder, table: `outbox_${++tables}`, ...options });
          await outbox.createTables();
          return outbox;
        },
        async openIndex(options) {
          const index = new SqlEventIndex({ recorder, table: `index_${++tables}`, ...options });
          await index.createTables();
          return index;
        },
      },
      close: async () => daybook.close(),
    };
  },
  { outbox: outboxCases, 'event index': eventIndexCases },
  { variant: 'outbox' },
);

const counter = defineDecider({
  name: 'Counter',
  events: { Counted: event<{ by: number }>() },
  commands: { Count: command<{ by: number }>() },
  initialState: () => ({ total: 0 }),
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: (state, { data }) => ({ total: state.total + data.by }) },
});

/** A tab: an application, and a worker that publishes what any tab records. */
async function openTab(name: string, destination: string) {
  const daybook = await openStore(name);
  const { outbox, recorder } = await openOutbox(daybook);
  const app = new Application({ recorder, aggregates: [counter], inline: [outbox] });
  const publisher = new BroadcastPublisher();
  const worker = new OutboxWorker({
    outbox,
    publish: (message, options) => publisher.publish({ ...message, destination }, options),
    onRecorded: (listener) => daybook.onRecorded(listener),
  });
  onTestFinished(async () => {
    await worker.close();
    await publisher.close();
  });
  return { app, outbox, worker };
}

async function openOutbox(daybook: Daybook): Promise<{ outbox: SqlOutbox; recorder: SqlRecorder }> {
  const recorder = daybook.recorder;
  const outbox = new SqlOutbox({ recorder });
  await outbox.createTables();
  return { outbox, recorder };
}

describe('an outbox in the browser', () => {
  test('tells other tabs of what is recorded: each event, in order, once', async () => {
    const [name, destination] = [newStoreName(), newStoreName()];
    const channel = new BroadcastChannel(destination);
    const received: BroadcastMessage[] = [];
    channel.onmessage = ({ data }: MessageEvent<BroadcastMessage>) => received.push(data);
    onTestFinished(() => {
      channel.close();
    });
    const [first, second] = [await openTab(name, destination), await openTab(name, destination)];
    first.worker.start();
    second.worker.start();
    const ids = [newOriginatorId(), newOriginatorId()] as const;
    await Promise.all(
      [first, second].map(async ({ app }, index) => {
        for (let by = 1; by <= 5; by++)
          await app.execute(counter, ids[index] as string, { type: 'Count', data: { by } });
      }),
    );
    await vi.waitFor(async () => expect((await first.outbox.counts()).published).toBe(10), { timeout: 10_000 });
    await vi.waitFor(() => expect(received).toHaveLength(10), PATIENTLY);
    for (const id of ids) {
      const own = received.filter(({ headers }) => headers['aggregate_id'] === id);
      expect(own.map(({ headers }) => headers['sequence'])).toEqual(['1', '2', '3', '4', '5']);
    }
    expect(JSON.parse(new TextDecoder().decode(received[0]?.body))).toMatchObject({ event_type: 'Counted' });
  });

  test('goes on where it was when the store is opened again', async () => {
    const [name, destination] = [newStoreName(), newStoreName()];
    const daybook = await openDaybook({ name });
    const { outbox, recorder } = await openOutbox(daybook);
    const app = new Application({ recorder, aggregates: [counter], inline: [outbox] });
    const id = newOriginatorId();
    await app.execute(counter, id, { type: 'Count', data: { by: 1 } });
    await outbox.claim({
      leaseId: 'of a tab that was closed',
      nowMs: Date.now(),
      leaseUntilMs: Date.now() + 500,
      limit: 9,
    });
    await daybook.close();
    const tab = await openTab(name, destination);
    expect(await tab.outbox.counts()).toEqual({ pending: 1, published: 0, failed: 0 });
    await vi.waitFor(async () => expect((await tab.worker.runOnce()).published).toBe(1), { timeout: 5_000 });
  });
});
