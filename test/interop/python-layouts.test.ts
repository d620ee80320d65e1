/**
 * The tables of releases of the Python library beside 9.2 and 9.3, by the statements of those releases.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgrammingError } from '../../src/persistence/errors.js';
import { PostgresAggregateRecorder, postgresTables } from '../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

// As 10.0.0a7 makes them, with `$` for schema and application.
const TABLES_OF_10 = `
  CREATE TABLE $_events (originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text, state bytea,
    event_id uuid, metadata jsonb, notification_id bigserial, PRIMARY KEY (originator_id, originator_version));
  CREATE UNIQUE INDEX ON $_events (notification_id ASC);
  CREATE TABLE $_tracking (context_name text, notification_id bigint, PRIMARY KEY (context_name));
  INSERT INTO $_tracking VALUES ('__migration__', 1)`;
const TRACK_OF_10 = `INSERT INTO $_tracking AS t VALUES ('up', 7) ON CONFLICT (context_name)
  DO UPDATE SET notification_id = 7 WHERE t.notification_id < 7 RETURNING notification_id`;

const ID = 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5';
const EVENT_ID = '018d843a-0000-7000-8000-000000000001';

async function columnsOf(schema: string, table: string): Promise<unknown> {
  const { rows } = await postgres.pool.query(
    `SELECT column_name || ' ' || data_type AS "column" FROM information_schema.columns
     WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position`,
    [schema, table],
  );
  return rows.map((row) => row['column']);
}

async function newSchema(): Promise<string> {
  const schema = uniqueName();
  await postgres.pool.query(`CREATE SCHEMA ${schema}`);
  return schema;
}

describe.each(['uuid', 'text'] as const)('9.5, ids of type %s', (originatorIdType) => {
  it('finds the type through which it inserts, though it may create nothing', async () => {
    const schema = await newSchema();
    const recorder = await postgres.make({ schema, applicationName: 'school', originatorIdType });
    await recorder.createTable();
    const snapshots = new PostgresAggregateRecorder({ pool: postgres.pool, schema, originatorIdType });
    await snapshots.createTable();
    await postgres.pool.query(`INSERT INTO ${schema}.school_events (originator_id, originator_version, topic, state)
      SELECT originator_id, originator_version, topic, state
      FROM unnest(ARRAY[ROW('${ID}', 1, 'dogschool:Dog.Registered', '\\x7b7d')]::${schema}.stored_event_${originatorIdType}[])`);
    expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toEqual([
      {
        id: 1,
        originatorId: ID,
        originatorVersion: 1,
        topic: 'dogschool:Dog.Registered',
        state: new Uint8Array([123, 125]),
      },
    ]);
  });
});

describe('10', () => {
  const insertAs10 = (schema: string): string => `BEGIN; LOCK TABLE ${schema}.school_events IN EXCLUSIVE MODE;
    INSERT INTO ${schema}.school_events (originator_id, originator_version, topic, state, event_id, metadata)
    SELECT originator_id, originator_version, topic, state, event_id, metadata FROM unnest(
      ARRAY[ROW('${ID}', 1, 'dogschool:Dog.Registered', '\\x7b7d', '${EVENT_ID}', '{"user":"u1"}')]
      ::${schema}.stored_event_uuid[]) RETURNING notification_id; COMMIT`;

  it('finds its tables and types where they were created in its layout, and what was written', async () => {
    const schema = await newSchema();
    const recorder = await postgres.make({ schema, applicationName: 'school', layout: '10' });
    expect(await columnsOf(schema, 'school_events')).toEqual([
      'originator_id uuid',
      'originator_version bigint',
      'topic text',
      'state bytea',
      'event_id uuid',
      'metadata jsonb',
      'notification_id bigint',
    ]);
    expect(await columnsOf(schema, 'school_tracking')).toEqual(['context_name text', 'notification_id bigint']);
    await postgres.pool.query(insertAs10(schema));
    const [event] = makeEvents(1);
    expect(await recorder.insertEvents([event!], { tracking: { applicationName: 'up', notificationId: 3 } })).toEqual([
      2,
    ]);
    expect((await postgres.pool.query(TRACK_OF_10.replaceAll('$_', `${schema}.school_`))).rows).toHaveLength(1);
    expect(await recorder.maxTrackingId('up')).toBe(7);
    expect(await recorder.maxTrackingId('__migration__')).toBe(1);
    const { rows } = await postgres.pool.query(
      `SELECT event_id, metadata FROM ${schema}.school_events ORDER BY notification_id`,
    );
    expect(rows).toEqual([
      { event_id: EVENT_ID, metadata: { user: 'u1' } },
      { event_id: null, metadata: null },
    ]);
    const snapshots = new PostgresAggregateRecorder({ pool: postgres.pool, schema, layout: '10' });
    await snapshots.createTable();
    await snapshots.insertEvents(makeEvents(1));
    expect(await columnsOf(schema, 'stored_snapshots')).toHaveLength(6);
  });

  it('made tables that are used as they are, by recorders that know nothing of it', async () => {
    const applicationName = uniqueName();
    await postgres.pool.query(TABLES_OF_10.replaceAll('$_', `${applicationName}_`));
    await postgres.pool.query(TRACK_OF_10.replaceAll('$_', `${applicationName}_`));
    const recorder = await postgres.make({ applicationName });
    expect(await recorder.maxTrackingId('up')).toBe(7);
    const tracking = (notificationId: number) => ({ tracking: { applicationName: 'up', notificationId } });
    expect(await recorder.insertEvents(makeEvents(2), tracking(8))).toEqual([1, 2]);
    await expect(recorder.insertEvents(makeEvents(1), tracking(8))).rejects.toMatchObject({
      details: { constraint: 'tracking', lastNotificationId: 8 },
    });
    await recorder.transaction((transaction) => transaction.insertEvents(makeEvents(1), tracking(9)));
    expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toHaveLength(3);
  });

  it('reads ids and metadata that an option writes', async () => {
    const applicationName = uniqueName();
    await postgres.pool.query(TABLES_OF_10.replaceAll('$_', `${applicationName}_`));
    const recorder = await postgres.make({
      applicationName,
      eventColumns: ({ originatorVersion }) =>
        originatorVersion === 1 ? { eventId: EVENT_ID, metadata: { who: 'it\'s "me" 🐈' } } : {},
    });
    await recorder.insertEvents(makeEvents(2));
    await recorder.insertEvents(makeEvents(1));
    const { rows } = await postgres.pool.query(
      `SELECT event_id, metadata FROM ${applicationName}_events ORDER BY notification_id`,
    );
    const described = { event_id: EVENT_ID, metadata: { who: 'it\'s "me" 🐈' } };
    expect(rows).toEqual([described, { event_id: null, metadata: null }, described]);
  });
});

it('needs a layout that there is', () => {
  expect(() => postgresTables({ layout: '11' as '10' })).toThrow(ProgrammingError);
});
