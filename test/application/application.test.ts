import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { APPLICATION_ERRORS, ConcurrencyError } from '../../src/application/aggregates/application-errors.js';
import { Application } from '../../src/application/application.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/application/outbox/event-envelope.js';
import type { NotifiedEvent } from '../../src/application/events/notified-event.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { defineDecider } from '../../src/domain/decider.js';
import { decodeError, encodeError } from '../../src/domain/error-codec.js';
import { command, event } from '../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { receive, sampleApplication } from '../../src/testing/conformance/application-context.js';
import { LogBook, stockItem } from '../../src/testing/conformance/application-samples.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';

const measured = defineDecider({
  name: 'Sensor',
  events: { Measured: event(z.object({ celsius: z.number().max(100) })) },
  commands: { Measure: command(z.object({ celsius: z.coerce.number() })) },
  initialState: (): readonly number[] => [],
  decide: { Measure: ({ data }) => ({ type: 'Measured', data }) },
  evolve: { Measured: (state, { data }) => [...state, data.celsius] },
});

describe('validation', () => {
  test('of a command and of its events: what schemas make is decided and stored', async () => {
    const recorder = new MemoryProcessRecorder();
    const app = new Application({ recorder, aggregates: [measured] });
    const id = newOriginatorId();
    const given = { type: 'Measure', data: { celsius: '21.5' as unknown as number } } as const;
    expect((await app.execute(measured, id, given)).state).toEqual([21.5]);
    const tooHot = app.execute(measured, id, { type: 'Measure', data: { celsius: 101 } });
    await expect(tooHot).rejects.toMatchObject({ code: 'VALIDATION_ERROR', issues: [{ path: 'celsius' }] });
    const wrong = { type: 'Measure', data: { celsius: 'warm' as unknown as number } } as const;
    await expect(app.execute(measured, id, wrong)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    const appended = app.append(measured, id, [{ type: 'Measured', data: { celsius: 101 } }]);
    await expect(appended).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(await app.repository.versionOf(measured, id)).toBe(1);
  });

  test('of what is read, when it is asked for', async () => {
    const recorder = new MemoryProcessRecorder();
    const id = newOriginatorId();
    const state = new TextEncoder().encode('{"celsius":500}');
    await recorder.insertEvents([{ originatorId: id, originatorVersion: 1, topic: 'Sensor:Measured', state }]);
    const trusting = new Application({ recorder, aggregates: [measured] });
    expect((await trusting.repository.load(measured, id)).state).toEqual([500]);
    const strict = new Application({ recorder, aggregates: [measured], validateOnRead: 'always' });
    await expect(strict.repository.load(measured, id)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    await expect(strict.repository.history(measured, id)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });
});

describe('deciding again', () => {
  /** A recorder on which a rival is first, so many times: it inserts right before whoever inserts. */
  function contested(id: string, times: number): ProcessRecorder {
    const recorder = new MemoryProcessRecorder();
    const rival = sampleApplication({ recorder });
    let left = times;
    return {
      insertEvents: async (events, options) => {
        if (left-- > 0) await rival.execute(stockItem, id, receive(10));
        return await recorder.insertEvents(events, options);
      },
      selectEvents: (originatorId, options) => recorder.selectEvents(originatorId, options),
      selectNotifications: (options) => recorder.selectNotifications(options),
      maxNotificationId: () => recorder.maxNotificationId(),
      maxTrackingId: (name) => recorder.maxTrackingId(name),
      hasTrackingId: (name, notificationId) => recorder.hasTrackingId(name, notificationId),
    };
  }

  test.each([
    { rivals: 1, attemptsMax: 2, delays: [4], quantity: 11 },
    { rivals: 3, attemptsMax: 4, delays: [4, 6, 6], quantity: 31 },
    { rivals: 4, attemptsMax: 4, delays: [4, 6, 6], quantity: undefined },
  ])('waits a random while, bounded, before each of at most $attemptsMax attempts', async (given) => {
    const { rivals, attemptsMax, delays, quantity } = given;
    const id = newOriginatorId();
    const waited: number[] = [];
    const clock = {
      nowMs: () => 0,
      monotonicMs: () => 0,
      schedule(callback: () => void, delayMs: number): () => void {
        waited.push(delayMs);
        queueMicrotask(callback);
        return () => undefined;
      },
    };
    const app = sampleApplication({ recorder: contested(id, rivals) }, { clock, random: () => 0.999 });
    const outcome = await app.tryExecute(stockItem, id, receive(1), { retry: { attemptsMax, delayMsMax: 7 } });
    expect(waited).toEqual(delays);
    expect(outcome.ok ? outcome.state.quantity : undefined).toBe(quantity);
    if (!outcome.ok) expect(outcome.conflict).toMatchObject({ aggregateId: id, expected: 3, actual: 4 });
  });

  test('is off by default, and pointless when a conflict refutes what was expected', async () => {
    for (const options of [
      {},
      { expected: 0, retry: { attemptsMax: 9 } },
      { expected: 'noStream', retry: { attemptsMax: 9 } },
    ] as const) {
      const id = newOriginatorId();
      const decide = vi.fn(stockItem.decide);
      const slow = { ...stockItem, decide };
      const schedule = vi.fn(() => () => undefined);
      const clock = { nowMs: () => 0, monotonicMs: () => 0, schedule };
      const app = new Application({ recorder: contested(id, 1), aggregates: [slow], clock, random: () => 0.999 });
      await expect(app.execute(slow, id, receive(1), options)).rejects.toMatchObject({
        code: 'CONCURRENCY_ERROR',
        details: { expected: 'expected' in options ? options.expected : 0, actual: 1 },
        conflictingEvents: [{ type: 'Received', data: { quantity: 10 } }],
      });
      expect(decide).toHaveBeenCalledTimes(1);
      expect(schedule).not.toHaveBeenCalled();
    }
  });

  test('is bounded', async () => {
    const app = sampleApplication({ recorder: new MemoryProcessRecorder() });
    for (const retry of [
      { attemptsMax: 0 },
      { attemptsMax: 101 },
      { attemptsMax: 2.5 },
      { attemptsMax: 2, delayMsMax: -1 },
    ]) {
      const execution = app.execute(stockItem, newOriginatorId(), receive(1), { retry });
      await expect(execution).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    }
  });
});

describe('an application', () => {
  const recorder = new MemoryProcessRecorder();

  test('refuses what cannot work when it is made', () => {
    const make = (options: object) => () => new Application({ recorder, aggregates: [stockItem], ...options });
    expect(make({ aggregates: [stockItem, stockItem] })).toThrow('name StockItem');
    const twin = defineDecider({
      ...measured,
      name: 'Twin',
      events: { X: event({ topic: 'StockItem:Taken' }) },
      evolve: (s) => s,
      decide: () => [],
    });
    expect(make({ aggregates: [stockItem, twin] })).toThrow(expect.objectContaining({ code: 'TOPIC_ERROR' }));
    expect(make({ cache: { aggregatesMax: 0 } })).toThrow('aggregatesMax');
    expect(make({ snapshots: { store: new MemorySnapshotStore(), interval: 0 } })).toThrow('interval');
    const { insertEvents, selectEvents, selectNotifications, maxNotificationId, maxTrackingId, hasTrackingId } =
      recorder;
    const plain = { insertEvents, selectEvents, selectNotifications, maxNotificationId, maxTrackingId, hasTrackingId };
    expect(make({ recorder: plain, inline: [{ onRecorded: () => Promise.resolve() }] })).toThrow('transactions');
    expect(() => new SqlSnapshotStore({ recorder: {} as SqlRecorder, table: 'a b' })).toThrow('cannot name a table');
  });

  test('refuses what is not its own', async () => {
    const app = sampleApplication({ recorder });
    const id = newOriginatorId();
    const measure = { type: 'Measure', data: { celsius: 1 } } as const;
    await expect(app.execute(measured, id, measure)).rejects.toThrow('aggregates');
    await expect(app.repository.load(measured, id)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await expect(app.execute(stockItem, id, { type: 'Burn', data: {} } as never)).rejects.toMatchObject({
      code: 'EVENT_HANDLER_ERROR',
    });
    await expect(app.append(stockItem, id, [{ type: 'Burnt', data: {} } as never])).rejects.toMatchObject({
      code: 'EVENT_HANDLER_ERROR',
    });
    await expect(app.execute(stockItem, id, receive(1), { expected: -1 })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
    });
    expect(() => app.subscribe({ types: ['Nothing'] })).toThrow('Nothing');
    expect(() => app.subscribe({ aggregates: [] })).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
    expect(() => app.subscribe({ gt: 0.5 })).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  });

  test('saves an object that is given twice once, and what is done meanwhile later', async () => {
    const app = sampleApplication({ recorder });
    const book = LogBook.open(newOriginatorId(), 'twice');
    const saving = app.save(book, book);
    book.write('meanwhile');
    expect(await saving).toHaveLength(1);
    expect(book.pendingEvents).toHaveLength(1);
    await app.save(book);
    expect((await app.repository.get(LogBook, book.id)).lines).toEqual(['meanwhile']);
  });

  test('throws from tryExecute what is no conflict', async () => {
    const app = sampleApplication({ recorder });
    const take = { type: 'Take', data: { quantity: 1 } } as const;
    await expect(app.tryExecute(stockItem, newOriginatorId(), take)).rejects.toMatchObject({ code: 'COMMAND_ERROR' });
  });

  test('writes its events as JSON for others, and reads them again', async () => {
    const app = sampleApplication({ recorder });
    const id = newOriginatorId();
    const metadata = { actorId: 'anna', causationId: newOriginatorId(), tenantId: 'north' };
    const occurredAt = new Date('2026-03-04T05:06:07.089Z');
    const [saved] = await app.append(stockItem, id, [{ type: 'Received', data: { quantity: 4 } }], 0, {
      metadata,
      occurredAt,
    });
    const text = await encodeEnvelope(saved as NotifiedEvent);
    expect(JSON.parse(text)).toMatchObject({
      event_id: saved?.metadata.eventId,
      aggregate_id: id,
      aggregate_type: 'StockItem',
      sequence: 1,
      event_type: 'Received',
      payload: { quantity: 4 },
      metadata: { actor_id: 'anna' },
      occurred_at: '2026-03-04T05:06:07.089Z',
      version: 1,
      tenant_id: 'north',
    });
    expect(await decodeEnvelope(text)).toEqual(saved);
    await expect(decodeEnvelope('{}')).rejects.toMatchObject({ code: 'DATA_ERROR' });
  });

  test('has errors that cross boundaries with what is plain in them', () => {
    const details = { aggregateId: 'x', expected: 'noStream', actual: 3 } as const;
    const error = decodeError(encodeError(new ConcurrencyError('no', { details })), APPLICATION_ERRORS);
    expect(error).toBeInstanceOf(ConcurrencyError);
    expect(error).toMatchObject({ aggregateId: 'x', expected: 'noStream', actual: 3, conflictingEvents: [] });
  });
});
