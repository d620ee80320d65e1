import type { StoredEvent } from 'daybook';
import type { PostgresProcessRecorder } from 'daybook/postgres';
import { kyselyOnPostgres } from './kysely-on-postgres.js';

interface Tables {
  shelves: { name: string; items: number };
}

export async function emptyShelf(
  recorder: PostgresProcessRecorder,
  shelf: string,
  events: StoredEvent[],
): Promise<void> {
  await recorder.transaction(async (transaction) => {
    const db = kyselyOnPostgres<Tables>(transaction.connection);
    await transaction.insertEvents(events);
    await db.updateTable('shelves').set({ items: 0 }).where('name', '=', shelf).execute();
  });
}
