import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgrammingError } from '../../../src/persistence/errors.js';
import {
  PostgresAggregateRecorder,
  PostgresProcessRecorder,
  postgresTables,
} from '../../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { createSqlAlchemyTables } from '../../support/sqlalchemy-tables.js';
import { makeEvents } from '../../support/stored-events.js';

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

  it('has the settings of autovacuum that go together with its lock', async () => {
    const { rows } = await postgres.pool.query('SELECT reloptions FROM pg_class WHERE relname = $1', [
      `${postgres.name}_events`,
    ]);
    expect(rows[0]?.['reloptions']).toEqual([
      'autovacuum_enabled=true',
      'autovacuum_vacuum_threshold=100000000',
      'autovacuum_vacuum_scale_factor=0.5',
      'autovacuum_analyze_threshold=1000',
      'autovacuum_analyze_scale_factor=0.01',
    ]);
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

  it('stores states and texts that look like syntax', async () => {
    const recorder = await postgres.make();
    // In base64 these bytes are the word NULL, which arrays know as something else.
    const states = [[0x35, 0x42, 0xcb], [], [0x7d], [0x22, 0x2c, 0x5c]].map((bytes) => new Uint8Array(bytes));
    const topics = ['5BË', "'; --", '{"NULL",}', 'NULL'];
    const events = makeEvents(4).map((event, index) => ({ ...event, state: states[index]!, topic: topics[index]! }));
    await recorder.insertEvents(events);
    for (const event of makeEvents(1)) await recorder.insertEvents([{ ...event, state: states[0]!, topic: 'NULL' }]);
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual(events);
    expect((await recorder.selectNotifications({ start: 5, limit: 1 }))[0]).toMatchObject({ topic: 'NULL' });
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

describe('snapshots', () => {
  it('have the table of the Python library, without ids, and no lock', async () => {
    const applicationName = uniqueName();
    const snapshots = new PostgresAggregateRecorder({ pool: postgres.pool, applicationName });
    await snapshots.createTable();
    const { rows } = await postgres.pool.query(
      'SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position',
      [`${applicationName}_snapshots`],
    );
    expect(rows.map((row) => row['name'])).toEqual(['originator_id', 'originator_version', 'topic', 'state']);
    const blocker = await postgres.pool.connect();
    await blocker.query(
      `BEGIN; INSERT INTO ${applicationName}_snapshots VALUES ('${crypto.randomUUID()}', 1, 't', '')`,
    );
    await expect(snapshots.insertEvents(makeEvents(1))).resolves.toBeUndefined();
    await blocker.query('ROLLBACK');
    blocker.release();
  });

  it('may be in a table of any name', async () => {
    const table = `${uniqueName()} Snap"shots`;
    const snapshots = new PostgresAggregateRecorder({ pool: postgres.pool, table, columns: { state: 'STATE' } });
    await snapshots.createTable();
    const events = makeEvents(2);
    await snapshots.insertEvents(events);
    expect(await snapshots.selectEvents(events[0]!.originatorId, { desc: true, limit: 1 })).toEqual([events[1]]);
  });
});

describe('tracking tables', () => {
  const track = (notificationId: number): { tracking: { applicationName: string; notificationId: number } } => ({
    tracking: { applicationName: 'up', notificationId },
  });

  it('of one row for each application are made as later releases make them', async () => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName, singleRowTracking: true });
    await recorder.createTable();
    await recorder.insertEvents([], track(3));
    await recorder.insertEvents([], track(8));
    const { rows } = await postgres.pool.query(`SELECT * FROM ${applicationName}_tracking ORDER BY 1`);
    expect(rows).toEqual([
      { application_name: '__migration__', notification_id: '1' },
      { application_name: 'up', notification_id: '8' },
    ]);
  });

  it.each([
    ['of a row for each step', '(application_name, notification_id)', 2],
    ['of one row for each application', '(application_name)', 1],
  ])('that exist are used as they are: %s', async (_what, key, rowCount) => {
    const applicationName = uniqueName();
    await postgres.pool.query(`CREATE TABLE ${applicationName}_tracking
      (application_name text, notification_id bigint, PRIMARY KEY ${key})`);
    // The option is about tables that are made: this one is not.
    const recorder = await postgres.make({ applicationName, singleRowTracking: rowCount === 2 });
    await recorder.insertEvents(makeEvents(1), track(3));
    await recorder.insertEvents([], track(5));
    await expect(recorder.insertEvents(makeEvents(1), track(4))).rejects.toMatchObject({
      details: { constraint: 'tracking', notificationId: 4, lastNotificationId: 5 },
    });
    expect(await recorder.maxTrackingId('up')).toBe(5);
    const { rows } = await postgres.pool.query(`SELECT * FROM ${applicationName}_tracking`);
    expect(rows).toHaveLength(rowCount);
  });

  it('may get the other layout while they are used', async () => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    const table = `${applicationName}_tracking`;
    const changeKey = (key: string): Promise<unknown> =>
      postgres.pool.query(
        `DELETE FROM ${table} WHERE notification_id < (SELECT max(notification_id) FROM ${table});
         ALTER TABLE ${table} DROP CONSTRAINT ${table}_pkey; ALTER TABLE ${table} ADD PRIMARY KEY ${key}`,
      );
    await recorder.insertEvents([], track(1));
    await recorder.insertEvents([], track(2));
    await changeKey('(application_name)');
    await recorder.insertEvents(makeEvents(1), track(3));
    await changeKey('(application_name, notification_id)');
    await recorder.insertEvents(makeEvents(1), track(4));
    await expect(recorder.insertEvents([], track(4))).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect(await recorder.maxNotificationId()).toBe(2);
    const { rows } = await postgres.pool.query(`SELECT notification_id AS id FROM ${table} ORDER BY id`);
    expect(rows).toEqual([{ id: '3' }, { id: '4' }]);
  });
});

describe('tables that SQLAlchemy made', () => {
  it('are read and written, with their own names', async () => {
    const prefix = uniqueName();
    const options = await createSqlAlchemyTables(postgres.pool, prefix);
    const recorder = new PostgresProcessRecorder({ pool: postgres.pool, ...options });
    const [first, second, ...others] = makeEvents(4);
    await postgres.pool.query(
      `INSERT INTO ${prefix}_events (originator_id, originator_version, topic, state) VALUES ($1, 1, $2, $3)`,
      [first!.originatorId, first!.topic, first!.state],
    );
    expect(await recorder.insertEvents([second!, ...others])).toEqual([2, 3, 4]);
    expect(await recorder.selectNotifications({ start: 1, limit: 10, topics: [first!.topic] })).toEqual(
      [first, second, ...others].map((event, index) => ({ id: index + 1, ...event })),
    );
    expect(await recorder.maxNotificationId()).toBe(4);
    await expect(recorder.insertEvents([second!])).rejects.toMatchObject({
      details: { constraint: 'event', originatorVersion: 2 },
    });
  });
});

describe('ids that are texts', () => {
  it('are any texts, and are told from one another', async () => {
    const recorder = await postgres.make({ originatorIdType: 'text' });
    const ids = ['dog-1', "it's; DROP TABLE x --", '{"a",\\b}', '🐈 哈哈', '$1', ' a, 2)=(b', 'x'.repeat(500)];
    const events = ids.map((originatorId) => ({ ...makeEvents(1)[0]!, originatorId, topic: originatorId }));
    await recorder.insertEvents(events);
    for (const event of events) {
      expect(await recorder.selectEvents(event.originatorId)).toEqual([event]);
      await expect(recorder.insertEvents([event])).rejects.toMatchObject({
        code: 'INTEGRITY_ERROR',
        details: { originatorId: event.originatorId, originatorVersion: 1 },
      });
    }
    const snapshots = new PostgresAggregateRecorder({
      pool: postgres.pool,
      applicationName: uniqueName(),
      originatorIdType: 'text',
    });
    await snapshots.createTable();
    await snapshots.insertEvents(events);
    expect(await snapshots.selectEvents('dog-1')).toEqual([events[0]]);
  });

  it.each(['', 'a\0b', 'x'.repeat(501), '\ud800'])(
    'are refused when they cannot be stored: %j',
    async (originatorId) => {
      const recorder = await postgres.make({ originatorIdType: 'text' });
      const event = { ...makeEvents(1)[0]!, originatorId };
      await expect(recorder.insertEvents([event])).rejects.toBeInstanceOf(ProgrammingError);
      await expect(recorder.selectEvents(originatorId)).rejects.toBeInstanceOf(ProgrammingError);
    },
  );

  it('that are no text or UUID at all never reach the database', async () => {
    const sly = { toString: () => crypto.randomUUID() };
    for (const originatorIdType of ['uuid', 'text'] as const) {
      const recorder = await postgres.make({ originatorIdType });
      const event = { ...makeEvents(1)[0]!, originatorId: sly as unknown as string };
      await expect(recorder.insertEvents([event])).rejects.toBeInstanceOf(ProgrammingError);
    }
  });

  it('need a type that there is', () => {
    expect(() => postgresTables({ originatorIdType: 'int' as 'uuid' })).toThrow(ProgrammingError);
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
    ['half a surrogate pair', { schema: '\ud800' }],
    ['a long table', { eventsTable: 't'.repeat(64) }],
    ['an empty table', { trackingTable: '' }],
    ['a long column', { columns: { notificationId: 'c'.repeat(64) } }],
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

  it('of a schema that is not there give a ProgrammingError, which says what to do', async () => {
    const schema = uniqueName();
    await expect(postgres.make({ schema })).rejects.toBeInstanceOf(ProgrammingError);
    await expect(postgres.make({ schema })).rejects.toThrow(new RegExp(`${schema}.*CREATE SCHEMA`));
  });

  it.each([
    'x"; DROP TABLE own; --',
    "x'; DROP TABLE own; --",
    '"; SELECT pg_sleep(10); --',
    'a.b',
    '$1',
    '\\"',
    'sélect',
  ])('are names, whatever is in them: %s', async (name) => {
    const prefix = uniqueName().slice(0, 8);
    const [schema, table] = [`${prefix}s${name}`, `${prefix}t${name}`];
    await postgres.pool.query(`CREATE SCHEMA "${schema.replaceAll('"', '""')}"`);
    const recorder = await postgres.make({
      schema,
      eventsTable: table,
      trackingTable: `${table}2`,
      columns: { notificationId: `n${name}`, originatorId: `o${name}`, topic: `t${name}` },
    });
    const [event] = makeEvents(1);
    const tracking = { applicationName: name, notificationId: 1 };
    await recorder.transaction((transaction) => transaction.insertEvents([event!], { tracking }));
    expect(await recorder.selectNotifications({ start: 1, limit: 1, topics: [event!.topic] })).toEqual([
      { id: 1, ...event },
    ]);
    expect(await recorder.maxTrackingId(name)).toBe(1);
    const { rows } = await postgres.pool.query(
      'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1',
      [schema],
    );
    expect(rows).toEqual([{ name: table }, { name: `${table}2` }]);
    const stop = new AbortController();
    const subscription = recorder.subscribe({ signal: stop.signal });
    expect((await subscription.next()).value).toMatchObject({ id: 1 });
    stop.abort();
    await subscription.return();
  });
});

it('creates the same tables from many sessions at once', async () => {
  const applicationName = uniqueName();
  await Promise.all(Array.from({ length: 8 }, () => postgres.make({ applicationName })));
});
