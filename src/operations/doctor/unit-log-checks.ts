/**
 * Checks of the log of units that a synchronisation server has on the events.
 *
 * @module
 */
import { unitLogBeside } from '../../persistence/sql/unit-log-beside.js';
import { eventsTableOf } from '../reading/events-table.js';
import type { Check, Examination } from './examination.js';
import { atLeast, eventsAfter } from './events-after.js';
import { levelAbove } from './finding.js';
import type { Finding } from './finding.js';

const units: Check = {
  name: 'units',
  what: 'how far the log of units is',
  async run(context) {
    const { recorder, reads } = context;
    const log = await unitLogBeside(recorder);
    if (log === undefined) return [];
    const [head] = await reads.rows({ text: `SELECT position, last_id FROM ${log.head} LIMIT 1`, values: [] });
    if (head === undefined) return [];
    const [position, lastId] = [Number(head['position']), Number(head['last_id'])];
    if (position < 0) return [movedAway(log.name, -1 - position)];
    const [waiting] = await reads.rows({ text: `SELECT count(*) AS units FROM ${log.setAside}`, values: [] });
    const standing = await standingOf(context, { name: log.name, position, lastId });
    return [standing, ...setAside(log.name, Number(waiting?.['units']))];
  },
};

async function standingOf(
  context: Examination,
  { name, position, lastId }: { readonly name: string; readonly position: number; readonly lastId: number },
): Promise<Finding> {
  const { recorder, reads, thresholds } = context;
  const { lagWarning: warning, lagCritical: critical } = thresholds;
  const { name: events, columns } = eventsTableOf(recorder);
  // Of the rows themselves: where ids are never given twice, the recorder knows larger ones.
  const [row] = await reads.rows({ text: `SELECT max(${columns.notificationId}) AS last FROM ${events}`, values: [] });
  const last = Number(row?.['last'] ?? 0);
  const common = { check: 'units', subject: name };
  if (last < lastId) {
    return {
      ...{ ...common, level: 'critical', details: { position, lastId, last } },
      message: `The log ${name} ends with event ${lastId}, and the events end with ${last}: some were lost, or restored without the log. The server refuses to go on.`,
      advice: 'Restore all tables from one backup: devices bring back what came after it.',
    };
  }
  const lag = await eventsAfter(context, lastId, []);
  const level = levelAbove(lag, { warning, critical });
  return {
    ...{ ...common, level, details: { position, lastId, lag } },
    message: `The log ${name} has ${position} events; ${atLeast(lag, critical)} that were recorded beside it are not in it yet.`,
    advice:
      level === 'ok'
        ? undefined
        : 'No device has them. The server takes them in before it answers anybody: see whether it runs, and whether devices reach it.',
  };
}

function movedAway(name: string, position: number): Finding {
  return {
    ...{ check: 'units', level: 'warning', subject: name, details: { position } },
    message: `The log ${name} was moved to other tables at position ${position}: nobody goes on with it here.`,
    advice: 'Look at the new place. When all is there, remove the old rows.',
  };
}

function setAside(name: string, waiting: number): readonly Finding[] {
  if (waiting === 0) return [];
  return [
    {
      ...{ check: 'units', level: 'warning', subject: name, details: { setAside: waiting } },
      message: `${waiting} units that devices brought back after a loss do not fit into the log ${name}, and are set aside.`,
      advice: 'Read them by refused() of the log, and take them back by allow(ids), or let them be.',
    },
  ];
}

/** Of a synchronisation server's log. */
export const UNIT_LOG_CHECKS: readonly Check[] = [units];
