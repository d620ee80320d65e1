/** Payloads as JSON in SQLite: what is seen, what an index serves, and what is refused. */
import { describe, expect, test } from 'vitest';
import { createPayloadView } from '../../../src/persistence/sqlite/index.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { SQLITE_ENGINES } from '../../support/sqlite-engines.js';
import { TRANSFER_ENGINES } from '../../support/transfer-engines.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const event = (state: Uint8Array | object) => ({
  originatorId: newOriginatorId(),
  originatorVersion: 1,
  topic: 'Order:Placed',
  state: state instanceof Uint8Array ? state : encode(JSON.stringify(state)),
});

describe.each(['SQLite on sql.js', 'node:sqlite, file (WAL)'])('%s', (name) => {
  async function opened(work: (recorder: SqliteProcessRecorder) => Promise<void>, eventsTable?: string): Promise<void> {
    const engine = await SQLITE_ENGINES[name]!();
    const database = await engine.connect();
    const recorder = new SqliteProcessRecorder(database, eventsTable === undefined ? {} : { eventsTable });
    await recorder.createTable();
    await work(recorder);
    database.close();
    await engine.remove();
  }

  test('has the events in order, and NULL for what is no JSON, which is recorded all the same', async () => {
    await opened(async (recorder) => {
      const view = await createPayloadView(recorder, { fields: ['customerId', ['address', 'city'], 'a.b', "it's"] });
      expect(await createPayloadView(recorder, { fields: ['customerId'] })).toBe(view);
      const first = event({ customerId: 'é 🐈', total: 2 });
      await recorder.insertEvents([
        first,
        event(new Uint8Array([0xff, 0, 1])),
        event(encode('not JSON')),
        event(new Uint8Array()),
        event(encode('['.repeat(20_000))),
        event(encode('[1]')),
        event({ 'a.b': 'dotted', "it's": 7, customerId: null }),
      ]);
      const { rows } = await recorder.query(`SELECT * FROM ${view} ORDER BY notification_id`);
      expect(rows.map(({ payload }) => payload)).toEqual([
        JSON.stringify({ customerId: 'é 🐈', total: 2 }),
        null,
        null,
        null,
        null,
        '[1]',
        JSON.stringify({ 'a.b': 'dotted', "it's": 7, customerId: null }),
      ]);
      expect(rows[0]).toMatchObject({
        ...{ notification_id: 1, originator_version: 1, topic: 'Order:Placed', originator_id: first.originatorId },
      });
      const found = await recorder.query(`SELECT notification_id FROM ${view} WHERE payload->>'a.b' = $1`, ['dotted']);
      expect(found.rows).toEqual([{ notification_id: 7 }]);
    });
  });

  test('its indexes serve what they are for, of a table of any name', async () => {
    await opened(async (recorder) => {
      await recorder.insertEvents(
        Array.from({ length: 300 }, (_, index) => {
          const n = index + 1;
          return event({ customerId: `cust-${n}`, address: { city: `c${n}` }, total: n });
        }),
      );
      const view = await createPayloadView(recorder, {
        view: 'looked',
        fields: ['customerId', ['address', 'city'], 'total'],
      });
      for (const [where, values] of [
        [`payload->>'customerId' = $1`, ['cust-7']],
        [`payload->'address'->>'city' = $1`, ['c7']],
        [`payload->>'total' = $1`, [7]],
        [`payload->>'total' < $1 AND payload->>'total' > 6`, [8]],
      ] as const) {
        const sql = `SELECT notification_id FROM ${view} WHERE ${where}`;
        expect((await recorder.query(sql, [...values])).rows, where).toEqual([{ notification_id: 7 }]);
        const plan = (await recorder.query(`EXPLAIN QUERY PLAN ${sql}`, [...values])).rows.map(({ detail }) => detail);
        expect(plan, where).toEqual([expect.stringMatching(/^SEARCH .+ USING (COVERING )?INDEX looked_[0-9a-f]{12}/)]);
      }
    }, 'orders');
  });

  test('options that are none are refused, and nothing is made', async () => {
    await opened(async (recorder) => {
      for (const options of [
        { fields: 'customerId' },
        { fields: [''] },
        { fields: ['$.a'] },
        { fields: ['[0]'] },
        { fields: ['a"b'] },
        { fields: [['a', '\0']] },
        { fields: Array.from({ length: 17 }, (_, n) => `f${n}`) },
        { view: 'no; view' },
      ]) {
        await expect(createPayloadView(recorder, options as never), JSON.stringify(options)).rejects.toMatchObject({
          code: 'PROGRAMMING_ERROR',
        });
      }
      expect((await recorder.query("SELECT name FROM sqlite_schema WHERE type = 'view'")).rows).toEqual([]);
    });
  });
});

test('a device’s store has none, and PostgreSQL its own', async () => {
  const { recorder, close } = await TRANSFER_ENGINES['a device’s store, journal in memory']!();
  await using postgres = await openPostgres();
  for (const other of [recorder as unknown as SqlRecorder, postgres.recorder]) {
    await expect(createPayloadView(other)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  }
  await close();
});
