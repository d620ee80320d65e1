/**
 * What is asked of a store, checked; and where pages begin.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import { validateInteger } from '../persistence/validation.js';
import { conditionOf, directionOfIds, fieldNamed, orderingsOf } from './state-filter.js';
import type { Condition, Ordering, Value } from './state-filter.js';
import type { State } from './state.js';
import type { FindOptions, PageOptions } from './state-store.js';
import { searchedWords } from './state-words.js';

const PAGE_STATES_DEFAULT = 100;

/** A `find`, read. @internal */
export interface StateQuery {
  readonly condition: Condition;
  readonly orderings: readonly Ordering[];
  readonly select: readonly string[] | undefined;
  readonly limit: number | undefined;
  readonly offset: number;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be @internal */
export function queryOf<Data>(state: Searched, options: FindOptions<Data>): StateQuery {
  const { where, search, orderBy, select, limit, offset = 0 } = options;
  if (limit !== undefined) validateInteger('The limit', limit, 0);
  validateInteger('The offset', offset, 0);
  if (select !== undefined && !Array.isArray(select)) throw new ProgrammingError('select must be a list of fields.');
  const fields = select && [...new Set(select.map(fieldNamed))];
  const condition = searchedConditionOf(state, where, search);
  return { condition, orderings: orderingsOf(orderBy), select: fields, limit, offset };
}

/** What is needed of a state. @internal */
export type Searched = Pick<State, 'name' | 'search'>;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when one is not what it should be, or nothing of the state is searched @internal */
export function searchedConditionOf({ name, search: fields }: Searched, where: unknown, search: unknown): Condition {
  const condition = conditionOf(where);
  if (search === undefined) return condition;
  if (fields.length === 0) {
    throw new ProgrammingError(`The state ${name} has no fields that are searched: name them in its option search.`);
  }
  const beginnings = searchedWords(search);
  return beginnings.length === 0 ? condition : both(condition, { kind: 'words', fields, beginnings });
}

/** A page, read. @internal */
export interface PageQuery {
  readonly orderings: readonly Ordering[];
  readonly select: readonly string[] | undefined;
  readonly limit: number;
  /** What is asked for, one after another, until the page is full: states of each are in order, and before those of the next. */
  readonly parts: readonly Condition[];
}

/** Where a page ends: the values of the fields that are ordered by, and the id. */
type Place = readonly [orderings: string, values: readonly (Value | null)[], id: string];

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be @internal */
export function pageOf<Data>(
  state: Searched,
  { limit = PAGE_STATES_DEFAULT, after, ...options }: PageOptions<Data>,
): PageQuery {
  validateInteger('The limit of a page', limit, 1);
  const { condition, orderings, select } = queryOf(state, options);
  const parts =
    after === undefined
      ? [condition]
      : partsBehind(orderings, placeFrom(orderings, after)).map((part) => both(condition, part));
  return { orderings, select, limit, parts };
}

/** Where the next page begins, behind a state. @internal */
export function placeAfter(orderings: readonly Ordering[], values: readonly (Value | null)[], id: string): string {
  const place: Place = [nameOf(orderings), values, id];
  return JSON.stringify(place);
}

/**
 * What is behind a place, in parts that an index on the first field can each serve from its beginning on: nulls apart, and
 * a range of the field beside what decides among its equals.
 */
function partsBehind(orderings: readonly Ordering[], [, values, id]: Place): readonly Condition[] {
  const [first, ...rest] = orderings;
  const ids: Condition = { kind: 'id', behind: id, direction: directionOfIds(orderings) };
  if (first === undefined) return [ids];
  const value = values[0] as Value | null;
  const { field, direction } = first;
  const equals = both(isAt(field, value), behind(rest, values.slice(1), ids));
  if (value === null) {
    return direction === 'asc' ? [equals, { kind: 'not', of: { kind: 'null', field } }] : [equals];
  }
  const further = direction === 'asc' ? '>' : '<';
  const within: Condition = { kind: 'compare', field, operator: `${further}=`, value };
  const behindIt: Condition = { kind: 'any', of: [{ kind: 'compare', field, operator: further, value }, equals] };
  const inOrder = both(within, behindIt);
  return direction === 'asc' ? [inOrder] : [inOrder, { kind: 'null', field }];
}

/** Behind these values of these fields, and behind an id among their equals. */
function behind(orderings: readonly Ordering[], values: readonly (Value | null)[], ids: Condition): Condition {
  const [first, ...rest] = orderings;
  if (first === undefined) return ids;
  const { field, direction } = first;
  const value = values[0] as Value | null;
  const equals = both(isAt(field, value), behind(rest, values.slice(1), ids));
  const further: readonly Condition[] =
    value === null
      ? direction === 'asc'
        ? [{ kind: 'not', of: { kind: 'null', field } }]
        : []
      : [
          { kind: 'compare', field, operator: direction === 'asc' ? '>' : '<', value },
          ...(direction === 'asc' ? [] : [{ kind: 'null', field } as const]),
        ];
  return { kind: 'any', of: [...further, equals] };
}

function isAt(field: string, value: Value | null): Condition {
  return value === null ? { kind: 'null', field } : { kind: 'compare', field, operator: '=', value };
}

function both(one: Condition, other: Condition): Condition {
  return { kind: 'all', of: [one, other] };
}

function nameOf(orderings: readonly Ordering[]): string {
  return orderings.map(({ field, direction }) => `${direction} ${field}`).join(', ');
}

function placeFrom(orderings: readonly Ordering[], after: string): Place {
  const place = readPlace(after);
  if (place?.[0] === nameOf(orderings) && place[1].length === orderings.length) return place;
  throw new ProgrammingError('after must be next of a page that was asked for in the same order.');
}

function readPlace(text: unknown): Place | undefined {
  try {
    const read: unknown = JSON.parse(String(text));
    if (!Array.isArray(read) || read.length !== 3) return undefined;
    const [orderings, values, id] = read as readonly unknown[];
    const isPlace = typeof orderings === 'string' && typeof id === 'string' && Array.isArray(values);
    return isPlace && values.every(isValueOrNull) ? [orderings, values, id] : undefined;
  } catch {
    return undefined;
  }
}

function isValueOrNull(value: unknown): value is Value | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
