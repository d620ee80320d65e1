/** What cannot be migrated by: refused before anything is asked of a database. */
import { describe, expect, test } from 'vitest';
import { Migrator, ownTablesOf, schemaSql } from '../../src/migrations/index.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';

const recorder = new SqliteProcessRecorder(await openSqlJs());
const one = { version: 1, name: 'one', up: 'CREATE TABLE one (id INT)' };
const REFUSED = expect.objectContaining({ code: 'PROGRAMMING_ERROR' });

describe('a migrator', () => {
  test.each<[string, object]>([
    ['no recorder', { recorder: undefined }],
    ['a recorder without SQL', { recorder: new MemoryProcessRecorder() }],
    ['migrations that are no list', { migrations: { ...one } }],
    ['a migration that is none', { migrations: [null] }],
    ['a text', { migrations: ['SELECT 1'] }],
    ['no version', { migrations: [{ ...one, version: undefined }] }],
    ['a version of 0', { migrations: [{ ...one, version: 0 }] }],
    ['half a version', { migrations: [{ ...one, version: 1.5 }] }],
    ['a version as a text', { migrations: [{ ...one, version: '1' }] }],
    ['a version that is too large', { migrations: [{ ...one, version: 2 ** 53 }] }],
    ['two of one version', { migrations: [one, { ...one, name: 'two' }] }],
    ['no name', { migrations: [{ ...one, name: '' }] }],
    ['a name with a space', { migrations: [{ ...one, name: 'a b' }] }],
    ['a name that is a path', { migrations: [{ ...one, name: '../one' }] }],
    ['a long name', { migrations: [{ ...one, name: 'x'.repeat(81) }] }],
    ['no SQL', { migrations: [{ version: 1, name: 'one' }] }],
    ['a way back that is none', { migrations: [{ ...one, down: null }] }],
    ['an empty way back', { migrations: [{ ...one, down: ' ' }] }],
    ['a zero character', { migrations: [{ ...one, up: "SELECT '\0'" }] }],
    ['an empty set', { set: '' }],
    ['a set that is Daybook’s', { set: 'daybook events' }],
    ['a ledger that no table can be', { ledgerTable: 'a-b' }],
    ['a schema on SQLite', { schema: 'public' }],
    ['a negative wait', { waitMs: -1 }],
    ['a wait as a text', { waitMs: '1' }],
    ['a lock timeout that never ends', { lockTimeoutMs: Infinity }],
    ['own tables that are no list', { own: recorder }],
    ['own tables that are none', { own: [{}] }],
    ['a recorder as own tables', { own: [recorder] }],
  ])('refuses %s', (_, wrong) => {
    expect(() => new Migrator({ recorder, migrations: [one], ...wrong })).toThrow(REFUSED);
  });

  test.each<[string, (migrator: Migrator) => Promise<unknown>]>([
    ['up to a version of 0', (migrator) => migrator.up({ to: 0 })],
    ['up to a text', (migrator) => migrator.up({ to: '1' as never })],
    ['down to less than 0', (migrator) => migrator.down({ to: -1 })],
    ['a version to accept that is none', (migrator) => migrator.accept(Number.NaN)],
    ['a version to accept that is not given', (migrator) => migrator.accept(7)],
    ['an outcome that is none', (migrator) => migrator.resolve(1, 'done' as never)],
    ['a migration that was not broken off', (migrator) => migrator.resolve(1, 'applied')],
  ])('refuses %s', async (_, call) => {
    const migrator = new Migrator({ recorder, migrations: [one] });
    await expect(call(migrator)).rejects.toThrow(REFUSED);
    expect((await migrator.status()).migrations).toMatchObject([{ state: 'pending' }]);
  });
});

test('a recorder without tables in a database, and a schema of nothing that has some, are refused', () => {
  expect(() => ownTablesOf(new MemoryProcessRecorder() as never)).toThrow(REFUSED);
  expect(() => schemaSql({ own: [{} as never] })).toThrow(REFUSED);
  expect(() => schemaSql({ migrations: [{ ...one, version: 0 }] })).toThrow(REFUSED);
  expect(schemaSql()).toBe('');
});
