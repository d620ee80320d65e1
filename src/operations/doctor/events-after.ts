import { eventsTableOf } from '../reading/events-table.js';
import type { Examination } from './examination.js';

/** How many events of some topics, or of all, come after a position; counted up to one more than is critical. */
export async function eventsAfter(
  { recorder, reads, thresholds }: Examination,
  position: number,
  topics: readonly string[],
): Promise<number> {
  const { name, columns } = eventsTableOf(recorder);
  const list = topics.map((_, index) => `$${index + 2}`).join(', ');
  const ofTopics = topics.length === 0 ? '' : `AND ${columns.topic} IN (${list})`;
  const [row] = await reads.rows({
    text: `SELECT count(*) AS events FROM (SELECT 1 FROM ${name} WHERE ${columns.notificationId} > $1 ${ofTopics}
      LIMIT ${Math.ceil(thresholds.lagCritical) + 1}) AS later`,
    values: [position, ...topics],
  });
  return Number(row?.['events']);
}

/** For a message about what was counted so. */
export function atLeast(count: number, most: number): string {
  return count > most ? `more than ${most}` : String(count);
}
