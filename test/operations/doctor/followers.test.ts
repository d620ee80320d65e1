/** A look at who follows a log, on every engine with SQL. */
import { describe, expect, test } from 'vitest';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { diagnose } from '../../../src/operations/doctor/diagnose.js';
import type { DiagnoseOptions } from '../../../src/operations/doctor/diagnose.js';
import type { Finding } from '../../../src/operations/doctor/finding.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { recordWith, sampleRecordedEvent } from '../../../src/testing/conformance/recorded-events.js';
import { countedProjection } from '../../support/counted-projection.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';
import { makeEvents } from '../../support/stored-events.js';

describe.each(Object.entries(SQL_RECORDERS))('who follows a log: %s', (_, open) => {
  async function opened(
    work: (recorder: Awaited<ReturnType<typeof open>>['recorder'], name: string) => Promise<void>,
  ): Promise<void> {
    const { recorder, close } = await open();
    try {
      await work(recorder, uniqueName());
    } finally {
      await close();
    }
  }
  const look = async (...args: Parameters<typeof diagnose>): Promise<readonly Finding[]> =>
    (await diagnose(...args)).findings.filter(({ check }) => ['projection', 'outbox', 'tracking'].includes(check));

  test('a projection that lags, by the events that are of its topics', async () => {
    await opened(async (recorder, name) => {
      await new SqlProjectionStore(recorder, countedProjection(name)).setUp();
      await recorder.insertEvents(makeEvents(4));
      await recorder.insertEvents(makeEvents(9).map((event) => ({ ...event, topic: 'stock:Item.Renamed' })));
      const of = async (thresholds: DiagnoseOptions['thresholds']): Promise<Finding | undefined> =>
        (await look(recorder, { thresholds: thresholds ?? {} })).find(({ subject }) => subject === name);
      expect(await of({ lagWarning: 4 })).toMatchObject({ level: 'ok', details: { position: 0, lag: 4 } });
      expect(await of({ lagWarning: 3 })).toMatchObject({
        level: 'warning',
        message: expect.stringContaining('4 events to take in'),
      });
      expect(await of({ lagWarning: 1, lagCritical: 2 })).toMatchObject({
        level: 'critical',
        message: expect.stringContaining('more than 2'),
      });
    });
  });

  test('an outbox whose messages wait, and some that were given up', async () => {
    await opened(async (recorder, name) => {
      const outboxTable = `o_${name}`;
      const outbox = new SqlOutbox({ recorder, table: outboxTable });
      await outbox.createTables();
      await recordWith(
        recorder,
        [outbox],
        [1, 2, 3].map((version) => sampleRecordedEvent(newOriginatorId(), version)),
      );
      const clock = { nowMs: () => Date.now() + 600_000, monotonicMs: () => 0 };
      const [waits] = await look(recorder, { outboxTable });
      expect(waits).toMatchObject({ level: 'ok', subject: outboxTable, details: { pending: 3 } });
      expect((await look(recorder, { outboxTable, clock }))[0]).toMatchObject({ level: 'warning' });
      expect((await look(recorder, { outboxTable, thresholds: { backlogWarning: 2 } }))[0]).toMatchObject({
        level: 'warning',
      });
      expect((await look(recorder, { outboxTable, thresholds: { backlogCritical: 2 } }))[0]).toMatchObject({
        level: 'critical',
      });
      await recorder.transaction(async ({ connection }) => {
        await connection.query(
          `UPDATE ${outboxTable} SET status = 'failed' WHERE aggregate_id = (SELECT min(aggregate_id) FROM ${outboxTable})`,
        );
      });
      const [failed] = await look(recorder, { outboxTable });
      expect(failed).toMatchObject({ level: 'warning', details: { failed: 1 } });
    });
  });

  test('a log that is followed, and one that has lost its end', async () => {
    await opened(async (recorder, name) => {
      const upstream = new MemoryProcessRecorder();
      await upstream.insertEvents(makeEvents(5));
      await recorder.insertEvents(makeEvents(1), { tracking: { applicationName: name, notificationId: 2 } });
      const of = async (thresholds: DiagnoseOptions['thresholds']): Promise<Finding | undefined> =>
        (await look(recorder, { followed: { [name]: upstream }, thresholds: thresholds ?? {} })).find(
          ({ check }) => check === 'tracking',
        );
      expect(await of({})).toMatchObject({ level: 'ok', details: { position: 2, lag: 3 } });
      expect(await of({ lagWarning: 2 })).toMatchObject({ level: 'warning' });
      const [finding] = await look(recorder, { followed: { [name]: new MemoryProcessRecorder() } }).then((all) =>
        all.filter(({ check }) => check === 'tracking'),
      );
      expect(finding).toMatchObject({ level: 'critical', message: expect.stringContaining('ends 2 before') });
    });
  });

  test('options that make no sense are refused, and a signal ends it', async () => {
    await opened(async (recorder) => {
      for (const options of [
        { timeoutMs: 0 },
        { timeoutMs: Infinity },
        { outboxTable: 'no; table' },
        { thresholds: { lagWarning: -1 } },
        { thresholds: { lagWarning: '5' as never } },
        { thresholds: { lagWarnings: 5 } as never },
        { followed: { other: {} as never } },
      ]) {
        await expect(diagnose(recorder, options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
      }
      await expect(diagnose(new MemoryProcessRecorder() as never)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
      await expect(diagnose(recorder, { signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow(
        'enough',
      );
    });
  });
});
