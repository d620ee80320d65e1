import { expect, test } from 'vitest';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';

const STORES = { SqlCommitIds, SqlEventIndex, SqlOutbox, SqlSnapshotStore };

test.each(Object.entries(STORES))(
  '%s leaves tables alone that are there, so that nobody waits for it',
  async (_name, Store) => {
    await using fixture = await openPostgres();
    const recorder = fixture.recorder;
    const table = uniqueName();
    const store = new Store({ recorder, table });
    await store.createTables();
    const names = await namesLike(table);
    expect(names).toContain(table);
    const writer = await fixture.pool.connect();
    try {
      // What an insert holds until its transaction ends.
      await writer.query(`BEGIN; LOCK TABLE "${table}" IN ROW EXCLUSIVE MODE`);
      await store.createTables();
    } finally {
      await writer.query('ROLLBACK');
      writer.release();
    }
    expect(await namesLike(table)).toEqual(names);

    async function namesLike(prefix: string): Promise<readonly unknown[]> {
      const { rows } = await fixture.pool.query(
        'SELECT relname FROM pg_class WHERE starts_with(relname, $1) ORDER BY 1',
        [prefix],
      );
      return rows.map(({ relname }) => relname);
    }
  },
);
