import { describe, expect, test } from 'vitest';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { createSession } from '../../src/session/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

const snapshotOf = (originatorId: string) => ({
  originatorId,
  originatorVersion: 1,
  eventId: 'e1',
  aggregateType: 'Item',
  stateVersion: 1,
  state: new Uint8Array([1]),
  takenAtMs: 0,
});

describe.each(Object.entries(SQL_RECORDERS))('a session on %s', (_name, open) => {
  test('has a recorder with SQL, by which tables beside the events join the transaction', async () => {
    const { recorder, close } = await open();
    const session = createSession(recorder);
    const joined: SqlRecorder = session.recorder;
    expect(joined.supports).toMatchObject({ transactions: true, sql: true, subscriptions: false });
    expect(joined.dialect).toBe(recorder.dialect);
    const snapshots = new SqlSnapshotStore({ recorder: joined, table: `s${newOriginatorId().slice(0, 8)}` });
    await snapshots.createTables();
    const [kept, dropped] = [newOriginatorId(), newOriginatorId()];
    // On an engine with one connection, a store that did not join would wait for the transaction that waits for it.
    await session.run(async () => {
      await joined.insertEvents([sampleEvent(kept, 1)]);
      expect(await snapshots.upsert(snapshotOf(kept))).toBe(true);
      expect(await snapshots.select(kept)).toMatchObject({ originatorVersion: 1 });
    });
    await session.run(async () => {
      await snapshots.upsert(snapshotOf(dropped));
      session.rollBack();
    });
    expect(await snapshots.select(kept)).toBeDefined();
    expect(await snapshots.select(dropped)).toBeUndefined();
    await close();
  });
});
