import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { OutboxWorker } from '../../../src/application/outbox/outbox-worker.js';
import type { Outbox } from '../../../src/application/outbox/outbox.js';
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
