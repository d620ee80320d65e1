/** Plans that connections keep of what a recorder writes: of use where they hold, and no harm where they do not. */
import { describe, expect, it } from 'vitest';
import { openPostgres } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';

const PLANS = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO%' ORDER BY name";

/** One connection, so that what it keeps can be looked at. */
const ONE = { poolSize: 1, maxOverflow: 0 } as const;

async function plansOf(pool: PgPool): Promise<readonly unknown[]> {
  return (await pool.query(PLANS)).rows.map(({ name }) => name);
}

describe('the plan of an insert', () => {
  it('is kept from the second time on, one for single events and one for several', async () => {
    await using own = await openPostgres(ONE);
    const { recorder, pool } = own;
    await recorder.insertEvents(makeEvents(1));
    expect(await plansOf(pool)).toHaveLength(0);
    await recorder.insertEvents(makeEvents(1));
    const [ofOne] = await plansOf(pool);
    await recorder.insertEvents(makeEvents(1));
    for (const count of [2, 3, 300]) await recorder.insertEvents(makeEvents(count));
    const plans = await plansOf(pool);
    expect(plans).toHaveLength(2);
    expect(plans).toContain(ofOne);
  });

  it('is not made by a pool that is told not to', async () => {
    await using own = await openPostgres({ ...ONE, preparedStatements: false });
    for (let count = 0; count < 3; count++) await own.recorder.insertEvents(makeEvents(1));
    expect(await plansOf(own.pool)).toHaveLength(0);
  });

  it('stores what was given, whatever is in it', async () => {
    await using own = await openPostgres(ONE);
    const topics = ["'; DROP TABLE x; --", '$1', '\\', 'ä€𝄞', '"', '{a,b}', 'NULL', ''];
    for (const topic of topics) {
      for (const count of [1, 3]) {
        const events = makeEvents(count).map((event, index) => ({
          ...event,
          topic: topic || ' ',
          state: Uint8Array.of(...Array.from({ length: 256 }, (_, byte) => (byte + index) % 256)),
        }));
        await own.recorder.insertEvents(events);
        expect(await own.recorder.selectEvents(events[0]?.originatorId ?? '')).toEqual(events);
      }
    }
    expect(await plansOf(own.pool)).toHaveLength(2);
  });

  it('survives a conflict, and the conflict is named', async () => {
    await using own = await openPostgres(ONE);
    const events = makeEvents(1);
    await own.recorder.insertEvents(events);
    for (let count = 0; count < 3; count++) {
      await expect(own.recorder.insertEvents(events)).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    }
    expect(await own.recorder.insertEvents(makeEvents(1))).toHaveLength(1);
    expect(await plansOf(own.pool)).toHaveLength(1);
  });

  it.each(['one', 'several'])('that is gone is done without, and %s stored once', async (which) => {
    await using own = await openPostgres(ONE);
    const { recorder, pool } = own;
    const count = which === 'one' ? 1 : 5;
    for (let round = 0; round < 2; round++) await recorder.insertEvents(makeEvents(count));
    await pool.query('DEALLOCATE ALL');
    const ids = await recorder.insertEvents(makeEvents(count));
    expect(ids).toHaveLength(count);
    await recorder.insertEvents(makeEvents(count));
    // Numbers that were given out and not used would show that it was tried twice in the table.
    expect(await recorder.maxNotificationId()).toBe(4 * count);
    expect(await plansOf(pool)).toHaveLength(0);
  });

  it('that somebody else has under its name is not run, and not made again', async () => {
    await using own = await openPostgres(ONE);
    const { recorder, pool } = own;
    for (let round = 0; round < 2; round++) await recorder.insertEvents(makeEvents(1));
    const [name] = await plansOf(pool);
    // As behind a proxy that lends connections by transaction: the connection of before has it, this one is another.
    const ofMany = String(name).replace(/_\d+$/, (suffix) => `_${Number(suffix.slice(1)) + 1}`);
    await pool.query(`PREPARE ${ofMany} AS SELECT 1`);
    for (let round = 0; round < 3; round++) expect(await recorder.insertEvents(makeEvents(2))).toHaveLength(2);
    expect(await recorder.maxNotificationId()).toBe(8);
  });

  it('does not wait for who changes the table, but writes as it was told to', async () => {
    await using own = await openPostgres({ poolSize: 2, maxOverflow: 0 });
    const { recorder, pool, name } = own;
    await recorder.insertEvents(makeEvents(1));
    const other = await pool.connect();
    await other.query(`BEGIN; LOCK TABLE ${name}_events IN ACCESS EXCLUSIVE MODE`);
    const written = recorder.insertEvents(makeEvents(1));
    await expect
      .poll(
        async () =>
          (
            await other.query(
              `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '${name}_events'::regclass AND mode = 'ExclusiveLock'`,
            )
          ).rows,
      )
      .toHaveLength(1);
    await other.query('COMMIT');
    other.release();
    expect(await written).toEqual([2]);
  });

  it('holds when the table gets a column, and when a column gets another type', async () => {
    await using own = await openPostgres(ONE);
    const { recorder, pool, name } = own;
    for (let round = 0; round < 3; round++) await recorder.insertEvents(makeEvents(1));
    await pool.query(`ALTER TABLE ${name}_events ADD COLUMN more text DEFAULT 'x'`);
    await recorder.insertEvents(makeEvents(1));
    await pool.query(`ALTER TABLE ${name}_events ALTER COLUMN topic TYPE varchar(50)`);
    await recorder.insertEvents(makeEvents(1));
    expect(await recorder.maxNotificationId()).toBe(5);
  });
});
