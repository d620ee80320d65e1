import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InfrastructureFactory } from '../../src/configuration/infrastructure-factory.js';
import { Environment } from '../../src/environment/environment.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { NodeSqliteFactory } from '../../src/persistence/sqlite/node-sqlite-factory.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { makeEvents } from '../support/stored-events.js';

// As the releases made their files, with one event and its tracking record.
const EVENTS = `CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
  PRIMARY KEY (originator_id, originator_version));
  INSERT INTO stored_events VALUES ('b2723fe2c01a40d2875ea3aac6a09ff5', 1, 'dogschool:Dog.Registered', x'7b7d')`;
const SNAPSHOTS = `CREATE TABLE stored_snapshots (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
  PRIMARY KEY (originator_id, originator_version)) WITHOUT ROWID`;
const trackingOf = (key: string): string => `CREATE TABLE tracking (application_name TEXT, notification_id INTEGER,
  PRIMARY KEY (${key})) WITHOUT ROWID; INSERT INTO tracking VALUES ('upstream', 7)`;
const RELEASES: readonly [release: string, sql: string][] = [
  ['9.2.22 and 9.3.5', [EVENTS, SNAPSHOTS, trackingOf('application_name, notification_id')].join(';')],
  ['9.5.0', [EVENTS, SNAPSHOTS, trackingOf('application_name')].join(';')],
];

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let path: string;
beforeEach(async () => {
  folder = await makeTemporaryFolder();
  path = join(folder.path, 'school.db');
});
afterEach(() => folder.remove());

describe.each(RELEASES)('a SQLite file of the Python library %s', (_release, sql) => {
  async function dump(): Promise<unknown> {
    const database = await openNodeSqlite({ path });
    try {
      return database
        .prepare('SELECT type, name, sql, (SELECT count(*) FROM stored_events) FROM sqlite_master ORDER BY 1, 2')
        .all([]);
    } finally {
      database.close();
    }
  }

  beforeEach(async () => {
    const database = await openNodeSqlite({ path });
    database.exec(sql);
    database.close();
  });

  test.each(['yes', 'no'])('is refused, and left as it is, whoever asks for it (CREATE_TABLE=%s)', async (creates) => {
    const before = await dump();
    const environment = new Environment({
      PERSISTENCE_MODULE: 'eventsourcing.sqlite',
      SQLITE_DBNAME: path,
      CREATE_TABLE: creates,
    });
    await using factory = await InfrastructureFactory.construct(environment, {
      modules: { 'node-sqlite': NodeSqliteFactory },
    });
    const attempts = [
      () => factory.processRecorder(),
      () => factory.applicationRecorder(),
      () => factory.aggregateRecorder('snapshots'),
      () => factory.aggregateRecorder('events'),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
        message: expect.stringMatching(/Nothing was stored.*a file of its own.*shares PostgreSQL/) as string,
      });
    }
    expect(await dump()).toEqual(before);
  });
});

test("a tracking table with a row for each step is refused, beside events that are Daybook's", async () => {
  const database = await openNodeSqlite({ path });
  database.exec(trackingOf('application_name, notification_id'));
  const recorder = new SqliteProcessRecorder(database);
  await expect(recorder.createTable()).rejects.toMatchObject({ code: 'NOT_SUPPORTED', details: { table: 'tracking' } });
  const other = new SqliteProcessRecorder(database, { trackingTable: 'other' });
  await other.createTable();
  await other.createTable();
  expect(await other.insertEvents(makeEvents(1), { tracking: { applicationName: 'up', notificationId: 1 } })).toEqual([
    1,
  ]);
  database.close();
});
