import type { Unit } from '../../persistence/unit.js';
import { InvalidRequestError } from '../protocol/index.js';

/** The unit that a server could not read. */
export interface UnreadableUnit<U extends Unit> {
  readonly unit: U;
  /** Its place in what was sent. */
  readonly index: number;
  /** In the server's words. */
  readonly problem: string;
}

/**
 * Which of the units that were sent it is that a server could not read, where it says so: nothing was stored of them.
 *
 * @param outcome - what it has answered
 */
export function unreadableOf<U extends Unit>(outcome: unknown, units: readonly U[]): UnreadableUnit<U> | undefined {
  if (!(outcome instanceof InvalidRequestError)) return undefined;
  const [, place] = /^units\.(\d+)(?:\.|$)/.exec(String(outcome.details['path'])) ?? [];
  const index = Number(place);
  const unit = units[index];
  return unit && { unit, index, problem: outcome.message };
}
