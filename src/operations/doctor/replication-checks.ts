/**
 * Checks of who copies a PostgreSQL server: what slots of replication hold back for them.
 *
 * @module
 */
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { Check, ServerExamination } from './examination.js';
import { levelAbove } from './finding.js';
import type { Finding } from './finding.js';

const slots: Check<ServerExamination> = {
  name: 'slot',
  what: 'slots of replication',
  async run({ reads, thresholds: { slotBytesWarning, slotBytesCritical } }) {
    const rows = await reads.rows({
      text: `SELECT slot_name AS name, slot_type AS type, active AS is_active, wal_status = 'lost' AS is_lost,
          pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn) AS bytes
        FROM pg_catalog.pg_replication_slots ORDER BY slot_name`,
      values: [],
    });
    return rows.map((row) => slotFinding(row, { warning: slotBytesWarning, critical: slotBytesCritical }));
  },
};

function slotFinding(row: SqlRow, limits: Parameters<typeof levelAbove>[1]): Finding {
  const [subject, type] = [String(row['name']), String(row['type'])];
  const isActive = row['is_active'] === true;
  // Of one that was never used nothing is held back.
  const bytes = Math.max(0, Number(row['bytes'] ?? 0));
  const common = { check: 'slot', subject, details: { type, isActive, bytes } };
  const dropSql = `SELECT pg_drop_replication_slot('${subject}')`;
  if (row['is_lost'] === true) {
    return {
      ...{ ...common, level: 'critical' },
      message: `The slot ${subject} has lost what its follower needs, which was more than max_slot_wal_keep_size.`,
      advice: `Make the follower anew, and ${dropSql}.`,
    };
  }
  const level = levelAbove(bytes, limits);
  return {
    ...{ ...common, level },
    message: `The slot ${subject} (${type}, ${isActive ? 'in use' : 'nobody is connected'}) holds ${bytes} bytes of the server's log back.`,
    advice:
      level === 'ok'
        ? undefined
        : `Until its follower has them the disk fills. See whether it runs and keeps up; if it never comes back: ${dropSql}.`,
  };
}

/** Of who copies the server. */
export const REPLICATION_CHECKS: readonly Check<ServerExamination>[] = [slots];
