import { MemoryProcessRecorder, MemorySnapshotStore } from 'daybook';
import type { ProcessRecorder, SnapshotStore, SqlRecorder } from 'daybook';
import { MemoryOutbox, SqlOutbox, SqlSnapshotStore } from 'daybook/application';
import type { EventLog, Outbox } from 'daybook/application';
import { memoryOrdersView, sqlOrdersView } from './orders-view.js';
import type { OrdersView } from './orders-view.js';

/** What differs between engines: where things are kept. */
export interface OrdersEngine {
  readonly recorder: ProcessRecorder;
  readonly snapshots: SnapshotStore;
  readonly outbox: Outbox;
  view(log: EventLog): OrdersView;
}

/** Everything in memory: for tests. */
export function memoryEngine(): OrdersEngine {
  return {
    recorder: new MemoryProcessRecorder(),
    snapshots: new MemorySnapshotStore(),
    outbox: new MemoryOutbox(),
    view: memoryOrdersView,
  };
}

/** Everything in one database: the browser's store, SQLite or PostgreSQL. Creates the tables that are missing. */
export async function sqlEngine(recorder: SqlRecorder): Promise<OrdersEngine> {
  const snapshots = new SqlSnapshotStore({ recorder });
  const outbox = new SqlOutbox({ recorder });
  await snapshots.createTables();
  await outbox.createTables();
  return { recorder, snapshots, outbox, view: (log) => sqlOrdersView(log, recorder) };
}
