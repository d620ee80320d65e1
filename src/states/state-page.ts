/**
 * Pages of states, on whatever engine selects them.
 *
 * @module
 */
import type { State } from './state.js';
import { pick } from './state-document.js';
import type { Value } from './state-filter.js';
import { pageOf, placeAfter } from './state-query.js';
import type { StateQuery } from './state-query.js';
import type { FoundState, PageOptions, StatePage } from './state-store.js';

type Found = FoundState<Record<string, unknown>>;

/**
 * A page of what an engine selects: parts one after another, until the page is full.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 * @internal
 */
export async function pageBy<Data, Field extends keyof Data & string>(
  state: State<Data>,
  options: PageOptions<Data, Field>,
  selected: (query: StateQuery) => Promise<readonly Found[]>,
): Promise<StatePage<Pick<Data, Field>>> {
  const { orderings, select, limit, parts } = pageOf(state, options as PageOptions<Data>);
  // What the next page begins behind has to be read as well.
  const read = select && [...new Set([...select, ...orderings.map(({ field }) => field)])];
  const states: Found[] = [];
  for (const condition of parts) {
    const left = limit + 1 - states.length;
    if (left <= 0) break;
    const query = { condition, orderings, select: read, limit: left, offset: 0 };
    for (const found of await selected(query)) states.push(found);
  }
  const last = states[limit - 1];
  const isMore = states.length > limit && last !== undefined;
  const values = orderings.map(({ field }) => (last?.data[field] ?? null) as Value | null);
  const page = states
    .slice(0, limit)
    .map(({ data, ...rest }) => ({ ...rest, data: pick(data, select) as Pick<Data, Field> }));
  return { states: page, next: isMore ? placeAfter(orderings, values, last.id) : undefined };
}
