/**
 * Checks of a PostgreSQL server: its version, its settings, who is connected.
 *
 * @module
 */
import type { Check, ServerExamination } from './examination.js';
import type { Finding, Level } from './finding.js';

// When the project stops correcting a major version. Older ones have no corrections any more.
const CORRECTED_UNTIL: Readonly<Record<number, string>> = {
  14: '2026-11-12',
  15: '2027-11-11',
  16: '2028-11-09',
  17: '2029-11-08',
  18: '2030-11-14',
};
const OLDEST_KNOWN = 14;

interface SettingRule {
  /** The values that are as they should be; any other one has the level. */
  readonly good: RegExp;
  readonly level: Level;
  readonly consequence: string;
}

const SETTINGS: Readonly<Record<string, SettingRule>> = {
  fsync: {
    good: /^on$/,
    level: 'critical',
    consequence: 'a crash of the machine may destroy the database, and what was acknowledged with it',
  },
  full_page_writes: {
    good: /^on$/,
    level: 'critical',
    consequence: 'a crash of the machine may leave pages that are half old, half new',
  },
  synchronous_commit: {
    good: /^(?:on|local|remote_write|remote_apply)$/,
    level: 'warning',
    consequence: 'commits of the last moments before a crash are lost, though they were acknowledged',
  },
  default_transaction_read_only: {
    good: /^off$/,
    level: 'critical',
    consequence: 'nothing can be recorded',
  },
  autovacuum: {
    good: /^on$/,
    level: 'warning',
    consequence: 'dead rows stay, statistics become old, and at last the server refuses to write',
  },
  track_counts: {
    good: /^on$/,
    level: 'warning',
    consequence: 'autovacuum does not know what there is to do',
  },
};

const version: Check<ServerExamination> = {
  name: 'server',
  what: "the server's version",
  async run({ reads, clock }) {
    const [row = {}] = await reads.rows({
      text: `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
        pg_is_in_recovery() AS is_standby, current_user AS role, current_database() AS database`,
      values: [],
    });
    const name = String(row['version']);
    const major = Math.floor(Number(row['number']) / 10_000);
    const details = { version: name, role: String(row['role']), database: String(row['database']) };
    const until = major < OLDEST_KNOWN ? 'long ago' : CORRECTED_UNTIL[major];
    const today = new Date(clock.nowMs()).toISOString();
    const isOld = until !== undefined && (major < OLDEST_KNOWN || today > until);
    const found: Finding = isOld
      ? {
          ...{ check: 'server', level: 'warning', subject: 'version', details },
          message: `PostgreSQL ${name} gets no corrections any more (${until}).`,
          advice: 'Upgrade to a version that does.',
        }
      : { check: 'server', level: 'ok', subject: 'version', message: `PostgreSQL ${name}`, details };
    if (row['is_standby'] !== true) return [found];
    const standby: Finding = {
      ...{ check: 'server', level: 'warning', subject: 'standby', details },
      message: 'This server is a standby: nothing can be recorded in it.',
      advice: 'Connect applications, and this check, to the primary.',
    };
    return [found, standby];
  },
};

const settings: Check<ServerExamination> = {
  name: 'setting',
  what: "the server's settings",
  async run({ reads }) {
    const rows = await reads.rows({
      text: `SELECT name, setting, source FROM pg_catalog.pg_settings WHERE name = ANY($1::text[])`,
      values: [Object.keys(SETTINGS)],
    });
    return rows.map((row) => settingFinding(String(row['name']), String(row['setting']), String(row['source'])));
  },
};

function settingFinding(name: string, value: string, source: string): Finding {
  const { good, level, consequence } = SETTINGS[name] as SettingRule;
  const common = { check: 'setting', subject: name, details: { value, source } };
  if (good.test(value)) return { ...common, level: 'ok', message: `${name} is ${value}.` };
  return {
    ...{ ...common, level, message: `${name} is ${value}: ${consequence}.` },
    advice: `See who set it (${source}), and take it back: ALTER SYSTEM RESET ${name}, ALTER DATABASE … RESET ${name} or ALTER ROLE … RESET ${name}.`,
  };
}

const connections: Check<ServerExamination> = {
  name: 'connections',
  what: 'how many connections are open',
  async run({ reads, thresholds }) {
    const [row = {}] = await reads.rows({
      text: `SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL) AS used,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most`,
      values: [],
    });
    const [used, most] = [Number(row['used']), Number(row['most'])];
    const isMany = used > most * thresholds.connectionShare;
    return [
      {
        check: 'connections',
        level: isMany ? 'warning' : 'ok',
        subject: 'server',
        message: `${used} of ${most} connections are in use.`,
        advice: isMany
          ? 'Give pools fewer connections (poolSize, maxOverflow), put a pooler in between, or raise max_connections.'
          : undefined,
        details: { used, most },
      },
    ];
  },
};

const transactions: Check<ServerExamination> = {
  name: 'transaction',
  what: 'how long transactions are open',
  async run({ reads, thresholds: { transactionAgeMs } }) {
    const rows = await reads.rows({
      text: `SELECT pid, coalesce(usename::text, '') AS role, state, xact_start IS NULL AND state IS NULL AS is_hidden,
          extract(epoch FROM clock_timestamp() - xact_start) * 1000 AS age_ms
        FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid() AND datid IS NOT NULL AND usesysid IS NOT NULL
        ORDER BY xact_start LIMIT 1000`,
      values: [],
    });
    const long: Finding[] = rows
      .filter((row) => row['age_ms'] !== null && Number(row['age_ms']) > transactionAgeMs)
      .map((row) => ({
        check: 'transaction',
        level: 'warning',
        subject: `process ${String(row['pid'])}`,
        message: `A transaction of ${String(row['role'])} (${String(row['state'])}) is open for ${Math.round(Number(row['age_ms']) / 1_000)} s: what is deleted meanwhile stays on the disk, and locks stay held.`,
        advice: `Find out what it does; SELECT pg_terminate_backend(${String(row['pid'])}) ends it.`,
        details: { pid: Number(row['pid']), role: String(row['role']), ageMs: Math.round(Number(row['age_ms'])) },
      }));
    const hidden = rows.filter((row) => row['is_hidden'] === true).length;
    if (hidden > 0) long.push(hiddenSessions(hidden));
    if (long.length > 0) return long;
    const message = 'No transaction is open for long.';
    return [{ check: 'transaction', level: 'ok', subject: 'server', message, details: { sessions: rows.length } }];
  },
};

function hiddenSessions(sessions: number): Finding {
  return {
    check: 'transaction',
    level: 'unknown',
    subject: 'server',
    message: `What ${sessions} sessions of other roles do could not be seen.`,
    advice: 'GRANT pg_read_all_stats to the role that looks.',
    details: { sessions },
  };
}

/** Of the server. */
export const SERVER_CHECKS: readonly Check<ServerExamination>[] = [version, settings, connections, transactions];
