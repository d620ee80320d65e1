import type { SqlRecorder } from 'daybook';
import { Application, SqlEventIndex } from 'daybook/application';
import type { AggregateDefinition } from 'daybook/application';
import { createSyncServer, PostgresUnitLog } from 'daybook/server';
import type { SyncServer, VerifyToken } from 'daybook/server';

/** A sync server that takes each event id once, whichever device pushes it, and an index that finds what was pushed. */
export async function openIndexedServer(
  recorder: SqlRecorder,
  aggregates: readonly AggregateDefinition[],
  verifyToken: VerifyToken,
): Promise<{ server: SyncServer; index: SqlEventIndex }> {
  const index = new SqlEventIndex({ recorder });
  await index.createTables();
  // What the server records itself goes through the same index.
  const app = new Application({ recorder, aggregates, inline: [index] });
  const inline = { participants: [index], decode: app.decode.bind(app) };
  const unitLog = new PostgresUnitLog({ recorder, inline });
  await unitLog.createTables();
  return { server: createSyncServer({ unitLog, verifyToken }), index };
}
