import { DatabaseSync } from 'node:sqlite';

/**
 * Has what was deleted or overwritten leave a SQLite file, and the log beside it. Others may have the file open.
 *
 * @throws Error when somebody reads or writes for half a minute; call it again
 */
export function eraseFromSqlite(path: string): void {
  const database = new DatabaseSync(path, { timeout: 30_000 });
  try {
    // The file is written anew: SQLite overwrites rows that are deleted, but not where they were before they moved.
    database.exec('PRAGMA secure_delete = ON; VACUUM');
    // What was in the log is in the file now; the log is cut off.
    const [outcome] = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    if (outcome?.['busy'] !== 0) throw new Error(`The log of ${path} is being read.`);
  } finally {
    database.close();
  }
}
