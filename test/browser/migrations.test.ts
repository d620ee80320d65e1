/** Migrations in the browser's store, in its worker and with other tabs that have it open. */
import { openDaybook } from 'daybook';
import { Migrator } from 'daybook/migrations';
import { migrationCases } from 'daybook/testing';
import { expect, onTestFinished, test } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName } from './open-store.js';

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => {
    const name = newStoreName();
    const daybook = await openDaybook({ name });
    // As another tab has it: with a worker, a replica and a follower of its own.
    const connect = async () => {
      const other = await openDaybook({ name });
      return { recorder: other.recorder, close: () => other.close() };
    };
    return { context: { recorder: daybook.recorder, connect }, close: () => daybook.close() };
  },
  { migrations: migrationCases },
);

const migrations = [
  { version: 1, name: 'favourites', up: 'CREATE TABLE favourites (article TEXT PRIMARY KEY)' },
  { version: 2, name: 'first', up: "INSERT INTO favourites VALUES ('nails')" },
];

test('what was migrated is there when the store is opened again, and is not done a second time', async () => {
  const name = newStoreName();
  const first = await openDaybook({ name });
  expect(await new Migrator({ recorder: first.recorder, migrations }).up()).toHaveLength(2);
  await first.close();
  const second = await openDaybook({ name });
  onTestFinished(() => second.close());
  expect(await new Migrator({ recorder: second.recorder, migrations }).up()).toEqual([]);
  expect((await second.query('SELECT article FROM favourites')).rows).toEqual([{ article: 'nails' }]);
});

test.each([
  ['a trigger', 'CREATE TRIGGER t AFTER INSERT ON favourites BEGIN SELECT 1; END', 'NOT_SUPPORTED'],
  ['a pragma', 'PRAGMA user_version = 1', 'NOT_SUPPORTED'],
  ['a table of Daybook’s', 'ALTER TABLE stored_events ADD COLUMN more TEXT', 'PROGRAMMING_ERROR'],
])('%s is refused, and nothing of its migration is done', async (_, up, code) => {
  const daybook = await openDaybook({ name: newStoreName() });
  onTestFinished(() => daybook.close());
  const wrong = { version: 3, name: 'wrong', up: `CREATE TABLE notes (id TEXT PRIMARY KEY); ${up}` };
  const migrator = new Migrator({ recorder: daybook.recorder, migrations: [...migrations, wrong] });
  await expect(migrator.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED', cause: { code } });
  expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied', 'pending']);
  await expect(daybook.query('SELECT * FROM notes')).rejects.toThrow(/no such table/);
});
