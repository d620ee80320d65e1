/**
 * Checks of the tables in PostgreSQL: what keeps them in order, and what makes two writers of one position impossible.
 *
 * @module
 */
import { missingOf } from '../../persistence/sql/create-missing.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { Check, ServerExamination } from './examination.js';
import type { Finding } from './finding.js';

const BESIDE = ['projection_checkpoints', 'projection_dead_letters', 'event_index', 'snapshots', 'daybook_logs'];
// Fewer rows are read as fast without statistics.
const UNANALYZED_ROWS = 10_000;

// All tables of a log, and their parts.
const TABLES_SQL = `WITH RECURSIVE named AS (SELECT to_regclass(name)::oid AS oid FROM unnest($1::text[]) AS name),
  tree AS (
    SELECT oid FROM named WHERE oid IS NOT NULL
    UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent
  )`;

/** The tables of a log, as SQL, as far as they are there. */
async function tablesOf({ recorder, log, outboxTable, schema }: ServerExamination): Promise<readonly string[]> {
  const names = [...BESIDE, outboxTable];
  const missing = await missingOf(recorder, { schema, creations: names.map((name) => ({ name, sql: '' })) });
  const absent = new Set(missing.map(({ name }) => name));
  const space = schema === undefined ? '' : `"${schema.replaceAll('"', '""')}".`;
  const beside = names.filter((name) => !absent.has(name)).map((name) => `${space}"${name}"`);
  return [log.eventsTable, log.trackingTable, ...beside];
}

const vacuum: Check<ServerExamination> = {
  name: 'vacuum',
  what: 'how the tables are kept in order',
  async run(context) {
    const rows = await context.reads.rows({
      text: `${TABLES_SQL} SELECT c.oid::regclass::text AS name, coalesce(s.n_live_tup, 0) AS live_rows,
          coalesce(s.n_dead_tup, 0) AS dead_rows, age(c.relfrozenxid) AS id_age, c.reltuples < 0 AS is_unanalyzed,
          EXISTS (SELECT FROM unnest(c.reloptions) AS o WHERE o ~* '^autovacuum_enabled=(false|off|no|0|f|n)$') AS is_off
        FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
        LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid WHERE c.relkind = 'r' ORDER BY 1`,
      values: [await tablesOf(context)],
    });
    const found = rows.flatMap((row) => vacuumFindings(row, context));
    if (found.length > 0) return found;
    const details = { tables: rows.length };
    return [{ check: 'vacuum', level: 'ok', subject: 'tables', message: 'All tables are kept in order.', details }];
  },
};

function vacuumFindings(row: SqlRow, { thresholds }: ServerExamination): readonly Finding[] {
  const subject = String(row['name']);
  const [live, dead, idAge] = [Number(row['live_rows']), Number(row['dead_rows']), Number(row['id_age'])];
  const found: Finding[] = [];
  const warn = (message: string, advice: string, details: Finding['details']): void => {
    found.push({ check: 'vacuum', level: 'warning', subject, message, advice, details });
  };
  if (row['is_off'] === true) {
    warn(
      `Autovacuum is switched off for ${subject}: its statistics become old, and dead rows stay.`,
      `ALTER TABLE ${subject} RESET (autovacuum_enabled).`,
      { autovacuum: false },
    );
  }
  if (dead > thresholds.deadRows && dead > (live + dead) * thresholds.deadShare) {
    warn(`${dead} of ${live + dead} rows of ${subject} are dead.`, `VACUUM (ANALYZE) ${subject}.`, { live, dead });
  }
  if (row['is_unanalyzed'] === true && live > UNANALYZED_ROWS) {
    warn(`${subject} was never analyzed: its statements are planned blindly.`, `ANALYZE ${subject}.`, { live });
  }
  if (idAge > thresholds.transactionIdAge) {
    warn(
      `${subject} was not frozen for ${idAge} transactions; at 2,147,483,648 the server takes no writes any more.`,
      `VACUUM (FREEZE) ${subject}, and see what holds autovacuum back.`,
      { transactionIdAge: idAge },
    );
  }
  return found;
}

const indexes: Check<ServerExamination> = {
  name: 'index',
  what: 'the indexes of the tables',
  async run(context) {
    const rows = await context.reads.rows({
      text: `${TABLES_SQL} SELECT i.indexrelid::regclass::text AS name, i.indrelid::regclass::text AS table_name,
          i.indisunique AS is_unique, i.indisvalid AND i.indisready AS is_valid, coalesce(s.idx_scan, 0) AS scans,
          pg_catalog.pg_relation_size(i.indexrelid) AS bytes,
          extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time())) * 1000 AS counted_ms
        FROM tree JOIN pg_catalog.pg_index i ON i.indrelid = tree.oid
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_stat_database d ON d.datname = current_database()
        LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = i.indexrelid WHERE c.relkind = 'i' ORDER BY 1`,
      values: [await tablesOf(context)],
    });
    const found = rows.map((row) => indexFinding(row, context)).filter((one) => one !== undefined);
    if (found.length > 0) return found;
    const details = { indexes: rows.length };
    return [{ check: 'index', level: 'ok', subject: 'tables', message: 'All indexes are whole and in use.', details }];
  },
};

function indexFinding(row: SqlRow, { thresholds }: ServerExamination): Finding | undefined {
  const [subject, table] = [String(row['name']), String(row['table_name'])];
  const [scans, bytes, countedMs] = [Number(row['scans']), Number(row['bytes']), Number(row['counted_ms'])];
  const details = { table, scans, bytes };
  if (row['is_valid'] !== true) {
    return {
      ...{ check: 'index', level: row['is_unique'] === true ? 'critical' : 'warning', subject, details },
      message: `The index ${subject} of ${table} is invalid: it costs each write, and serves no read.`,
      advice: `REINDEX INDEX CONCURRENTLY ${subject}, or DROP INDEX CONCURRENTLY ${subject}.`,
    };
  }
  const isUnused =
    row['is_unique'] !== true &&
    scans === 0 &&
    bytes >= thresholds.unusedIndexBytes &&
    countedMs >= thresholds.unusedIndexAgeMs;
  if (!isUnused) return undefined;
  return {
    ...{ check: 'index', level: 'warning', subject, details },
    message: `Nobody has read the index ${subject} of ${table} (${bytes} bytes) since uses are counted, ${Math.round(countedMs / 86_400_000)} days ago.`,
    advice: `If no standby reads it either: DROP INDEX CONCURRENTLY ${subject}.`,
  };
}

const uniqueness: Check<ServerExamination> = {
  name: 'uniqueness',
  what: 'what makes positions unique',
  async run({ reads, log }) {
    const rows = await reads.rows({
      text: `SELECT i.indexrelid::regclass::text AS name, c.relkind = 'p' AS is_split,
          pg_catalog.pg_get_partkeydef(c.oid) AS split_by,
          array(SELECT quote_ident(a.attname) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns
        FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i
          ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        WHERE c.oid = to_regclass($1::text)`,
      values: [log.eventsTable],
    });
    return rows.length === 0 ? [noEvents(log.eventsTable)] : [uniquenessFinding(rows, log)];
  },
};

function noEvents(table: string): Finding {
  return {
    ...{ check: 'uniqueness', level: 'critical', subject: table, details: {} },
    message: `There is no table ${table}.`,
    advice: 'Check the database, the schema and the name of the application, or create the table.',
  };
}

function uniquenessFinding(rows: readonly SqlRow[], log: ServerExamination['log']): Finding {
  const { originatorId, originatorVersion } = log.columns;
  const tenant = log.tenants === undefined ? [] : [log.tenants.column];
  const wanted = [...tenant, originatorId, originatorVersion].map(plainName);
  const keys = rows.map((row) => ((row['columns'] as readonly string[] | null) ?? []).map(plainName));
  const subject = log.eventsTable;
  const columns = wanted.join(', ');
  const kept = keys.find((key) => key.length === wanted.length && wanted.every((column) => key.includes(column)));
  const splitBy = (rows[0]?.['split_by'] as string | null | undefined) ?? null;
  if (kept !== undefined) {
    const message = `A position of an aggregate is taken once: (${columns}) is unique.`;
    return { check: 'uniqueness', level: 'ok', subject, message, details: { columns, splitBy } };
  }
  const wider = keys.find((key) => wanted.every((column) => key.includes(column)));
  const why =
    wider === undefined
      ? `nothing makes (${columns}) unique`
      : `only (${wider.join(', ')}) is unique, ${splitBy === null ? 'which says nothing of' : `as ${splitBy} needs it; that says nothing of`} (${columns})`;
  return {
    ...{ check: 'uniqueness', level: 'critical', subject, details: { columns: wider?.join(', ') ?? '', splitBy } },
    message: `Two writers may record the same position of an aggregate, and neither is told: ${why}.`,
    advice:
      splitBy === null
        ? `Look for positions that are there twice, then CREATE UNIQUE INDEX ON ${subject} (${columns}).`
        : `A unique key of a table that is split has to contain what it is split by, so events cannot be split by time. Split by what the key has: the tenant, by hash (shared.partitions).`,
  };
}

/** A name of a column without its quotes. */
function plainName(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Of the tables. */
export const TABLE_CHECKS: readonly Check<ServerExamination>[] = [uniqueness, vacuum, indexes];
