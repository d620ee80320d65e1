import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { CommandMetadata } from '../../src/domain/event-metadata.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';

const ADD = { type: 'Add', data: { quantity: 5 } } as const;

function open(): { app: Application; recorder: MemoryProcessRecorder } {
  const recorder = new MemoryProcessRecorder();
  return { recorder, app: new Application({ recorder, aggregates: [testStock] }) };
}

describe('metadata of a command', () => {
  test.each([
    [{ actorId: 'anna', requestPath: '/orders' }, 'requestPath'],
    [{ actorId: 42 }, 'actorId'],
    [{ tenantId: null }, 'tenantId'],
    [{ eventId: newOriginatorId() }, 'eventId'],
  ])('%j are refused, because they would not be kept', async (metadata, key) => {
    const { app, recorder } = open();
    const options = { metadata: metadata as unknown as CommandMetadata };
    const refused = { code: 'PROGRAMMING_ERROR', details: { key } };
    await expect(app.execute(testStock, newOriginatorId(), ADD, options)).rejects.toMatchObject(refused);
    const event = { type: 'Added', data: { quantity: 1 } } as const;
    await expect(app.append(testStock, newOriginatorId(), [event], 'any', options)).rejects.toMatchObject(refused);
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  test.each([
    ['text', 'attributes'],
    [[], 'attributes'],
    [{ at: new Date(0) }, 'attributes.at'],
    [{ count: 1n }, 'attributes'],
    [{ nested: { none: Number.NaN } }, 'attributes.nested.none'],
    [{ actor_id: 'anna' }, 'attributes.actor_id'],
    [{ 'a b': 1 }, 'attributes.a b'],
    [{ __proto__x: '\ud800' }, 'attributes'],
    [{ long: 'x'.repeat(10_000) }, 'attributes'],
  ])('of the application’s own, %o are refused', async (attributes, key) => {
    const { app, recorder } = open();
    const metadata = { attributes } as unknown as CommandMetadata;
    await expect(app.execute(testStock, newOriginatorId(), ADD, { metadata })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { key },
    });
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  test('all that there are come back in the history', async () => {
    const { app } = open();
    const id = newOriginatorId();
    const attributes = { request_path: '/orders', depth: { of: [1, null] } };
    const metadata = { actorId: 'a', correlationId: 'c', causationId: 'd', tenantId: 't', attributes };
    await app.execute(testStock, id, ADD, { metadata });
    expect((await app.repository.history(testStock, id))[0]?.metadata).toMatchObject(metadata);
  });
});

test.each([new Date(Number.NaN), '2026-11-28' as unknown as Date])(
  '%s is no time at which something happened',
  async (occurredAt) => {
    const { app, recorder } = open();
    await expect(app.execute(testStock, newOriginatorId(), ADD, { occurredAt })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { option: 'occurredAt' },
    });
    expect(await recorder.maxNotificationId()).toBe(0);
  },
);

describe('the version in the data', () => {
  const event = { originatorId: newOriginatorId(), originatorVersion: 1, type: 'Counted' };

  test.each([1, 2])('is the mapper’s, of an event at version %d', async (version) => {
    const upcasts = version === 1 ? {} : { 1: (data: object) => data };
    const mapper = new Mapper({ transcoder: new JSONTranscoder(), versions: { Counted: { version, upcasts } } });
    await expect(mapper.toStoredEvent({ ...event, data: { class_version: 7 } })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { topic: 'Counted' },
    });
  });

  test('is data like any other where events have no versions', async () => {
    const mapper = new Mapper({ transcoder: new JSONTranscoder() });
    const stored = await mapper.toStoredEvent({ ...event, data: { class_version: 7 } });
    expect((await mapper.toDomainEvent(stored)).data).toEqual({ class_version: 7 });
  });
});

test('topics that are a text are refused, which would be a list of its characters', () => {
  const topics = 'Counted' as unknown as readonly string[];
  expect(() => new Mapper({ transcoder: new JSONTranscoder(), topics })).toThrow('topics must be a list');
});
