import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { DatabaseError } from '../persistence/errors.js';
import { dataLossOf } from './lost-data.js';
import { MigrationLosesDataError } from './migration-errors.js';
import type { RevertibleMigration } from './migration.js';

/**
 * Looks whether ways back would lose data.
 *
 * @throws MigrationLosesDataError (`MIGRATION_LOSES_DATA`) when one would, or may
 */
export async function assertNothingLost(
  recorder: SqlRecorder,
  migrations: readonly RevertibleMigration[],
): Promise<void> {
  for (const { version, name, down } of migrations) {
    for (const [index, statement] of down.statements.entries()) {
      const lost = dataLossOf(statement);
      const tables = lost.loss === 'with-rows' ? lost.tables : [];
      const filled = await firstFilled(recorder, tables);
      if (lost.loss !== 'perhaps' && filled === undefined) continue;
      const what = filled === undefined ? 'may lose data' : `would lose the rows of ${filled}`;
      throw new MigrationLosesDataError(
        `Statement ${index + 1} of the way back of migration ${version} (${name}) ${what}: ${statement.text.slice(0, 200)}. Nothing was done. Where it may (mayLoseData), make a backup first.`,
        { details: { version, name, statement: index + 1, text: statement.text.slice(0, 200) } },
      );
    }
  }
}

async function firstFilled(recorder: SqlRecorder, tables: readonly string[]): Promise<string | undefined> {
  for (const table of tables) {
    try {
      const { rows } = await recorder.query(`SELECT 1 AS filled FROM ${table} LIMIT 1`);
      if (rows.length > 0) return table;
    } catch (error) {
      // There is no such table, or nobody may read it: the statement itself will say so.
      if (!(error instanceof DatabaseError)) throw error;
    }
  }
  return undefined;
}
