/** Slots of replication, on a real server, whose finding is what PostgreSQL itself says of them. */
import { expect, test } from 'vitest';
import { diagnose } from '../../../src/operations/doctor/diagnose.js';
import type { Finding } from '../../../src/operations/doctor/finding.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

// Of a server that all tests use.
const LIMIT_MS = 120_000;

test(
  'a slot that nobody reads holds the log of the server back, and is told by how much',
  { timeout: LIMIT_MS },
  async () => {
    await using shared = await openPostgres();
    // A database of its own: the doctor looks at all tables, and the one of the tests has thousands.
    const url = new URL(shared.url);
    url.pathname = `/${shared.name}`;
    await shared.pool.query(`CREATE DATABASE ${shared.name}`);
    await using postgres = await openPostgres({ connectionString: url.href });
    const { pool, recorder, name } = postgres;
    const slotOf = async (thresholds = {}): Promise<Finding | undefined> =>
      (await diagnose(recorder, { thresholds })).findings.find(({ subject }) => subject === name);
    // The server of the tests answers before it has written, and what is written counts.
    const written = async (): Promise<void> => {
      await recorder.insertEvents(makeEvents(500));
      await pool.query('CHECKPOINT');
    };
    expect(await slotOf()).toBeUndefined();
    await pool.query(`SELECT pg_create_physical_replication_slot('${name}')`);
    try {
      // Nothing is held back by one that was never used.
      expect(await slotOf({ slotBytesWarning: 0 })).toMatchObject({ level: 'ok', details: { bytes: 0 } });
      await pool.query(`SELECT pg_drop_replication_slot('${name}')`);
      await pool.query(`SELECT pg_create_physical_replication_slot('${name}', true)`);
      await written();
      const lagging = await slotOf({ slotBytesWarning: 10_000 });
      expect(lagging).toMatchObject({
        ...{
          check: 'slot',
          level: 'warning',
          details: { type: 'physical', isActive: false, bytes: expect.any(Number) },
        },
        message: expect.stringMatching(/\(physical, nobody is connected\) holds \d+ bytes of the server's log back/),
        advice: expect.stringContaining(`pg_drop_replication_slot('${name}')`),
      });
      const bytes = Number(lagging?.details['bytes']);
      expect(bytes).toBeGreaterThan(10_000);
      await written();
      expect(Number((await slotOf())?.details['bytes'])).toBeGreaterThan(bytes);
      expect(await slotOf({ slotBytesWarning: 1, slotBytesCritical: 2 })).toMatchObject({ level: 'critical' });
      expect(await slotOf()).toMatchObject({ level: 'ok', advice: undefined });
    } finally {
      await pool.query(`SELECT pg_drop_replication_slot('${name}')`);
    }
  },
);
