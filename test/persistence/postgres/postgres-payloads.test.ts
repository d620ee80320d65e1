/** Payloads as JSONB, in a real PostgreSQL: what is seen, what an index serves, and what is refused. */
import { describe, expect, inject, test } from 'vitest';
import { createPayloadView, createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { openSqlJs, SqliteProcessRecorder } from '../../../src/persistence/sqlite/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const event = (state: Uint8Array | object) => ({
  originatorId: newOriginatorId(),
  originatorVersion: 1,
  topic: 'Order:Placed',
  state: state instanceof Uint8Array ? state : encode(JSON.stringify(state)),
});

describe('a view of payloads', () => {
  test('has the events in order, and NULL for what is no JSON, which is recorded all the same', async () => {
    await using postgres = await openPostgres();
    const { recorder, name } = postgres;
    const view = await createPayloadView(recorder, { view: `v_${name}`, fields: ['customerId'], containment: true });
    await createPayloadView(recorder, { view: `v_${name}`, fields: ['customerId'], containment: true });
    // Of letters that nobody can compress: a tree would not take them.
    const longId = Array.from({ length: 500 }, () => newOriginatorId()).join('');
    await recorder.insertEvents([
      event({ customerId: 'é 🐈', total: 2 }),
      event(encode('{"text":"a zero: \\u0000"}')),
      event(new Uint8Array([0xff, 0, 1])),
      event(encode('not JSON')),
      event(new Uint8Array()),
      event(encode('['.repeat(20_000))),
      event({ customerId: longId }),
    ]);
    const { rows } = await recorder.query(`SELECT * FROM ${view} ORDER BY notification_id`);
    expect(rows.map(({ payload }) => payload)).toEqual([
      { customerId: 'é 🐈', total: 2 },
      null,
      null,
      null,
      null,
      null,
      { customerId: longId },
    ]);
    expect(rows[0]).toMatchObject({ notification_id: '1', originator_version: '1', topic: 'Order:Placed' });
  });

  test('its indexes serve what they are for', async () => {
    await using postgres = await openPostgres();
    const { recorder, name, pool } = postgres;
    const fields = ['customerId', ['address', 'city'], "it's"];
    const view = await createPayloadView(recorder, { view: `v_${name}`, fields, containment: true });
    await pool.query(`INSERT INTO ${name}_events (originator_id, originator_version, topic, state)
      SELECT gen_random_uuid(), 1, 'Order:Placed', convert_to(json_build_object('customerId', 'cust-' || n, 'it''s', n,
        'address', json_build_object('city', 'c' || n), 'tags', json_build_array('t' || n))::text, 'UTF8')
      FROM generate_series(1, 3000) AS n; ANALYZE ${name}_events`);
    const indexes = await pool.query(
      `SELECT indexname AS name, indexdef AS def FROM pg_indexes WHERE tablename = '${name}_events' AND indexname LIKE 'v\\_%'`,
    );
    expect(indexes.rows).toHaveLength(4);
    const used = new Set<string>();
    for (const [where, values] of [
      ["payload->>'customerId' = $1", ['cust-7']],
      ["payload->'address'->>'city' = $1", ['c7']],
      ["payload->>'it''s' = $1", ['7']],
      ['payload @> $1::jsonb', ['{"tags":["t7"]}']],
    ] as const) {
      const sql = `SELECT notification_id FROM ${view} WHERE ${where}`;
      expect((await recorder.query(sql, [...values])).rows).toEqual([{ notification_id: '7' }]);
      const { rows } = await recorder.query(`EXPLAIN ${sql}`, [...values]);
      const plan = rows.map((row) => String(row['QUERY PLAN'])).join('\n');
      const index = indexes.rows.find((row) => plan.includes(String(row['name'])));
      expect(index, plan).toBeDefined();
      expect(plan).not.toContain('Seq Scan');
      used.add(String(index?.['name']));
    }
    expect(used.size).toBe(4);
  });

  test('is read by a role that has no right on the events', async () => {
    await using postgres = await openPostgres();
    const { recorder, name, pool } = postgres;
    const view = await createPayloadView(recorder, { view: `v_${name}` });
    await recorder.insertEvents([event({ customerId: 'cust-1' })]);
    const role = uniqueName();
    await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT SELECT ON ${view} TO ${role}`);
    const address = new URL(inject('pgUrl'));
    address.username = role;
    address.password = 'p';
    await using reader = await createPgPool({ connectionString: address.href });
    expect((await reader.query(`SELECT payload FROM ${view}`)).rows).toEqual([{ payload: { customerId: 'cust-1' } }]);
    await expect(reader.query(`SELECT * FROM ${name}_events`)).rejects.toThrow('permission denied');
  });

  test('belongs to one log, and is nothing for tenants and other engines', async () => {
    await using postgres = await openPostgres();
    const { recorder, name, pool, make } = postgres;
    await createPayloadView(recorder, { view: `v_${name}` });
    await expect(createPayloadView(await make(), { view: `v_${name}` })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { kept: `v_${name}` },
    });
    const shared = { tenant: 'one', role: await makeTenantRole(pool) };
    const ofTenant = new PostgresProcessRecorder({ pool, applicationName: `${name}_t`, shared });
    await expect(createPayloadView(ofTenant)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    const database = await openSqlJs();
    await expect(createPayloadView(new SqliteProcessRecorder(database))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    });
    database.close();
  });

  test.each([
    { view: 'no; view' },
    { view: '' },
    { fields: 'customerId' as never },
    { fields: [''] },
    { fields: [[]] },
    { fields: [['a', 1 as never]] },
    { fields: ['a\0'] },
    { fields: ['a\\'] },
    { fields: Array.from({ length: 17 }, (_, index) => `f${index}`) },
    { containment: 'yes' as never },
  ])('%j is refused, and nothing is created', async (options) => {
    await using postgres = await openPostgres();
    const { recorder, pool } = postgres;
    await expect(createPayloadView(recorder, options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect((await pool.query("SELECT to_regclass('event_payloads') AS view")).rows).toEqual([{ view: null }]);
  });
});
