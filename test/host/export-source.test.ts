import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkpointLockName } from '../../src/origin/origin-names.js';
import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { systemClock } from '../../src/util/clock.js';
import { ExportSource } from '../../src/host/export-source.js';
import { ImagedReplica } from '../../src/host/imaged-replica.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { SharedJournal } from '../support/shared-journal.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const identity = { replicaId: newOriginatorId(), createdAtMs: 1 };

const sourceOver = async (
  format: 'daybook' | 'sqlite',
): Promise<{ recorder: DurableRecorder; source: ExportSource; clock: ManualClock; lockName: string }> => {
  const shared = new SharedJournal();
  const images = new ImagedReplica(await openSqlJs(), systemClock);
  const recorder = await DurableRecorder.open({ replica: images.create(), images, journal: shared.connect() });
  const [clock, name] = [new ManualClock(), newOriginatorId()];
  const source = new ExportSource({
    ...{ format, name, identity, clock, wasmUrl: undefined, onProgress: undefined },
    journal: shared.connect(),
    openReplica: () => openSqlJs(),
  });
  return { recorder, source, clock, lockName: checkpointLockName(name) };
};

const isHeld = async (lockName: string): Promise<boolean> =>
  ((await navigator.locks.query()).held ?? []).some(({ name }) => name === lockName);

describe('an export as SQLite file', () => {
  test('opens in another SQLite, with the tables of the Python library', async () => {
    const { recorder, source } = await sourceOver('sqlite');
    const id = newOriginatorId();
    const [event] = sampleEvents(id, 1, 1);
    await recorder.insertEvents(sampleEvents(id, 1, 3), {
      tracking: { applicationName: 'upstream', notificationId: 7 },
    });
    const parts: Uint8Array[] = [];
    for (let part = await source.next(); part !== undefined; part = await source.next()) parts.push(part);
    const folder = await makeTemporaryFolder();
    onTestFinished(folder.remove);
    const file = join(folder.path, 'store.sqlite');
    await writeFile(file, Buffer.concat(parts));
    const database = new DatabaseSync(file, { readOnly: true });
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const rows = database.prepare('SELECT * FROM stored_events ORDER BY notification_id').all();
    expect(rows.map((row) => row['originator_version'])).toEqual([1, 2, 3]);
    expect(rows[0]).toMatchObject({ notification_id: 1, topic: event?.topic });
    expect(rows[0]?.['state']).toEqual(event?.state);
    expect(database.prepare('SELECT * FROM tracking').all()).toEqual([
      { application_name: 'upstream', notification_id: 7 },
    ]);
    database.close();
  });
});

describe('an export that nobody reads on', () => {
  test('lets go of its lock after five minutes, and says so', async () => {
    const { recorder, source, clock, lockName } = await sourceOver('daybook');
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    await source.next();
    clock.advance(5 * 60_000 - 1);
    await source.next();
    clock.advance(5 * 60_000 - 1);
    expect(await isHeld(lockName)).toBe(true);
    clock.advance(1);
    await expect.poll(() => isHeld(lockName)).toBe(false);
    await expect(source.next()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });

  test('lets go of its lock when it is cancelled, and when it is read to its end', async () => {
    const cancelled = await sourceOver('daybook');
    await cancelled.source.next();
    expect(await isHeld(cancelled.lockName)).toBe(true);
    await cancelled.source.cancel();
    await expect.poll(() => isHeld(cancelled.lockName)).toBe(false);
    const read = await sourceOver('daybook');
    while ((await read.source.next()) !== undefined);
    await expect.poll(() => isHeld(read.lockName)).toBe(false);
  });
});
