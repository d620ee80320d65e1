import type { Daybook, StoredEvent, SqlQueryable, TransactionalRecorder } from 'daybook';

type Store = Pick<Daybook, 'query'> & { readonly recorder: TransactionalRecorder<SqlQueryable> };

/** Creates the tables of the application, where they are missing. Safe in every tab, at every start. */
export async function createShelves({ recorder }: Store): Promise<void> {
  await recorder.transaction(async ({ connection }) => {
    await connection.query('CREATE TABLE IF NOT EXISTS shelves (name TEXT PRIMARY KEY, items INTEGER NOT NULL) STRICT');
  });
}

/** Records events, and keeps a table of the application's own in step with them. */
export async function putOnShelf({ recorder }: Store, shelf: string, events: StoredEvent[]): Promise<number> {
  return await recorder.transaction(async (transaction) => {
    await transaction.insertEvents(events);
    const { rows } = await transaction.connection.query(
      `INSERT INTO shelves (name, items) VALUES ($1, 1)
       ON CONFLICT (name) DO UPDATE SET items = shelves.items + 1 RETURNING items`,
      [shelf],
    );
    return Number(rows[0]?.['items']);
  });
}

/** Reads what is committed. */
export async function fullestShelf({ query }: Store): Promise<string | undefined> {
  const { rows } = await query('SELECT name FROM shelves ORDER BY items DESC LIMIT $1', [1]);
  return rows[0]?.['name'] as string | undefined;
}
