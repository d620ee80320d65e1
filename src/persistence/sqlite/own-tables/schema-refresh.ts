import { steppedUnit } from '../../serial/unit-of-work.js';
import type { UnitOfWork, UnitSteps } from '../../serial/unit-of-work.js';
import type { SqliteDatabase } from '../sqlite-driver.js';

/**
 * Makes SQLite look whether the schema is still the one that it has in memory, after a transaction or a savepoint was
 * taken back.
 *
 * By itself it forgets what it has in memory when it takes a change of the schema back; but not if an `ALTER TABLE` failed
 * in between, which makes it forget that there was a change (seen in SQLite 3.54). Then a `CREATE INDEX` that was taken
 * back "already exists". Whoever runs any other statement makes it look, because that checks the schema's version.
 */
export function refreshSchema(database: SqliteDatabase): void {
  // Prepared anew each time, so that it is made for the schema in memory and fails to fit the one that there is.
  database.exec('SELECT 1 FROM main.sqlite_schema, temp.sqlite_schema LIMIT 0');
}

/** A unit, or a savepoint, in which the schema may change. */
export function refreshing(database: SqliteDatabase, steps: UnitSteps): UnitOfWork {
  return steppedUnit({
    ...steps,
    rollback() {
      steps.rollback();
      refreshSchema(database);
    },
  });
}
