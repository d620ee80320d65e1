import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { envelopeMessages } from '../../../src/application/outbox/message-format.js';
import type { MessageFormat } from '../../../src/application/outbox/message-format.js';
import { OutboxWorker } from '../../../src/application/outbox/outbox-worker.js';
import type { OutboxWorkerOptions } from '../../../src/application/outbox/outbox-worker.js';
import type { Outbox } from '../../../src/application/outbox/outbox.js';
import { PublishError, PublisherUnavailableError } from '../../../src/application/outbox/publish-errors.js';
import type { OutboundMessage, PublishOptions } from '../../../src/application/outbox/publisher.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { TransactionalRecorder } from '../../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { recordWith, sampleRecordedEvent } from '../../../src/testing/conformance/recorded-events.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { MemoryBroker } from '../../support/memory-broker.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

type Recorder = TransactionalRecorder<SqlQueryable | undefined>;

/** An outbox in memory, a broker, and a worker between them. */
function lab(options: Partial<OutboxWorkerOptions> = {}) {
  const clock = new ManualClock();
  const recorder = new MemoryProcessRecorder();
  const outbox = new MemoryOutbox({ clock });
  const broker = new MemoryBroker();
  const publish = vi.fn(async (message: OutboundMessage, _options: PublishOptions) => broker.take(message));
  // The largest of all waits, so that times are known.
  const random = (): number => 0.999_999;
  const worker = new OutboxWorker({ outbox, publish, clock, random, ...options });
  const record = async (id: string, version: number): Promise<void> => {
    await recordWith(recorder, [outbox], [sampleRecordedEvent(id, version)]);
  };
  return { clock, recorder, outbox, broker, publish, worker, record };
}

/** Lets everything happen that does not wait for time. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('attempts', () => {
  test('an entry is a dead letter after the fifth failed attempt, with waits that double in between', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new Error('no'));
    await record(newOriginatorId(), 1);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      expect(await worker.runOnce()).toMatchObject({ postponed: 1, failed: 0 });
      const [entry] = await outbox.pending();
      expect(entry).toMatchObject({ retryCount: attempt, lastError: 'Error: no' });
      waits.push((entry?.nextAttemptAtMs ?? 0) - clock.nowMs());
      clock.advance((waits.at(-1) ?? 0) - 1);
      expect((await worker.runOnce()).claimed).toBe(0);
      clock.advance(1);
    }
    expect(waits).toEqual([999, 1_999, 3_999, 7_999]);
    expect(await worker.runOnce()).toMatchObject({ postponed: 0, failed: 1 });
    expect(publish).toHaveBeenCalledTimes(5);
    expect((await outbox.deadLetters())[0]).toMatchObject({ status: 'failed', retryCount: 5 });
    clock.advance(1_000_000);
    expect((await worker.runOnce()).claimed).toBe(0);
  });

  test('a message that can never be sent is a dead letter at once', async () => {
    const { outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new PublishError('too large', { details: { isPermanent: true } }));
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    expect(await outbox.counts()).toEqual({ pending: 0, published: 0, failed: 1 });
  });

  test('a function that forgets its promise has published, and one that throws at once has not', async () => {
    const { outbox, publish, worker, record } = lab();
    publish.mockImplementationOnce(() => {
      throw new Error('at once');
    });
    publish.mockImplementationOnce(() => undefined as never);
    for (const id of [newOriginatorId(), newOriginatorId()]) await record(id, 1);
    expect(await worker.runOnce()).toMatchObject({ published: 1, postponed: 1 });
    expect((await outbox.pending())[0]?.lastError).toBe('Error: at once');
  });

  test('the other side may ask for more time', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new PublishError('later', { details: { retryAfterMs: 77_000 } }));
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    expect((await outbox.pending())[0]?.nextAttemptAtMs).toBe(clock.nowMs() + 77_000);
  });

  test.each([Number.NaN, -5, Infinity, 86_400_000])('no longer than an hour: %d', async (retryAfterMs) => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new PublishError('later', { details: { retryAfterMs } }));
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    const [entry] = await outbox.pending();
    expect((entry?.nextAttemptAtMs ?? 0) - clock.nowMs()).toBe(retryAfterMs > 0 ? 3_600_000 : 999);
  });

  test('nobody is blamed when the publisher is not available, and nobody else is tried', async () => {
    const { outbox, publish, worker, record } = lab({ concurrency: 1 });
    publish.mockRejectedValue(new PublisherUnavailableError('no connection'));
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    await record(one, 1);
    await record(other, 1);
    for (let round = 1; round <= 10; round++) await worker.runOnce();
    expect(publish).toHaveBeenCalledTimes(10);
    expect((await outbox.pending()).map(({ retryCount }) => retryCount)).toEqual([0, 0]);
    publish.mockReset();
    publish.mockResolvedValue(undefined);
    await worker.runOnce();
    expect(await outbox.counts()).toEqual({ pending: 0, published: 2, failed: 0 });
  });

  test('an entry that cannot be read holds up its own aggregate only', async () => {
    const { outbox, broker, worker, record } = lab({ maxAttempts: 1 });
    const [damaged, whole] = [newOriginatorId(), newOriginatorId()];
    for (const id of [damaged, whole, damaged]) await record(id, id === whole ? 1 : (await versionOf(id)) + 1);
    async function versionOf(id: string): Promise<number> {
      return (await outbox.pending()).filter(({ aggregateId }) => aggregateId === id).length;
    }
    const claim = outbox.claim.bind(outbox);
    vi.spyOn(outbox, 'claim').mockImplementation(async (request) =>
      (await claim(request)).map((entry) =>
        entry.aggregateId === damaged ? { ...entry, event: () => Promise.reject(new Error('damaged')) } : entry,
      ),
    );
    await worker.runOnce();
    expect(broker.messages.map(({ headers }) => headers['aggregate_id'])).toEqual([whole]);
    expect(await outbox.counts()).toEqual({ pending: 1, published: 1, failed: 1 });
  });

  test('an aggregate that fails leaves the others their turn, however much of it there is', async () => {
    const { outbox, broker, publish, recorder, worker } = lab({ batch: 100 });
    const [failing, ...others] = Array.from({ length: 4 }, () => newOriginatorId()) as [string, ...string[]];
    const events = Array.from({ length: 250 }, (_, index) => sampleRecordedEvent(failing, index + 1));
    await recordWith(recorder, [outbox], [...events, ...others.map((id) => sampleRecordedEvent(id, 1))]);
    publish.mockImplementation(async (message) => {
      if (message.headers['aggregate_id'] === failing) throw new Error('no');
      broker.take(message);
    });
    expect(await worker.runOnce()).toMatchObject({ published: 3, postponed: 1 });
    expect(broker.messages.map(({ headers }) => headers['aggregate_id'])).toEqual(others);
    // Each time that it is due again, it is tried again, and the rest is not waited for.
    expect(publish.mock.calls.filter(([{ headers }]) => headers['aggregate_id'] === failing)).toHaveLength(1);
  });

  test('a batch that lost its lease is not begun again and again', async () => {
    const { outbox, worker, record, clock, publish } = lab({ leaseMs: 1_000, publishTimeoutMs: 900 });
    await record(newOriginatorId(), 1);
    vi.spyOn(outbox, 'renew').mockResolvedValue(false);
    const claim = outbox.claim.bind(outbox);
    const claims = vi.spyOn(outbox, 'claim').mockImplementation(async (request) => {
      const entries = await claim(request);
      clock.advance(600);
      return entries;
    });
    expect(await worker.runOnce()).toMatchObject({ claimed: 1, published: 0 });
    expect(claims).toHaveBeenCalledTimes(1);
    expect(publish).not.toHaveBeenCalled();
  });

  test.each(['format', 'event'])(
    'a %s that never settles is given up after its time, and not published late',
    async (what) => {
      let goOn: () => void = () => undefined;
      const waiting = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      let isFirst = true;
      const once = async (): Promise<void> => {
        const hangs = isFirst;
        isFirst = false;
        if (hangs) await waiting;
      };
      const format: MessageFormat = async (event) => {
        if (what === 'format') await once();
        return await envelopeMessages()(event);
      };
      const { clock, outbox, publish, worker, record } = lab({ format, publishTimeoutMs: 100, concurrency: 1 });
      const claim = outbox.claim.bind(outbox);
      if (what === 'event') {
        outbox.claim = async (request) =>
          (await claim(request)).map((entry) => ({
            ...entry,
            event: async () => {
              await once();
              return await entry.event();
            },
          }));
      }
      await record(newOriginatorId(), 1);
      await record(newOriginatorId(), 1);
      const done = worker.runOnce();
      await settle();
      expect(publish).not.toHaveBeenCalled();
      clock.advance(100);
      expect(await done).toMatchObject({ postponed: 1 });
      expect((await outbox.pending())[0]?.lastError).toContain('longer than 100 ms');
      expect(publish).toHaveBeenCalledTimes(1);
      goOn();
      await settle();
      expect(publish).toHaveBeenCalledTimes(1);
    },
  );

  test('a publisher that never answers is given up after its time, and the late answer changes nothing', async () => {
    const { clock, outbox, publish, worker, record } = lab({ publishTimeoutMs: 1_000, leaseMs: 10_000 });
    let answer: () => void = () => undefined;
    let seen: AbortSignal | undefined;
    publish.mockImplementationOnce(async (_message, { signal }) => {
      seen = signal;
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
    });
    await record(newOriginatorId(), 1);
    const run = worker.runOnce();
    await settle();
    clock.advance(1_000);
    expect(await run).toMatchObject({ published: 0, postponed: 1 });
    expect(seen?.aborted).toBe(true);
    answer();
    await settle();
    expect((await outbox.pending())[0]).toMatchObject({ status: 'pending', retryCount: 1 });
  });
});

test('an outbox that cannot be written ends the batch, and what was not written down is published again', async () => {
  const { clock, outbox, broker, publish, worker, record } = lab({ concurrency: 1 });
  const id = newOriginatorId();
  for (let version = 1; version <= 5; version++) await record(id, version);
  vi.spyOn(outbox, 'settle').mockRejectedValueOnce(new Error('no database'));
  publish.mockImplementation(async (message) => {
    broker.take(message);
    await settle();
  });
  await expect(worker.runOnce()).rejects.toThrow('no database');
  expect(broker.messages.length).toBeLessThan(5);
  clock.advance(60_000);
  expect((await worker.runOnce()).published).toBe(5);
  broker.expectAll(new Map([[id, 5]]));
});

describe('a lease', () => {
  test('is prolonged while a long batch is published, so that nobody takes over', async () => {
    const { clock, outbox, broker, publish, worker, record } = lab({ leaseMs: 10_000, publishTimeoutMs: 5_000 });
    const id = newOriginatorId();
    for (let version = 1; version <= 10; version++) await record(id, version);
    const other = new OutboxWorker({ outbox, publish: async (message) => broker.take(message), clock });
    publish.mockImplementation(async (message) => {
      clock.advance(4_000);
      expect((await other.runOnce()).claimed).toBe(0);
      broker.take(message);
    });
    expect(await worker.runOnce()).toMatchObject({ published: 10 });
    broker.expectOnce();
    broker.expectAll(new Map([[id, 10]]));
  });

  test('that was lost ends the batch', async () => {
    const { clock, outbox, broker, publish, worker, record } = lab({ leaseMs: 10_000, publishTimeoutMs: 5_000 });
    const id = newOriginatorId();
    for (let version = 1; version <= 4; version++) await record(id, version);
    const other = new OutboxWorker({ outbox, publish: async (message) => broker.take(message), clock });
    let takenOver: Promise<unknown> | undefined;
    publish.mockImplementationOnce(async (message) => {
      broker.take(message);
      // The machine slept.
      clock.advance(60_000);
      takenOver = other.runOnce();
      await takenOver;
    });
    await worker.runOnce();
    expect(await takenOver).toMatchObject({ published: 4 });
    expect(publish).toHaveBeenCalledTimes(1);
    expect(broker.messages.length).toBe(5);
    broker.expectAll(new Map([[id, 4]]));
    expect(await outbox.counts()).toEqual({ pending: 0, published: 4, failed: 0 });
  });
});

describe('a worker that was started', () => {
  test('is woken by commits, retries when it is due, and rests otherwise', async () => {
    const { clock, outbox, publish, broker, worker, record } = lab();
    const claim = vi.spyOn(outbox, 'claim');
    worker.start();
    await settle();
    expect(worker.status.value.state).toBe('resting');
    const id = newOriginatorId();
    publish.mockRejectedValueOnce(new Error('no'));
    await record(id, 1);
    await settle();
    expect(broker.messages).toHaveLength(0);
    expect(worker.status.value.lastError).toMatchObject({ message: 'no' });
    // Due before the next look would be.
    clock.advance(999);
    await settle();
    expect(broker.messages).toHaveLength(1);
    expect(worker.status.value).toMatchObject({ state: 'resting', published: 1, lastError: undefined });
    const looks = claim.mock.calls.length;
    clock.advance(4_999);
    await settle();
    expect(claim).toHaveBeenCalledTimes(looks);
    clock.advance(1);
    await settle();
    expect(claim).toHaveBeenCalledTimes(looks + 1);
    await worker.close();
    expect(worker.status.value.state).toBe('stopped');
    await record(id, 2);
    await settle();
    expect(broker.messages).toHaveLength(1);
  });

  test('misses no commit that comes while it looks', async () => {
    const { outbox, broker, worker, record } = lab();
    const id = newOriginatorId();
    const claim = outbox.claim.bind(outbox);
    vi.spyOn(outbox, 'claim').mockImplementationOnce(async (request) => {
      const entries = await claim(request);
      await record(id, 1);
      return entries;
    });
    worker.start();
    await settle();
    expect(broker.messages).toHaveLength(1);
    await worker.close();
  });

  test('waits longer and longer while the publisher or the outbox fails, however much is recorded', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValueOnce(new PublisherUnavailableError('down', { details: { retryAfterMs: 9_000 } }));
    const id = newOriginatorId();
    await record(id, 1);
    worker.start();
    await settle();
    expect(worker.status.value).toMatchObject({ state: 'waiting', nextAttemptAtMs: clock.nowMs() + 9_000 });
    await record(id, 2);
    await settle();
    expect(publish).toHaveBeenCalledTimes(1);
    vi.spyOn(outbox, 'claim').mockRejectedValueOnce(new Error('no database'));
    clock.advance(9_000);
    await settle();
    expect(worker.status.value).toMatchObject({ state: 'waiting', nextAttemptAtMs: clock.nowMs() + 1_999 });
    clock.advance(1_999);
    await settle();
    expect(worker.status.value).toMatchObject({ state: 'resting', published: 2 });
    await worker.close();
  });

  test('stops by its signal, finishes what is under way and gives the rest back', async () => {
    const { outbox, broker, publish, worker, record } = lab();
    const id = newOriginatorId();
    for (const version of [1, 2, 3]) await record(id, version);
    const controller = new AbortController();
    publish.mockImplementation(async (message, { signal }) => {
      controller.abort();
      await settle();
      expect(signal.aborted).toBe(false);
      broker.take(message);
    });
    worker.start({ signal: controller.signal });
    await settle();
    await worker.close();
    expect(broker.messages).toHaveLength(1);
    expect(await outbox.counts()).toEqual({ pending: 2, published: 1, failed: 0 });
    const claimed = await outbox.claim({ leaseId: 'x', nowMs: 0, leaseUntilMs: 1, limit: 10 });
    expect(claimed).toHaveLength(2);
    expect(() => worker.start()).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error);
  });

  test('deletes what was published long ago, when it is told to', async () => {
    const { clock, outbox, worker, record } = lab({ keepPublishedMs: 60_000 });
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    clock.advance(60_000);
    await worker.runOnce();
    expect((await outbox.counts()).published).toBe(1);
    clock.advance(1);
    await worker.runOnce();
    expect((await outbox.counts()).published).toBe(0);
  });

  test('refuses numbers that make no sense', () => {
    const wrong: Partial<OutboxWorkerOptions>[] = [
      { batch: 0 },
      { maxAttempts: -1 },
      { leaseMs: 10, publishTimeoutMs: 10 },
    ];
    for (const options of wrong) expect(() => lab(options)).toThrow();
  });
});

/** Several workers whose every call, and every message, happens in an order that fast-check chooses. */
async function raceWorkers(
  outbox: Outbox,
  recorder: Recorder,
  clock: ManualClock,
  s: fc.Scheduler,
  failures: readonly boolean[],
): Promise<{ readonly broker: MemoryBroker; readonly ids: readonly string[] }> {
  const ids = [newOriginatorId(), newOriginatorId()];
  for (const version of [1, 2, 3]) {
    await recordWith(
      recorder,
      [outbox],
      ids.map((id) => sampleRecordedEvent(id, version)),
    );
  }
  const broker = new MemoryBroker();
  let calls = 0;
  const turn = (what: string): Promise<string> => s.schedule(Promise.resolve(what));
  const scheduled: Outbox = new Proxy(outbox, {
    get(object, property) {
      const method = Reflect.get(object, property, object) as (...parameters: unknown[]) => unknown;
      if (!['claim', 'settle', 'renew', 'release'].includes(property as string)) return method.bind(object);
      return async (...parameters: unknown[]) => {
        await turn(property as string);
        return await method.apply(object, parameters);
      };
    },
  });
  const workers = [1, 2, 3].map(
    () =>
      new OutboxWorker({
        outbox: scheduled,
        clock,
        leaseMs: 1_000,
        publishTimeoutMs: 500,
        batch: 4,
        maxAttempts: 100,
        retry: { delayMsMin: 10, delayMsMax: 10 },
        async publish(message) {
          const isRefused = failures[calls++ % Math.max(1, failures.length)] === true;
          await turn('publish');
          // Arrives, also when the worker has given it up meanwhile.
          if (isRefused) throw new Error('refused');
          broker.take(message);
          await turn('answer');
        },
      }),
  );
  // Time goes on in between, more than a lease at once, so that workers lose theirs.
  const time = Array.from({ length: 8 }, async () => {
    await turn('time');
    clock.advance(700);
  });
  await s.waitFor(Promise.all([...workers.map((worker) => worker.runOnce()), ...time]));
  for (let round = 0; (await outbox.counts()).pending > 0; round++) {
    expect(round).toBeLessThan(20);
    clock.advance(2_000);
    await new OutboxWorker({ outbox, clock, publish: async (message) => broker.take(message) }).runOnce();
  }
  return { broker, ids };
}

describe('several workers', () => {
  test('keep the order of each aggregate, whatever the interleaving (memory)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 8 }), async (s, failures) => {
        const clock = new ManualClock();
        const outbox = new MemoryOutbox({ clock });
        const { broker, ids } = await raceWorkers(outbox, new MemoryProcessRecorder(), clock, s, failures);
        broker.expectAll(new Map(ids.map((id) => [id, 3])));
      }),
      { numRuns: 300 },
    );
  });

  test('keep the order of each aggregate, whatever the interleaving (SQLite)', async () => {
    const open = SQL_RECORDERS['SQLite on sql.js'];
    const { recorder, close } = (await open?.()) as NonNullable<Awaited<ReturnType<NonNullable<typeof open>>>>;
    let tables = 0;
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 8 }), async (s, failures) => {
        const clock = new ManualClock();
        const outbox = new SqlOutbox({ recorder, clock, table: `outbox_${++tables}` });
        await outbox.createTables();
        const { broker, ids } = await raceWorkers(outbox, recorder, clock, s, failures);
        broker.expectAll(new Map(ids.map((id) => [id, 3])));
      }),
      { numRuns: 60 },
    );
    await close();
  });

  test('keep the order of each aggregate on PostgreSQL, and publish nothing twice', async () => {
    await using fixture = await openPostgres();
    const table = fixture.name;
    const open = (): SqlOutbox => new SqlOutbox({ recorder, table });
    const recorder = fixture.recorder;
    const outbox = open();
    await Promise.all([outbox.createTables(), open().createTables(), open().createTables()]);
    const ids = Array.from({ length: 10 }, () => newOriginatorId());
    const broker = new MemoryBroker();
    const shares = [0, 0, 0];
    const workers = shares.map(
      (_, index) =>
        new OutboxWorker({
          outbox: open(),
          batch: 7,
          intervalMs: 20,
          retry: { delayMsMin: 1, delayMsMax: 20 },
          maxAttempts: 1_000,
          async publish(message) {
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
            if (Math.random() < 0.1) throw new Error('refused');
            broker.take(message);
            (shares[index] as number)++;
          },
        }),
    );
    for (const worker of workers) worker.start();
    await Promise.all(
      ids.map(async (id) => {
        for (let version = 1; version <= 20; version++) {
          await recordWith(recorder, [outbox], [sampleRecordedEvent(id, version)]);
        }
      }),
    );
    await vi.waitFor(async () => expect((await outbox.counts()).published).toBe(200), {
      timeout: 20_000,
      interval: 50,
    });
    await Promise.all(workers.map((worker) => worker.close()));
    broker.expectAll(new Map(ids.map((id) => [id, 20])));
    broker.expectOnce();
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });
});

describe('a clock that is set', () => {
  const DAY_MS = 86_400_000;

  test('back by a day keeps what a dead worker had leased back for no day', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    clock.set(10 * DAY_MS);
    await record(newOriginatorId(), 1);
    const nowMs = clock.nowMs();
    await outbox.claim({ leaseId: 'dead', nowMs, leaseUntilMs: nowMs + 60_000, limit: 10 });
    expect((await worker.runOnce()).claimed).toBe(0);
    clock.set(nowMs - DAY_MS);
    expect(await worker.runOnce()).toMatchObject({ published: 1 });
    expect(publish).toHaveBeenCalledTimes(1);
  });

  test('back by a day keeps what waits for its next attempt back for no day', async () => {
    const { clock, publish, worker, record } = lab();
    clock.set(10 * DAY_MS);
    publish.mockRejectedValueOnce(new Error('no'));
    await record(newOriginatorId(), 1);
    expect(await worker.runOnce()).toMatchObject({ postponed: 1 });
    clock.set(9 * DAY_MS);
    expect(await worker.runOnce()).toMatchObject({ published: 1 });
  });

  test('back by some minutes takes no lease from anyone', async () => {
    const { clock, outbox, worker, record } = lab({ leaseMs: 40_000 });
    clock.set(10 * DAY_MS);
    await record(newOriginatorId(), 1);
    const nowMs = clock.nowMs();
    await outbox.claim({ leaseId: 'of a longer lease', nowMs, leaseUntilMs: nowMs + 1_800_000, limit: 10 });
    clock.set(nowMs - 600_000);
    expect((await worker.runOnce()).claimed).toBe(0);
  });

  test('forward, while a message is on its way, ends no lease of this worker before its time', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    const id = newOriginatorId();
    await record(id, 1);
    await record(id, 2);
    publish.mockImplementationOnce(async () => clock.set(clock.nowMs() + DAY_MS));
    expect(await worker.runOnce()).toMatchObject({ published: 2 });
    expect(await outbox.counts()).toMatchObject({ pending: 0, published: 2 });
  });
});
