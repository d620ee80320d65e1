import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { OutboxWorker } from '../../src/application/outbox/outbox-worker.js';
import type { OutboundMessage } from '../../src/application/outbox/publisher.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { decodeHeaderValue } from '../../src/publishing/header-values.js';
import { NatsPublisher } from '../../src/publishing/nats/nats-publisher.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { recordWith, sampleRecordedEvent } from '../../src/testing/conformance/recorded-events.js';
import { killable, killableRecorder, Killed, KillSwitch } from '../support/kill-switch.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { NATS_MISSING, startNats } from '../support/nats-fixture.js';
import type { NatsFixture } from '../support/nats-fixture.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

const title = NATS_MISSING === undefined ? 'on NATS' : `on NATS (skipped: ${NATS_MISSING})`;
const text = new TextDecoder();

function message(change: Partial<OutboundMessage> = {}): OutboundMessage {
  return {
    id: crypto.randomUUID(),
    destination: 'orders.events',
    headers: { aggregate_id: 'a', actor_id: 'Zoë 100% "x"\r\n' },
    contentType: 'application/json',
    body: new TextEncoder().encode('{"text":"é"}'),
    ...change,
  };
}

const live = { signal: new AbortController().signal };

describe.skipIf(NATS_MISSING !== undefined)(title, () => {
  let server: NatsFixture;
  let connection: NatsConnection;

  beforeAll(async () => {
    server = await startNats();
    connection = await server.connect({ maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  });
  afterAll(async () => {
    await connection.close();
    await server[Symbol.asyncDispose]();
  });

  async function addStream(
    name: string,
    subject: string,
    limits: { readonly max_msg_size?: number } = {},
  ): Promise<void> {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name, subjects: [subject], duplicate_window: nanos(60_000), ...limits });
  }

  async function stored(stream: string): Promise<{ id: string; sequence: number; aggregateId: string }[]> {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(stream);
    const messages = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const found = await manager.streams.getMessage(stream, { seq });
      const get = (name: string): string => found?.header.get(name) ?? '';
      messages.push({ id: get('Nats-Msg-Id'), sequence: Number(get('sequence')), aggregateId: get('aggregate_id') });
    }
    return messages;
  }

  test('a message arrives with its body and headers, once however often it is sent', async () => {
    await addStream('ONE', 'orders.events');
    const publisher = new NatsPublisher({ connection });
    const sent = message();
    await publisher.publish(sent, live);
    await publisher.publish(sent, live);
    const consumer = await jetstream(connection).consumers.get('ONE');
    const received = await consumer.next({ expires: 2_000 });
    expect(text.decode(received?.data)).toBe('{"text":"é"}');
    const header = (name: string): string => received?.headers?.get(name) ?? '';
    expect(header('Nats-Msg-Id')).toBe(sent.id);
    expect(header('aggregate_id')).toBe('a');
    expect(decodeHeaderValue(header('actor_id'))).toBe('Zoë 100% "x"\r\n');
    expect(header('content-type')).toBe('application/json');
    expect(await stored('ONE')).toHaveLength(1);
  });

  test('the subject may be told from the message', async () => {
    await addStream('TWO', 'items.*');
    const publisher = new NatsPublisher({
      connection,
      subject: ({ headers }) => `items.${headers['aggregate_id'] ?? ''}`,
    });
    await publisher.publish(message(), live);
    expect(await stored('TWO')).toHaveLength(1);
  });

  test('what no stream takes waits, what a stream refuses counts, what is too large is given up', async () => {
    await addStream('SMALL', 'small.events', { max_msg_size: 500 });
    const publisher = new NatsPublisher({ connection, ackTimeoutMs: 1_000 });
    const code = (change: Partial<OutboundMessage>): Promise<unknown> =>
      publisher.publish(message(change), live).then(
        () => 'published',
        (error: unknown) => error,
      );
    expect(await code({ destination: 'nobody.listens' })).toMatchObject({ code: 'PUBLISHER_UNAVAILABLE' });
    expect(await code({ destination: 'small.events', body: new Uint8Array(1_000) })).toMatchObject({
      code: 'PUBLISH_ERROR',
    });
    expect(await code({ destination: 'no spaces allowed' })).toMatchObject({ code: 'PUBLISH_ERROR' });
    const large = new Uint8Array((connection.info?.max_payload ?? 0) + 1);
    expect(await code({ destination: 'orders.events', body: large })).toMatchObject({
      code: 'PUBLISH_ERROR',
      details: { isPermanent: true },
    });
  });

  test('a broker that dies holds everything up and blames nothing; then everything arrives', async () => {
    await addStream('REBORN', 'reborn.events');
    const recorder = new MemoryProcessRecorder();
    const outbox = new MemoryOutbox();
    const publisher = new NatsPublisher({ connection, ackTimeoutMs: 500, subject: () => 'reborn.events' });
    const worker = new OutboxWorker({
      outbox,
      publish: publisher,
      maxAttempts: 1,
      retry: { delayMsMin: 20, delayMsMax: 100 },
    });
    await server.kill();
    const id = newOriginatorId();
    for (const version of [1, 2, 3]) await recordWith(recorder, [outbox], [sampleRecordedEvent(id, version)]);
    worker.start();
    await vi.waitFor(() => expect(worker.status.value.state).toBe('waiting'), { timeout: 5_000 });
    await server.restart();
    await vi.waitFor(async () => expect((await outbox.counts()).published).toBe(3), { timeout: 10_000 });
    await worker.close();
    expect((await stored('REBORN')).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  test('a worker that is killed at any step leaves each event in the stream exactly once, in order', async () => {
    const { recorder, close } = await (
      SQL_RECORDERS['SQLite on sql.js'] as NonNullable<(typeof SQL_RECORDERS)[string]>
    )();
    let steps = 0;
    for (let hasSurvived = false; !hasSurvived; steps++) {
      const [stream, subject] = [`KILLED_${steps}`, `killed.${steps}`];
      await addStream(stream, subject);
      const clock = new ManualClock();
      const options = { table: `killed_${steps}`, clock };
      const outbox = new SqlOutbox({ recorder, ...options });
      await outbox.createTables();
      const ids = [newOriginatorId(), newOriginatorId()] as const;
      for (const version of [1, 2]) {
        await recordWith(
          recorder,
          [outbox],
          ids.map((id) => sampleRecordedEvent(id, version)),
        );
      }
      const kill = new KillSwitch(steps + 1);
      const publisher = new NatsPublisher({ connection, subject: () => subject });
      const mortal = new OutboxWorker({
        outbox: new SqlOutbox({ recorder: killableRecorder(recorder, kill), ...options }),
        publish: killable(publisher, kill, ['publish']),
        clock,
      });
      await mortal.runOnce().catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });
      hasSurvived = !kill.hasKilled;
      clock.advance(60_000);
      await new OutboxWorker({ outbox, publish: publisher, clock }).runOnce();
      const messages = await stored(stream);
      expect(messages).toHaveLength(4);
      for (const id of ids) {
        expect(messages.filter(({ aggregateId }) => aggregateId === id).map(({ sequence }) => sequence)).toEqual([
          1, 2,
        ]);
      }
    }
    expect(steps).toBeGreaterThan(12);
    await close();
  });
});
