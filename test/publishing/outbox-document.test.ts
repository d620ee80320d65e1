import { expect, test, vi } from 'vitest';
import { openShop, order } from '../../examples/publishing/outbox.js';
import { receiveWebhook } from '../../examples/publishing/receive-webhook.js';
import { createWebhookSecret } from '../../src/publishing/webhook-signature.js';
import { WebhookPublisher } from '../../src/publishing/webhook-publisher.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { shownExamples } from '../support/shown-examples.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';
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
