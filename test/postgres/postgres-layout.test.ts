import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgrammingError } from '../../src/persistence/errors.js';
import { postgresTables } from '../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';

let postgres: PostgresFixture;

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

describe('the tables are those of the Python library', () => {
  it('has its columns, in its order, with its types', async () => {
    const columns = (table: string): Promise<unknown> =>
      postgres.pool
        .query(
          `SELECT column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END AS "column"
           FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position`,
          [table],
        )
        .then(({ rows }) => rows.map((row) => row['column']));
    expect(await columns(`${postgres.name}_events`)).toEqual([
      'originator_id uuid NOT NULL',
      'originator_version bigint NOT NULL',
      'topic text',
      'state bytea',
      'notification_id bigint NOT NULL',
    ]);
    expect(await columns(`${postgres.name}_tracking`)).toEqual([
      'application_name text NOT NULL',
      'notification_id bigint NOT NULL',
    ]);
  });

  it('has its indexes and its sequence, by name', async () => {
    const { rows } = await postgres.pool.query(
      `SELECT indexdef FROM pg_indexes WHERE tablename IN ($1, $2) ORDER BY indexname`,
      [`${postgres.name}_events`, `${postgres.name}_tracking`],
    );
    const events = `public.${postgres.name}_events`;
    expect(rows.map((row) => row['indexdef'])).toEqual([
      `CREATE UNIQUE INDEX ${postgres.name}_events_notification_id_idx ON ${events} USING btree (notification_id)`,
      `CREATE UNIQUE INDEX ${postgres.name}_events_pkey ON ${events} USING btree (originator_id, originator_version)`,
      `CREATE UNIQUE INDEX ${postgres.name}_tracking_pkey ON public.${postgres.name}_tracking USING btree (application_name, notification_id)`,
    ]);
    const sequence = await postgres.pool.query('SELECT pg_get_serial_sequence($1, $2) AS name', [
      events,
      'notification_id',
    ]);
    expect(sequence.rows[0]?.['name']).toBe(`${events}_notification_id_seq`);
  });

  it('stores each value so that plain SQL reads it back, byte by byte', async () => {
    const recorder = await postgres.make({ applicationName: 'DogSchool' });
    const state = new Uint8Array([0, 1, 0x5c, 0x22, 0x27, 0x7f, 0x80, 0xff]);
    const originatorId = '0f0e0d0c-0b0a-4908-8706-050403020100';
    const topic = 'dogschool:Dog."Trick\\Added" 🐈';
    const tracking = { applicationName: 'upstream', notificationId: 7 };
    const [id] = await recorder.insertEvents([{ originatorId, originatorVersion: 3, topic, state }], { tracking });
    const { rows } = await postgres.pool.query(
      `SELECT originator_id::text AS originator_id, originator_version::text AS version, topic,
              encode(state, 'hex') AS state, notification_id::text AS id FROM dogschool_events`,
    );
    expect(rows).toEqual([
      { originator_id: originatorId, version: '3', topic, state: '00015c22277f80ff', id: String(id) },
    ]);
    const tracked = await postgres.pool.query('SELECT * FROM dogschool_tracking');
    expect(tracked.rows).toEqual([{ application_name: 'upstream', notification_id: '7' }]);
    expect(await recorder.selectEvents(originatorId)).toStrictEqual([
      { originatorId, originatorVersion: 3, topic, state },
    ]);
  });

  it('reads what the library writes: positional, under the same lock', async () => {
    const { pool, name, recorder } = postgres;
    const [event] = makeEvents(1);
    await pool.query(`BEGIN; LOCK TABLE ${name}_events IN EXCLUSIVE MODE;
      INSERT INTO ${name}_events VALUES ('${event?.originatorId}', 1, 'stock:Item.Counted', '\\x7b7d');
      INSERT INTO ${name}_tracking VALUES ('python', 41); COMMIT`);
    expect(await recorder.selectEvents(event?.originatorId ?? '')).toEqual([
      { ...event, state: new Uint8Array([0x7b, 0x7d]) },
    ]);
    expect(await recorder.maxTrackingId('python')).toBe(41);
  });

  it('announces a commit on the channel of the table, after it', async () => {
    const { pool, name, recorder } = postgres;
    const listener = (await pool.connect()) as unknown as PoolClient;
    try {
      await listener.query(`LISTEN ${name}_events`);
      const heard = new Promise<string>((resolve) => {
        listener.on('notification', ({ channel }) => resolve(channel));
      });
      await recorder.insertEvents(makeEvents(2));
      expect(await heard).toBe(`${name}_events`);
    } finally {
      listener.release(true);
    }
  });
});

describe('names', () => {
  it('are lower case, with the defaults of the library', () => {
    expect(postgresTables({ applicationName: 'DogSchool' })).toMatchObject({
      events: '"dogschool_events"',
      tracking: '"dogschool_tracking"',
      channel: '"dogschool_events"',
    });
    expect(postgresTables()).toMatchObject({ events: '"stored_events"', tracking: '"notification_tracking"' });
    expect(postgresTables({ schema: 'a"b' })).toMatchObject({
      events: '"a""b"."stored_events"',
      channel: '"stored_events"',
    });
  });

  it.each([
    ['too long', { applicationName: 'a'.repeat(57) }],
    ['too long for the tracking table only', { applicationName: 'a'.repeat(55) }],
    ['too long in bytes', { applicationName: 'é'.repeat(29) }],
    ['a zero character', { applicationName: 'a\0b' }],
    ['an empty schema', { schema: '' }],
    ['a long schema', { schema: 's'.repeat(64) }],
  ])('are refused: %s', (_case, options) => {
    expect(() => postgresTables(options)).toThrow(ProgrammingError);
  });

  it('may be as long as PostgreSQL allows, in a schema of their own, with spaces and quotes', async () => {
    const schema = `${uniqueName()} "x"`;
    await postgres.pool.query(`CREATE SCHEMA "${schema.replaceAll('"', '""')}"`);
    const applicationName = `it's a ${'n'.repeat(47)}`;
    const recorder = await postgres.make({ applicationName, schema });
    await Promise.all([recorder.createTable(), recorder.createTable()]);
    const events = makeEvents(2);
    expect(await recorder.insertEvents(events)).toEqual([1, 2]);
    const indexes = await postgres.pool.query('SELECT indexname FROM pg_indexes WHERE schemaname = $1', [schema]);
    expect(indexes.rows).toHaveLength(3);
  });

  it('of a schema that is not there give a ProgrammingError', async () => {
    await expect(postgres.make({ schema: uniqueName() })).rejects.toBeInstanceOf(ProgrammingError);
  });
});

it('creates the same tables from many sessions at once', async () => {
  const applicationName = uniqueName();
  await Promise.all(Array.from({ length: 8 }, () => postgres.make({ applicationName })));
});
