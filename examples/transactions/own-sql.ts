import type { StoredEvent } from 'daybook';
import type { PostgresProcessRecorder } from 'daybook/postgres';

/** Records events, and keeps a table of the application's own in step with them. */
export async function moveItem(recorder: PostgresProcessRecorder, shelf: string, events: StoredEvent[]): Promise<void> {
  await recorder.transaction(async (transaction) => {
    await transaction.insertEvents(events);
    await transaction.connection.query(
      'INSERT INTO shelves (name, items) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET items = shelves.items + 1',
      [shelf],
    );
  });
}
