/** What a text of the caller's is said to have written: more than it has, where nobody can tell, and never less. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import type { ChangeSource, StoreChanges } from '../../src/persistence/store-changes.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { SQLITE_ENGINES } from '../support/sqlite-engines.js';

/** Whether each writes `things`, and must be said to. */
const TEXTS: readonly (readonly [text: string, writes: boolean])[] = [
  ['SELECT 1', false],
  ['SELECT 1;', false],
  ['INSERT INTO things VALUES (1)', true],
  ['SELECT 1; INSERT INTO things VALUES (2)', true],
  ['VALUES (1); SELECT 2; UPDATE things SET id = 3', true],
];

describe('PostgreSQL', () => {
  test.each(TEXTS)('%s', async (text, writes) => {
    const postgres = await openPostgres();
    onTestFinished(postgres.close);
    const table = uniqueName();
    await postgres.pool.query(`CREATE TABLE ${table} (id integer)`);
    const told = listenTo(postgres.recorder);
    const sql = text.replaceAll('things', table);
    await postgres.recorder.transaction(({ connection }) => connection.query(sql));
    expect(told().some((one) => isOf(one, table))).toBe(writes);
  });
});

describe.each(['SQLite on sql.js', 'node:sqlite, memory'])('%s', (name) => {
  test.each(TEXTS)('%s', async (text, writes) => {
    const engine = await SQLITE_ENGINES[name]?.();
    if (engine === undefined) throw new Error(`No engine is called ${name}.`);
    const database = await engine.connect();
    onTestFinished(async () => {
      database.close();
      await engine.remove();
    });
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    database.exec('CREATE TABLE things (id integer)');
    const told = listenTo(recorder);
    await recorder.transaction(async ({ connection }) => connection.exec(text));
    expect(told().some((one) => isOf(one, 'things'))).toBe(writes);
  });
});

/** @returns what was told so far of this side's own: PostgreSQL tells at its first look that anything may be another one */
function listenTo(source: ChangeSource): () => readonly StoreChanges[] {
  const told: StoreChanges[] = [];
  onTestFinished(source.onChanged((changes) => told.push(changes)));
  return () => told.filter(({ aggregates }) => aggregates !== undefined);
}

function isOf({ tables }: StoreChanges, table: string): boolean {
  return tables === undefined || tables.includes(table);
}
