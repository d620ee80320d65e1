import type { ProcessRecorder, SqlRecorder } from 'daybook';
import { MemoryProcessRecorder } from 'daybook';
import { MemoryEventIndex, SqlEventIndex } from 'daybook/application';
import type { EventIndex } from 'daybook/application';
import { MemoryStateStore, SqlStateStore } from 'daybook/states';
import type { StateStore } from 'daybook/states';
import { profiles, users } from './user.js';

/** What differs between engines: where events, states and the index of events are. */
export interface UserDatabase {
  readonly recorder: ProcessRecorder;
  readonly states: StateStore;
  readonly eventIndex: EventIndex;
}

/** Everything in memory: for tests. */
export function memoryDatabase(): UserDatabase {
  const recorder = new MemoryProcessRecorder();
  const states = new MemoryStateStore({ recorder, states: [users, profiles] });
  return { recorder, states, eventIndex: new MemoryEventIndex() };
}

/** Everything in one database: the browser's store, SQLite or PostgreSQL. Creates the tables that are missing. */
export async function sqlDatabase(recorder: SqlRecorder): Promise<UserDatabase> {
  const states = new SqlStateStore({ recorder, states: [users, profiles] });
  const eventIndex = new SqlEventIndex({ recorder });
  await states.setUp();
  await eventIndex.createTables();
  return { recorder, states, eventIndex };
}
