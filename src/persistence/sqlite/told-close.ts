import { Listeners } from '../../util/listeners.js';
import type { SqliteDatabase } from './sqlite-driver.js';

/** What a database is given that tells of its end. */
export type ToldClose = Required<Pick<SqliteDatabase, 'onClosed'>>;

/** Lets a database tell of its end: its own `close` does. Not in classes of databases: the worker's has nobody to tell. */
export function tellingClose<Database extends SqliteDatabase>(database: Database): Database & ToldClose {
  const close = database.close.bind(database);
  const listeners = new Listeners();
  let isClosed = false;
  return Object.assign(database, {
    close(): void {
      close();
      isClosed = true;
      listeners.tell();
      listeners.clear();
    },
    onClosed(listener: () => void): void {
      if (isClosed) listener();
      else listeners.add(listener);
    },
  });
}
