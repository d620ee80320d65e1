import { PGlite } from '@electric-sql/pglite';
import { expect, test, vi } from 'vitest';
import { openIndexedServer } from '../../examples/publishing/indexed-pushes.js';
import { openShop, order } from '../../examples/publishing/outbox.js';
import { receiveWebhook } from '../../examples/publishing/receive-webhook.js';
import { Application } from '../../src/application/application.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createPgPool, pgliteDriver, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { createWebhookSecret } from '../../src/publishing/webhook-signature.js';
import { WebhookPublisher } from '../../src/publishing/webhook-publisher.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { ownSchemaUrl } from '../support/postgres-fixture.js';
import { shownExamples } from '../support/shown-examples.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';
import type { OpenedSqlRecorder } from '../support/sql-recorders.js';
import { postUnits } from '../support/unit-wire.js';
import { PATIENTLY } from '../support/patience.js';

test.each(shownExamples('docs/outbox.md'))('docs/outbox.md shows %s as it is', (_path, shown, actual) => {
  expect(shown).toBe(actual);
});

test.each(Object.entries(SQL_RECORDERS))('the examples work together on %s', async (_name, open) => {
  const { recorder, close } = await open();
  const secret = createWebhookSecret();
  const taken: unknown[] = [];
  const take = async (id: string, event: unknown): Promise<void> => {
    taken.push([id, event]);
  };
  const receiver: typeof fetch = (...request) => receiveWebhook(new Request(...request), secret, take);
  const publisher = new WebhookPublisher({ url: 'http://shop.example/hook', secret, fetch: receiver });
  const { app, outbox, worker } = await openShop(recorder, publisher);
  const id = newOriginatorId();
  const { events } = await app.execute(order, id, { type: 'Place', data: { total: 12 } });
  await vi.waitFor(async () => expect((await outbox.counts()).published).toBe(1), PATIENTLY);
  await worker.close();
  expect(taken).toMatchObject([
    [events[0]?.metadata.eventId, { event_type: 'Placed', aggregate_id: id, payload: { total: 12 } }],
  ]);
  const forged = new Request('http://shop.example/hook', { method: 'POST', body: '{}' });
  expect((await receiveWebhook(forged, secret, take)).status).toBe(400);
  await close();
});

const POSTGRES: Readonly<Record<string, () => Promise<OpenedSqlRecorder>>> = {
  // The example names its tables plainly: a schema of its own keeps them apart from those of other tests.
  PostgreSQL: async () => {
    const pool = await createPgPool({ connectionString: await ownSchemaUrl() });
    const recorder = new PostgresProcessRecorder({ pool });
    await recorder.createTable();
    return { recorder, close: () => pool.end() };
  },
  PGlite: async () => {
    const database = new PGlite();
    const recorder = new PostgresProcessRecorder({ pool: pgliteDriver(database) });
    await recorder.createTable();
    return { recorder, close: () => database.close() };
  },
};

test.each(Object.entries(POSTGRES))('a server that is shown takes each event id once on %s', async (_name, open) => {
  const { recorder, close } = await open();
  const { server, index } = await openIndexedServer(recorder, [order], (token) => token === 'good');
  const push = async (): Promise<unknown> => {
    const device = new MemoryProcessRecorder();
    const app = new Application({ recorder: device, aggregates: [order], newEventId: () => eventId });
    await app.execute(order, newOriginatorId(), { type: 'Place', data: { total: 12 } });
    const [recorded] = await device.selectNotifications({ start: 1, limit: 1 });
    const { id: _id, ...event } = recorded!;
    const { body } = await postUnits(server.fetch, [sampleUnit([event])], { authorization: 'Bearer good' });
    return body.decisions?.[0]?.slice(1, 3);
  };
  const eventId = crypto.randomUUID();
  expect([await push(), await push()]).toEqual([
    ['accepted', 1],
    ['rejected', 'DUPLICATE_EVENT'],
  ]);
  expect(await index.findEvent(eventId)).toMatchObject({ eventType: 'Placed', notificationId: 1 });
  await close();
});
