import { describe, expect, test, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { MemoryEventIndex } from '../../../src/application/event-index/memory-event-index.js';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { TransactionalOutbox } from '../../../src/application/outbox/transactional-outbox.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { AESCipher } from '../../../src/persistence/mapping/aes-cipher.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { ZlibCompressor } from '../../../src/persistence/mapping/zlib-compressor.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { recordWith, sampleRecordedEvent } from '../../../src/testing/conformance/recorded-events.js';
import { MemoryBroker } from '../../support/memory-broker.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';
import { PATIENTLY } from '../../support/patience.js';

const order = defineDecider({
  name: 'Order',
  events: { Placed: event<{ total: number }>(), Paid: event() },
  commands: { Place: command<{ total: number }>(), Pay: command() },
  initialState: () => ({ isPaid: false }),
  decide: { Place: ({ data }) => ({ type: 'Placed', data }), Pay: () => ({ type: 'Paid', data: {} }) },
  evolve: { Placed: (state) => state, Paid: () => ({ isPaid: true }) },
});

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => ({
    recorder: new MemoryProcessRecorder(),
    outbox: new MemoryOutbox(),
    index: new MemoryEventIndex(),
    close: async () => undefined,
  }),
  ...Object.fromEntries(
    Object.entries(SQL_RECORDERS).map(([name, open]) => [
      name,
      async (): Promise<Opened> => {
        const { recorder, close } = await open();
        const outbox = new SqlOutbox({ recorder, table: uniqueName() });
        const index = new SqlEventIndex({ recorder, table: uniqueName() });
        await outbox.createTables();
        await index.createTables();
        return { recorder, outbox, index, close };
      },
    ]),
  ),
};

interface Opened {
  readonly recorder: ConstructorParameters<typeof Application>[0]['recorder'];
  readonly outbox: SqlOutbox | MemoryOutbox;
  readonly index: SqlEventIndex | MemoryEventIndex;
  close(): Promise<void>;
}

describe.each(Object.entries(ENGINES))('an application with an outbox on %s', (_name, open) => {
  test('publishes what it records at once, and finds it by its ids', async () => {
    const { recorder, outbox: store, index, close } = await open();
    const broker = new MemoryBroker();
    const outbox = new TransactionalOutbox({
      outbox: store,
      publish: async (message) => broker.take(message),
      // So that only the application's own commits wake it.
      intervalMs: 1_000_000,
    });
    const app = new Application({ recorder, aggregates: [order], inline: [outbox, index] });
    outbox.start();
    await vi.waitFor(() => expect(outbox.status.value.state).toBe('resting'), PATIENTLY);
    const id = newOriginatorId();
    const metadata = { actorId: 'anna', tenantId: 'shop' };
    const { events } = await app.execute(order, id, { type: 'Place', data: { total: 12 } }, { metadata });
    await app.execute(order, id, { type: 'Pay', data: {} });
    await vi.waitFor(() => expect(broker.messages).toHaveLength(2), PATIENTLY);
    expect(broker.messages.map(({ id: messageId }) => messageId)[0]).toBe(events[0]?.metadata.eventId);
    expect(broker.messages[0]?.headers).toMatchObject({ event_type: 'Placed', actor_id: 'anna', tenant_id: 'shop' });
    await vi.waitFor(async () => expect(await outbox.pending()).toEqual([]), PATIENTLY);
    expect(await outbox.deadLetters()).toEqual([]);
    expect(await index.findEvent(events[0]?.metadata.eventId ?? '')).toMatchObject({
      aggregateId: id,
      actorId: 'anna',
    });
    await outbox.close();
    await close();
  });

  test('refuses an event id that was recorded before, and it is no conflict of versions', async () => {
    const { recorder, outbox, index, close } = await open();
    const app = new Application({
      recorder,
      aggregates: [order],
      inline: [outbox, index],
      newEventId: () => '0198b5a0-0000-7000-8000-000000000001',
    });
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    await app.execute(order, first, { type: 'Place', data: { total: 1 } });
    const repeated = app.execute(order, second, { type: 'Place', data: { total: 1 } });
    await expect(repeated).rejects.toMatchObject({ code: 'DUPLICATE_EVENT', name: 'DuplicateEventError' });
    expect(await recorder.selectEvents(second)).toEqual([]);
    expect((await outbox.counts()).pending).toBe(1);
    await close();
  });
});

describe.each(Object.entries(SQL_RECORDERS))('the table on %s', (_name, open) => {
  test('takes commits of many events', async () => {
    const { recorder, close } = await open();
    const outbox = new SqlOutbox({ recorder, table: uniqueName() });
    await outbox.createTables();
    const id = newOriginatorId();
    const events = Array.from({ length: 1_201 }, (_, index) => sampleRecordedEvent(id, index + 1));
    const recorded = await recordWith(recorder, [outbox], events);
    await outbox.enqueue(recorded);
    expect((await outbox.counts()).pending).toBe(1_201);
    const entries = await outbox.claim({ leaseId: 'x', nowMs: 0, leaseUntilMs: 1, limit: 2_000 });
    expect(entries.map(({ position }) => position)).toEqual(recorded.map(({ notificationId }) => notificationId));
    await outbox.settle(
      'x',
      entries.map((entry) => ({ id: entry.id, kind: 'published' as const, publishedAtMs: 0 })),
    );
    expect((await outbox.counts()).published).toBe(1_201);
    await close();
  });

  test('keeps what is encrypted unreadable', async () => {
    const { recorder, close } = await open();
    const table = uniqueName();
    const codecs = { compressor: new ZlibCompressor(), cipher: await newCipher() };
    const outbox = new SqlOutbox({ recorder, table, ...codecs });
    await outbox.createTables();
    const [event] = await recordWith(recorder, [outbox], [sampleRecordedEvent(newOriginatorId(), 1)]);
    const { rows } = await recorder.query(`SELECT CAST(event_data AS TEXT) AS data FROM ${table}`);
    expect(rows[0]?.['data']).toMatch(/^"[A-Za-z0-9+/=]+"$/);
    expect(await (await outbox.pending())[0]?.event()).toEqual(event);
    const keyless = new SqlOutbox({ recorder, table });
    await expect((await keyless.pending())[0]?.event()).rejects.toMatchObject({ code: 'DATA_ERROR' });
    const other = new SqlOutbox({ recorder, table, ...codecs, cipher: await newCipher() });
    await expect((await other.pending())[0]?.event()).rejects.toMatchObject({ code: 'DECRYPTION_ERROR' });
    await close();
  });

  test('is one application’s: a second one with the same positions is refused', async () => {
    const { recorder, close } = await open();
    const outbox = new SqlOutbox({ recorder, table: uniqueName() });
    await outbox.createTables();
    const [event] = await recordWith(recorder, [outbox], [sampleRecordedEvent(newOriginatorId(), 1)]);
    const again = recorder.transaction(async (transaction) => {
      await outbox.onRecorded(transaction, event === undefined ? [] : [event]);
    });
    await expect(again).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    await close();
  });

  test('keeps any error text', async () => {
    const { recorder, close } = await open();
    const outbox = new SqlOutbox({ recorder, table: uniqueName() });
    await outbox.createTables();
    await recordWith(recorder, [outbox], [sampleRecordedEvent(newOriginatorId(), 1)]);
    const [entry] = await outbox.claim({ leaseId: 'x', nowMs: 0, leaseUntilMs: 1, limit: 1 });
    const error = `half \ud83d and zero \0 ${'x'.repeat(5_000)}`;
    await outbox.settle('x', [{ id: entry?.id ?? '', kind: 'failed', error, counts: true, nextAttemptAtMs: 0 }]);
    const lastError = (await outbox.deadLetters())[0]?.lastError;
    expect(lastError?.startsWith('half \ufffd and zero \ufffd xxx')).toBe(true);
    expect(lastError).toHaveLength(2_000);
    await close();
  });
});

test('on PostgreSQL it may be in a schema, and only names that are safe are taken', async () => {
  await using fixture = await openPostgres();
  const schema = fixture.name;
  await fixture.pool.query(`CREATE SCHEMA ${schema}`);
  const recorder = fixture.recorder;
  const outbox = new SqlOutbox({ recorder, schema });
  const index = new SqlEventIndex({ recorder, schema });
  await Promise.all([outbox.createTables(), outbox.createTables(), index.createTables(), index.createTables()]);
  await recordWith(recorder, [outbox, index], [sampleRecordedEvent(newOriginatorId(), 1)]);
  expect((await outbox.counts()).pending).toBe(1);
  expect(await index.find({})).toHaveLength(1);
  for (const table of ['', '1st', 'a"b', 'a;b', 'x'.repeat(41)]) {
    expect(() => new SqlOutbox({ recorder, table })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error,
    );
  }
});

test('without SQL, a table is refused with a word on what to use', async () => {
  await using fixture = await openPostgres();
  const recorder = fixture.recorder;
  for (const participant of [new SqlOutbox({ recorder }), new SqlEventIndex({ recorder })]) {
    const refused = recordWith(new MemoryProcessRecorder(), [participant], [sampleRecordedEvent(newOriginatorId(), 1)]);
    await expect(refused).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  }
});

function newCipher(): Promise<AESCipher> {
  return AESCipher.fromKey(AESCipher.createKey(16));
}
