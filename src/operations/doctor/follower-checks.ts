/**
 * Checks of who follows the log: projections, the outbox, and what other logs have been followed up to. On every engine.
 *
 * @module
 */
import { missingOf } from '../../persistence/sql/create-missing.js';
import { logName } from '../../persistence/sql/log-owner.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import { atLeast, eventsAfter } from './events-after.js';
import type { Check, Examination } from './examination.js';
import { levelAbove } from './finding.js';
import type { Finding } from './finding.js';

const CHECKPOINTS = 'projection_checkpoints';
const DEAD_LETTERS = 'projection_dead_letters';
const OWNERS = 'daybook_logs';

/** A table beside the events, as SQL; `undefined` where it is not there. */
async function tableBeside({ recorder, schema }: Examination, name: string): Promise<string | undefined> {
  const missing = await missingOf(recorder, { schema, creations: [{ name, sql: '' }] });
  return missing.length > 0 ? undefined : sqlTableName(name, schema, recorder.dialect).table;
}

/** Whether something that is kept beside events belongs to another log of the database. */
async function isOfAnother(context: Examination, kept: string): Promise<boolean> {
  const log = await logName(context.recorder);
  const owners = log === undefined ? undefined : await tableBeside(context, OWNERS);
  if (owners === undefined) return false;
  const [row] = await context.reads.rows({ text: `SELECT log FROM ${owners} WHERE kept = $1`, values: [kept] });
  return row !== undefined && row['log'] !== log;
}

const projections: Check = {
  name: 'projection',
  what: 'how far projections are',
  async run(context) {
    const { reads } = context;
    const checkpoints = await tableBeside(context, CHECKPOINTS);
    if (checkpoints === undefined) return [];
    const rows = await reads.rows({
      text: `SELECT projection, is_live, position, definition FROM ${checkpoints} WHERE is_live >= 0 ORDER BY projection, is_live`,
      values: [],
    });
    const found: Finding[] = [];
    for (const row of rows) {
      const name = String(row['projection']);
      if (await isOfAnother(context, `projection ${name}`)) continue;
      found.push(await projectionFinding(context, row));
    }
    return [...found, ...(await deadLetters(context))];
  },
};

async function projectionFinding(context: Examination, row: SqlRow): Promise<Finding> {
  const { thresholds } = context;
  const name = String(row['projection']);
  const position = Number(row['position']);
  const lag = await eventsAfter(context, position, topicsOf(row['definition']));
  // The next view is behind while it is made: nobody reads it.
  const isLive = Number(row['is_live']) === 1;
  const level = isLive ? levelAbove(lag, { warning: thresholds.lagWarning, critical: thresholds.lagCritical }) : 'ok';
  const view = isLive ? '' : ', its next view,';
  return {
    ...{ check: 'projection', level, subject: name, details: { position, lag, isLive } },
    message: `${name}${view} has ${atLeast(lag, thresholds.lagCritical)} events to take in.`,
    advice: level === 'ok' ? undefined : 'See whether its runner runs, what it waits for, and what its status says.',
  };
}

function topicsOf(definition: unknown): readonly string[] {
  const { topics } = JSON.parse(String(definition)) as { readonly topics?: unknown };
  return Array.isArray(topics) ? (topics as readonly string[]) : [];
}

async function deadLetters(context: Examination): Promise<readonly Finding[]> {
  const table = await tableBeside(context, DEAD_LETTERS);
  if (table === undefined) return [];
  const rows = await context.reads.rows({
    text: `SELECT projection, count(*) AS letters FROM ${table} WHERE status = 'failed' GROUP BY projection ORDER BY projection`,
    values: [],
  });
  const found: Finding[] = [];
  for (const row of rows) {
    const subject = String(row['projection']);
    if (await isOfAnother(context, `projection ${subject}`)) continue;
    found.push({
      ...{ check: 'projection', level: 'warning', subject, details: { deadLetters: Number(row['letters']) } },
      message: `${subject} could not take ${Number(row['letters'])} events in.`,
      advice: 'Read why in its dead letters, correct it, and try them again.',
    });
  }
  return found;
}

const outbox: Check = {
  name: 'outbox',
  what: 'what waits in the outbox',
  async run(context) {
    const { reads, thresholds, clock, outboxTable } = context;
    const table = await tableBeside(context, outboxTable);
    if (table === undefined || (await isOfAnother(context, outboxTable))) return [];
    const [row = {}] = await reads.rows({
      text: `SELECT
          (SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE status = 'pending'
            LIMIT ${Math.ceil(thresholds.backlogCritical) + 1}) AS waiting) AS pending,
          (SELECT created_at FROM ${table} WHERE status = 'pending' ORDER BY position LIMIT 1) AS oldest,
          (SELECT count(*) FROM ${table} WHERE status <> 'published' AND status = 'failed') AS failed`,
      values: [],
    });
    const [pending, failed] = [Number(row['pending']), Number(row['failed'])];
    const oldest = row['oldest'] as string | Date | null | undefined;
    const ageMs = oldest === null || oldest === undefined ? 0 : Math.max(0, clock.nowMs() - new Date(oldest).getTime());
    const { backlogWarning: warning, backlogCritical: critical, backlogAgeMs } = thresholds;
    const byCount = levelAbove(pending, { warning, critical });
    const level = byCount === 'ok' && ageMs > backlogAgeMs ? 'warning' : byCount;
    const waiting: Finding = {
      ...{ check: 'outbox', level, subject: outboxTable, details: { pending, oldestMs: ageMs } },
      message: `${atLeast(pending, critical)} messages wait to be published, the oldest for ${Math.round(ageMs / 1_000)} s.`,
      advice: level === 'ok' ? undefined : 'See whether an OutboxWorker runs, and what its publisher says.',
    };
    if (failed === 0) return [waiting];
    const refused: Finding = {
      ...{ check: 'outbox', level: 'warning', subject: outboxTable, details: { failed } },
      message: `${failed} messages were given up, and hold back what follows of their aggregates.`,
      advice: 'Read last_error, correct the cause, and try them again: outbox.deadLetters() and retry.',
    };
    return [waiting, refused];
  },
};

const tracking: Check = {
  name: 'tracking',
  what: 'how far other logs are followed',
  async run({ recorder, followed, thresholds: { lagWarning, lagCritical } }) {
    const found: Finding[] = [];
    for (const [name, upstream] of Object.entries(followed)) {
      const position = await recorder.maxTrackingId(name);
      const lag = (await upstream.maxNotificationId()) - position;
      const level = lag < 0 ? 'critical' : levelAbove(lag, { warning: lagWarning, critical: lagCritical });
      found.push({
        ...{ check: 'tracking', level, subject: name, details: { position, lag } },
        message:
          lag < 0
            ? `${name} was followed up to ${position}, and ends ${-lag} before: it was cut off, restored, or is another one.`
            : `${name} was followed up to ${position}; ${lag} positions come after it.`,
        advice: level === 'ok' ? undefined : 'See whether its process runs, and what its status says.',
      });
    }
    return found;
  },
};

/** Of who follows. */
export const FOLLOWER_CHECKS: readonly Check[] = [projections, outbox, tracking];
