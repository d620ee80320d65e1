/**
 * Followers of the Python library beside ours, by what they do on the connection: `eventsourcing` 9.3 and later track
 * first and lock the events table then, 9.4 and later look for events only when they are notified.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { PATIENTLY } from '../support/patience.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

let postgres: PostgresFixture;

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

describe('a follower that only listens', () => {
  it.each([1, 20])(
    'hears of a process that ends right after it recorded %i events',
    { timeout: 60_000 },
    async (count) => {
      const { pool, url, name } = postgres;
      const folder = await makeTemporaryFolder();
      onTestFinished(() => folder.remove());
      const script = await bundledWriter(folder.path);
      const heard = vi.fn();
      const listener = await pool.connect();
      onTestFinished(() => listener.release(new Error('Listened until now.')));
      listener.on?.('notification', heard);
      await listener.query(`LISTEN ${name}_events`);
      await promisify(execFile)(process.execPath, [script, url, name, String(count)]);
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(count), PATIENTLY);
    },
  );

  async function bundledWriter(folder: string): Promise<string> {
    const script = join(folder, 'writer.mjs');
    const bundle = await rolldown({
      input: fileURLToPath(new URL('../support/postgres-writer.ts', import.meta.url)),
      platform: 'node',
      external: ['uuid'],
    });
    await bundle.write({ file: script, format: 'esm', codeSplitting: false });
    await bundle.close();
    return script;
  }
});

describe('a follower of the Python library on the same tracking table', () => {
  const ONE_ROW = `INSERT INTO $table VALUES ('up', $id) ON CONFLICT (application_name)
    DO UPDATE SET notification_id = excluded.notification_id`;
  const EACH_STEP = "INSERT INTO $table VALUES ('up', $id)";

  it.each([
    ['tracked the same event', { singleRowTracking: false, theirs: 5, ours: 5 }],
    ['tracked the same event, in one row', { singleRowTracking: true, theirs: 5, ours: 5 }],
    ['is one behind, in one row', { singleRowTracking: true, theirs: 5, ours: 6 }],
  ])('is waited for when both %s and wait for each other', async (_what, { singleRowTracking, theirs, ours }) => {
    const applicationName = uniqueName();
    await postgres.make({ applicationName, singleRowTracking });
    const tracking = (notificationId: number) => ({ tracking: { applicationName: 'up', notificationId } });
    // Ours looks once, after this time, whether it is in a deadlock, and is the one that is rolled back: theirs waits then.
    await using pool = await createPgPool({ connectionString: `${postgres.url}?options=-c%20deadlock_timeout%3D2000` });
    const recorder = new PostgresProcessRecorder({ pool, applicationName });
    await recorder.insertEvents([], tracking(1));
    const python = await postgres.pool.connect();
    onTestFinished(() => python.release(new Error('It has settings of its own.')));
    const insert = (singleRowTracking ? ONE_ROW : EACH_STEP)
      .replace('$table', `${applicationName}_tracking`)
      .replace('$id', String(theirs));
    await python.query(`SET deadlock_timeout = '60s'; BEGIN; ${insert}`);
    const [event] = makeEvents(1);
    const recording = recorder.insertEvents([event!], tracking(ours)).then(
      (ids) => ids.length,
      (error: unknown) => error,
    );
    await untilOursWaits(applicationName);
    await python.query(`LOCK TABLE ${applicationName}_events IN EXCLUSIVE MODE`);
    await python.query('COMMIT');
    const outcome = await recording;
    if (ours === theirs) expect(outcome).toMatchObject({ details: { constraint: 'tracking', lastNotificationId: 5 } });
    else expect(outcome).toBe(1);
    expect(await recorder.maxTrackingId('up')).toBe(ours);
  });

  async function untilOursWaits(applicationName: string): Promise<void> {
    const waiting = `SELECT FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND query LIKE '%${applicationName}%' AND pid <> pg_backend_pid()`;
    await vi.waitFor(async () => expect((await postgres.pool.query(waiting)).rows).toHaveLength(1), PATIENTLY);
  }
});
