import { describe, expect, test } from 'vitest';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { OutboxWorker } from '../../../src/application/outbox/outbox-worker.js';
import type { Outbox } from '../../../src/application/outbox/outbox.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { TransactionalRecorder } from '../../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { recordWith, sampleRecordedEvent } from '../../../src/testing/conformance/recorded-events.js';
import { killable, killableRecorder, Killed, KillSwitch } from '../../support/kill-switch.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { MemoryBroker } from '../../support/memory-broker.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const LEASE_MS = 10_000;
// Far more than a run takes: reached only when killing never ends it.
const STEPS_MAX = 500;

interface Opened {
  readonly recorder: TransactionalRecorder<SqlQueryable | undefined>;
  /** An empty outbox, and the same one as a process has it that can be killed. */
  openOutbox(clock: ManualClock): Promise<{ readonly outbox: Outbox; mortal(kill: KillSwitch): Outbox }>;
  close(): Promise<void>;
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => ({
    recorder: new MemoryProcessRecorder(),
    async openOutbox(clock) {
      const outbox = new MemoryOutbox({ clock });
      return { outbox, mortal: (kill) => killable(outbox, kill, ['claim', 'settle', 'renew', 'release']) };
    },
    close: async () => undefined,
  }),
  ...Object.fromEntries(
    Object.entries(SQL_RECORDERS).map(([name, open]) => [
      name,
      async (): Promise<Opened> => {
        const { recorder, close } = await open();
        return {
          recorder,
          async openOutbox(clock) {
            const options = { table: uniqueName(), clock };
            const outbox = new SqlOutbox({ recorder, ...options });
            await outbox.createTables();
            const mortal = (kill: KillSwitch): Outbox =>
              new SqlOutbox({ recorder: killableRecorder(recorder, kill), ...options });
            return { outbox, mortal };
          },
          close,
        };
      },
    ]),
  ),
};

describe.each(Object.entries(ENGINES))('an outbox worker on %s', (_name, open) => {
  test('that is killed at any step loses nothing and mixes up nothing', async () => {
    const { recorder, openOutbox, close } = await open();
    let steps = 0;
    let duplicates = 0;
    for (let hasSurvived = false; !hasSurvived; steps++) {
      expect(steps).toBeLessThan(STEPS_MAX);
      const clock = new ManualClock();
      const { outbox, mortal } = await openOutbox(clock);
      const ids = [newOriginatorId(), newOriginatorId()] as const;
      for (const version of [1, 2, 3]) {
        await recordWith(
          recorder,
          [outbox],
          ids.map((id) => sampleRecordedEvent(id, version)),
        );
      }
      const broker = new MemoryBroker();
      const kill = new KillSwitch(steps + 1);
      hasSurvived = !(await runUntilKilled(mortal(kill), broker, kill, clock));
      clock.advance(LEASE_MS);
      await workerOn(outbox, broker, new KillSwitch(Infinity), clock).runOnce();
      expect(await outbox.counts()).toEqual({ pending: 0, published: 6, failed: 0 });
      broker.expectAll(new Map(ids.map((id) => [id, 3])));
      duplicates += broker.messages.length - 6;
    }
    // At least: claim, and for each of the six a publishing, and their marks. And some of them came twice, or killing has
    // tested nothing.
    expect(steps).toBeGreaterThan(14);
    expect(duplicates).toBeGreaterThan(0);
    await close();
  });

  test('that is killed while it commits events leaves either both or nothing', async () => {
    const { recorder, openOutbox, close } = await open();
    const { outbox } = await openOutbox(new ManualClock());
    const id = newOriginatorId();
    const dead = {
      onRecorded: () => Promise.reject(new Killed('killed before the commit')),
    };
    await expect(recordWith(recorder, [outbox, dead], [sampleRecordedEvent(id, 1)])).rejects.toThrow(Killed);
    expect(await recorder.selectEvents(id)).toEqual([]);
    expect(await outbox.counts()).toEqual({ pending: 0, published: 0, failed: 0 });
    await close();
  });
});

/** @returns whether it was killed */
async function runUntilKilled(
  outbox: Outbox,
  broker: MemoryBroker,
  kill: KillSwitch,
  clock: ManualClock,
): Promise<boolean> {
  try {
    await workerOn(outbox, broker, kill, clock).runOnce();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  return kill.hasKilled;
}

function workerOn(outbox: Outbox, broker: MemoryBroker, kill: KillSwitch, clock: ManualClock): OutboxWorker {
  return new OutboxWorker({
    outbox,
    clock,
    leaseMs: LEASE_MS,
    publishTimeoutMs: LEASE_MS / 2,
    async publish(message) {
      kill.step();
      await Promise.resolve();
      broker.take(message);
      kill.step();
    },
  });
}
