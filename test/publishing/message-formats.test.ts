import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as v from 'valibot';
import { decodeEnvelope, encodeEnvelope } from '../../src/application/outbox/event-envelope.js';
import { envelopeMessages } from '../../src/application/outbox/message-format.js';
import type { NotifiedEvent } from '../../src/application/events/notified-event.js';
import { fromOutboundEnvelope, toOutboundEnvelope } from '../../src/application/outbox/outbound-envelope.js';
import { UUID } from '../../src/domain/uuid.js';
import { BroadcastPublisher } from '../../src/publishing/broadcast-publisher.js';
import type { BroadcastMessage } from '../../src/publishing/broadcast-publisher.js';
import { cloudEvents } from '../../src/publishing/cloud-events.js';
import { decodeHeaderValue, encodeHeaderValue } from '../../src/publishing/header-values.js';

const event: NotifiedEvent = {
  type: 'Placed',
  data: { total: 12, by: UUID.parse('b2723fe2c01a40d2875ea3aac6a09ff5') },
  aggregateType: 'Order',
  originatorId: '2f1c8f5e-5d5c-4b8e-9c61-2f6f1d1f0c11',
  originatorVersion: 3,
  notificationId: 17,
  metadata: {
    eventId: '0198b5a0-0000-7000-8000-000000000001',
    occurredAt: new Date('2026-01-02T03:04:05.678Z'),
    recordedAt: new Date('2026-01-02T03:04:06.000Z'),
    schemaVersion: 2,
    actorId: 'anna',
    correlationId: 'c',
    tenantId: 't',
  },
};
const json = (body: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(body));

test('an envelope names everything that is known of an event', async () => {
  const message = await envelopeMessages()(event);
  expect(message).toMatchObject({
    id: event.metadata.eventId,
    destination: 'daybook.events',
    contentType: 'application/json',
  });
  expect(message.headers).toEqual({
    aggregate_id: event.originatorId,
    aggregate_type: 'Order',
    sequence: '3',
    version: '2',
    event_type: 'Placed',
    tenant_id: 't',
    actor_id: 'anna',
    correlation_id: 'c',
  });
  expect(json(message.body)).toEqual({
    event_id: event.metadata.eventId,
    aggregate_id: event.originatorId,
    aggregate_type: 'Order',
    sequence: 3,
    event_type: 'Placed',
    payload: { total: 12, by: { _type_: 'uuid_hex', _data_: 'b2723fe2c01a40d2875ea3aac6a09ff5' } },
    metadata: { actor_id: 'anna', correlation_id: 'c' },
    occurred_at: '2026-01-02T03:04:05.678Z',
    recorded_at: '2026-01-02T03:04:06.000Z',
    version: 2,
    tenant_id: 't',
    notification_id: 17,
  });
  expect(fromOutboundEnvelope(toOutboundEnvelope(event))).toEqual(event);
  for (const none of [null, 1, {}, { ...toOutboundEnvelope(event), sequence: '3' }]) {
    expect(() => fromOutboundEnvelope(none)).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }) as Error);
  }
});

test('metadata of the application’s own are in the body, and its texts in headers, under names that are free', async () => {
  const attributes = { request_path: '/é', sequence: 'mine', retries: 3, tags: ['a'] };
  const known: NotifiedEvent = { ...event, metadata: { ...event.metadata, attributes } };
  const { headers, body } = await envelopeMessages()(known);
  expect(headers).toMatchObject({ request_path: '/é', sequence: '3', actor_id: 'anna' });
  expect(headers).not.toHaveProperty('retries');
  expect(json(body)).toMatchObject({ metadata: { ...attributes, actor_id: 'anna', correlation_id: 'c' } });
  expect(await decodeEnvelope(await encodeEnvelope(known))).toEqual(known);
});

test('an envelope that is read is looked at, field by field, and its payload by a schema', async () => {
  const text = await encodeEnvelope(event);
  const wrong = {
    event_id: 1,
    sequence: 1.5,
    notification_id: -1,
    payload: null,
    metadata: { actor_id: 7 },
    occurred_at: 'yesterday',
    recorded_at: 5,
    tenant_id: 5,
  };
  for (const [field, value] of Object.entries(wrong)) {
    const changed = JSON.stringify({ ...(JSON.parse(text) as object), [field]: value });
    await expect(decodeEnvelope(changed), field).rejects.toMatchObject({ code: 'DATA_ERROR' });
  }
  await expect(decodeEnvelope('{')).rejects.toMatchObject({ code: 'DATA_ERROR' });
  const placed = v.object({ total: v.pipe(v.number(), v.maxValue(12)), by: v.unknown() });
  const read = await decodeEnvelope(text, { schemaOf: ({ type }) => (type === 'Placed' ? placed : undefined) });
  expect(read).toEqual(event);
  const dear = await encodeEnvelope({ ...event, data: { total: 13, by: UUID.random() } });
  await expect(decodeEnvelope(dear, { schemaOf: () => placed })).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  expect(await decodeEnvelope(dear, { schemaOf: () => undefined })).toMatchObject({ data: { total: 13 } });
});

test('the destination may be told from the event', async () => {
  const format = envelopeMessages({ destination: ({ aggregateType }) => `shop.${aggregateType}` });
  expect((await format(event)).destination).toBe('shop.Order');
});

test('CloudEvents: structured', async () => {
  const message = await cloudEvents({ source: '/shop', destination: 'd' })(event);
  expect(message).toMatchObject({
    destination: 'd',
    headers: {},
    contentType: 'application/cloudevents+json; charset=UTF-8',
  });
  expect(json(message.body)).toEqual({
    specversion: '1.0',
    id: event.metadata.eventId,
    source: '/shop',
    type: 'Placed',
    subject: event.originatorId,
    time: '2026-01-02T03:04:05.678Z',
    datacontenttype: 'application/json',
    data: { total: 12, by: { _type_: 'uuid_hex', _data_: 'b2723fe2c01a40d2875ea3aac6a09ff5' } },
    aggregatetype: 'Order',
    sequence: '3',
    schemaversion: 2,
    notificationid: '17',
    actorid: 'anna',
    correlationid: 'c',
    tenantid: 't',
  });
});

test('CloudEvents: binary', async () => {
  const bare = { ...event, metadata: { eventId: 'e', occurredAt: undefined, recordedAt: undefined, schemaVersion: 1 } };
  const message = await cloudEvents({ mode: 'binary' })(bare);
  expect(message.contentType).toBe('application/json');
  expect(message.headers).toEqual({
    'ce-specversion': '1.0',
    'ce-id': 'e',
    'ce-source': 'daybook',
    'ce-type': 'Placed',
    'ce-subject': event.originatorId,
    'ce-aggregatetype': 'Order',
    'ce-sequence': '3',
    'ce-schemaversion': '1',
    'ce-notificationid': '17',
  });
  expect(json(message.body)).toMatchObject({ total: 12 });
});

test('header values: the example of the specification, and any text', () => {
  expect(encodeHeaderValue('Euro € 😀')).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const value = encodeHeaderValue(text);
      expect(value).toMatch(/^[\x21-\x7e]*$/);
      expect(decodeHeaderValue(value)).toBe(text.toWellFormed());
    }),
  );
});

test('a broadcast keeps one channel for each destination, and not ever more', async () => {
  const posted: [string, BroadcastMessage][] = [];
  const closed: string[] = [];
  const publisher = new BroadcastPublisher({
    openChannel: (name) => ({
      postMessage: (message) => posted.push([name, message]),
      close: () => closed.push(name),
    }),
  });
  const live = { signal: new AbortController().signal };
  const message = await envelopeMessages()(event);
  for (let index = 0; index < 101; index++) {
    await publisher.publish({ ...message, destination: `d${index}` }, live);
    await publisher.publish({ ...message, destination: 'd0' }, live);
  }
  expect(posted).toHaveLength(202);
  expect(closed).toEqual(['d1']);
  await publisher.close();
  expect(closed).toHaveLength(101);
});
