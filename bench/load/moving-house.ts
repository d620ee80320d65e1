/**
 * Events that move from PostgreSQL to SQLite and back: as files of events do it, and by plain statements, which look at nothing
 * afterwards.
 *
 * @module
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { exportEvents, hashEvents, importEvents } from '../../src/transfer/index.js';
import { Random } from '../runner/random.js';
import { EventSource } from '../runner/workload.js';
import { createPlainTable, insertPlainly } from './plain-table.js';

const AT_ONCE = 500;

/** A table of events in PostgreSQL. */
export interface OldHouse {
  readonly pool: PgPool;
  readonly recorder: PostgresProcessRecorder;
  readonly events: number;
  close(): Promise<void>;
}

/** Fills it. */
export async function buildOldHouse(
  url: string,
  { seed, events }: { seed: number; events: number },
): Promise<OldHouse> {
  const pool = await createPgPool({ connectionString: url });
  const recorder = new PostgresProcessRecorder({ pool, applicationName: 'old_house' });
  await recorder.createTable();
  const source = new EventSource(new Random(seed));
  for (let at = 0; at < events; at += AT_ONCE) await recorder.insertEvents(source.take(Math.min(AT_ONCE, events - at)));
  await createPlainTable(pool, recorder.dialect.log?.eventsTable ?? '');
  return { pool, recorder, events, close: () => pool.end() };
}

/** Milliseconds for each way. */
export interface MovingTimes {
  readonly thereMs: number;
  readonly backMs: number;
}

/**
 * Moves all of it, and back into another table.
 *
 * @param folder - where the SQLite file is meanwhile
 * @throws Error when the hashes at the ends are not one
 */
export async function moveByFiles({ pool, recorder, events }: OldHouse, folder: string): Promise<MovingTimes> {
  const path = join(folder, 'moved.sqlite');
  const database = await openNodeSqlite({ path });
  const back = new PostgresProcessRecorder({ pool, applicationName: 'new_house' });
  try {
    const sqlite = new SqliteProcessRecorder(database);
    await sqlite.createTable();
    await back.createTable();
    const thereMs = await timed(async () => await importEvents(sqlite, exportEvents(recorder)));
    const backMs = await timed(async () => await importEvents(back, exportEvents(sqlite)));
    const hashes = [await hashEvents(recorder), await hashEvents(sqlite), await hashEvents(back)];
    const isSame = hashes.every((one) => one.hash === hashes[0]?.hash && one.events === events);
    if (!isSame) throw new Error(`the hashes differ: ${JSON.stringify(hashes)}`);
    return { thereMs, backMs };
  } finally {
    database.close();
    await removeSqlite(path);
    await pool.query('DROP TABLE IF EXISTS new_house_events, new_house_tracking');
  }
}

/** The same rows, read and inserted by 500. */
export async function moveByHand({ pool, recorder, events }: OldHouse, folder: string): Promise<MovingTimes> {
  const path = join(folder, 'by-hand.sqlite');
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    database.exec(`CREATE TABLE plain (notification_id INTEGER PRIMARY KEY, originator_id BLOB NOT NULL,
      originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, UNIQUE (originator_id, originator_version))`);
    const insert = database.prepare('INSERT INTO plain VALUES (?, ?, ?, ?, ?)');
    const thereMs = await timed(async () => {
      for (let after = 0; after < events; after += AT_ONCE) {
        const { rows } = await pool.query(
          `SELECT notification_id, originator_id, originator_version, topic, state FROM ${recorder.dialect.log?.eventsTable ?? ''}
           WHERE notification_id > $1 ORDER BY notification_id LIMIT ${AT_ONCE}`,
          [after],
        );
        database.exec('BEGIN');
        for (const row of rows as unknown as readonly PlainRow[]) {
          const id = Buffer.from(row.originator_id.replaceAll('-', ''), 'hex');
          insert.run(Number(row.notification_id), id, Number(row.originator_version), row.topic, row.state);
        }
        database.exec('COMMIT');
      }
    });
    const select = database.prepare('SELECT * FROM plain WHERE notification_id > ? ORDER BY notification_id LIMIT ?');
    const backMs = await timed(async () => {
      for (let after = 0; after < events; after += AT_ONCE) {
        await insertPlainly(pool, (select.all(after, AT_ONCE) as unknown as readonly SqlitePlainRow[]).map(toEvent));
      }
    });
    return { thereMs, backMs };
  } finally {
    database.close();
    await removeSqlite(path);
    await pool.query('TRUNCATE plain');
  }
}

interface PlainRow {
  readonly notification_id: string;
  readonly originator_id: string;
  readonly originator_version: string;
  readonly topic: string;
  readonly state: Uint8Array;
}

interface SqlitePlainRow {
  readonly originator_id: Uint8Array;
  readonly originator_version: number;
  readonly topic: string;
  readonly state: Uint8Array;
}

function toEvent({ originator_id, originator_version, topic, state }: SqlitePlainRow): StoredEvent {
  const hex = Buffer.from(originator_id).toString('hex');
  const originatorId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return { originatorId, originatorVersion: originator_version, topic, state };
}

async function removeSqlite(path: string): Promise<void> {
  for (const ending of ['', '-wal', '-shm']) await rm(`${path}${ending}`, { force: true });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
