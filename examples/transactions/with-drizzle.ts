import { eq } from 'drizzle-orm';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import type { StoredEvent } from 'daybook';
import type { PostgresProcessRecorder } from 'daybook/postgres';
import { drizzleOnPostgres } from './drizzle-on-postgres.js';

const shelves = pgTable('shelves', { name: text().primaryKey(), items: integer().notNull() });

export async function fillShelf(
  recorder: PostgresProcessRecorder,
  shelf: string,
  events: StoredEvent[],
): Promise<void> {
  await recorder.transaction(async (transaction) => {
    const db = drizzleOnPostgres(transaction.connection);
    await transaction.insertEvents(events);
    await db.update(shelves).set({ items: 10 }).where(eq(shelves.name, shelf));
  });
}
