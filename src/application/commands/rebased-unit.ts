/**
 * What became of units that gave way to others', for people.
 *
 * @module
 */
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { UnitId } from '../../persistence/unit.js';
import type { SetAsideReason } from '../../persistence/unit-recorder.js';
import { firstDifference } from '../../util/value-difference.js';
import type { KeptCommand } from './kept-commands.js';

/**
 * - `unchanged`: decided again, it came to the same: the same events, after those of others
 * - `changed`: it came to other events
 * - `withdrawn`: it has nothing to do any more
 * - `setAside`: it could not be decided, and waits for somebody
 */
export type RebasedOutcome = 'unchanged' | 'changed' | 'withdrawn' | 'setAside';

/** What became of a unit that gave way to others', for people. */
export interface RebasedUnit {
  readonly id: UnitId;
  /** The id that it goes on under, where that is another one: a server had refused it, and somebody has tried it again. */
  readonly as?: UnitId | undefined;
  /** What was asked for, of which aggregates; empty where it was not kept. */
  readonly commands: readonly KeptCommand[];
  /** Pending again, where it is `unchanged` or `changed`. */
  readonly outcome: RebasedOutcome;
  /** What it was. Events that this version of the application does not know are left out. */
  readonly before: readonly RecordedEvent[];
  /** What it is now; nothing, where it was withdrawn or set aside. */
  readonly after: readonly RecordedEvent[];
  /** Why it gave way: what stands in its place now, in the same aggregates, in its order. */
  readonly others: readonly RecordedEvent[];
  /** Why it was set aside. */
  readonly reason: SetAsideReason | undefined;
  /**
   * All of that in a sentence or two, in English, such as: Reserve was decided again, because others were first (Reserved),
   * and came to Reserved. For other words, or another language, the rest is there.
   */
  readonly message: string;
}

type Told = Pick<RebasedUnit, 'commands' | 'before' | 'after' | 'others' | 'reason'>;

/** What to tell of a unit. */
export function rebasedOf(told: Told): Pick<RebasedUnit, 'outcome' | 'message'> {
  const outcome = outcomeOf(told);
  return { outcome, message: messageOf(outcome, told) };
}

function outcomeOf({ before, after, reason }: Told): RebasedOutcome {
  if (reason !== undefined) return 'setAside';
  if (after.length === 0) return 'withdrawn';
  return firstDifference(before.map(meaningOf), after.map(meaningOf)) === undefined ? 'unchanged' : 'changed';
}

/** What an event says, wherever it stands. */
function meaningOf({ type, aggregateType, originatorId, data }: RecordedEvent): object {
  return { type, aggregateType, originatorId, data };
}

function messageOf(outcome: RebasedOutcome, { commands, before, after, others, reason }: Told): string {
  const asked = commands.length > 0 ? commands.map(({ command }) => command) : before;
  const what = asked.length === 0 ? 'Something' : namesOf(asked);
  const first = others.length === 0 ? 'others were first' : `others were first (${namesOf(others)})`;
  if (outcome === 'setAside') return `${what} was set aside, because ${first}: ${reason?.message ?? ''}`;
  const again = `${what} was decided again, because ${first}, and`;
  if (outcome === 'withdrawn') return `${again} had nothing to do any more.`;
  return outcome === 'unchanged' ? `${again} came to the same.` : `${again} came to ${namesOf(after)}.`;
}

/** Each name once, and how often it is there. */
function namesOf(named: readonly { readonly type: string }[]): string {
  const counts = new Map<string, number>();
  for (const { type } of named) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => (count === 1 ? type : `${count} × ${type}`)).join(', ');
}
