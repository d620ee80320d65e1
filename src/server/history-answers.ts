/**
 * Answers what devices ask of the history of aggregates.
 *
 * @module
 */
import { historyDigest } from '../persistence/history-digest.js';
import type { HistoryOptions, UnitLog } from './log/unit-log.js';

/** An aggregate, a version with the digest up to there, and the version up to which it is asked for. */
export type DigestQuestion = readonly [originatorId: string, after: number, digest: string, upTo: number];

/** Digests in the order of the questions; null where the log does not have all of the events, or not all may be seen. */
export async function digestsOf(
  log: UnitLog,
  questions: readonly DigestQuestion[],
  reading: Omit<HistoryOptions, 'after' | 'upTo'>,
): Promise<readonly (string | null)[]> {
  const answers: (string | null)[] = [];
  // One after the other: each reads as much as pages do.
  for (const question of questions) answers.push(await digestOf(log, question, reading));
  return answers;
}

async function digestOf(
  log: UnitLog,
  [originatorId, after, before, upTo]: DigestQuestion,
  reading: Omit<HistoryOptions, 'after' | 'upTo'>,
): Promise<string | null> {
  let [at, digest] = [after, before];
  while (at < upTo) {
    const events = (await log.history?.(originatorId, { ...reading, after: at, upTo })) ?? [];
    const last = events.at(-1);
    if (last === undefined) return null;
    digest = historyDigest(events, digest);
    at = last.originatorVersion;
  }
  return digest;
}
