/**
 * What is asked of states, in the server's words.
 *
 * ```text
 * { quantity: 5 }                          { 'data.quantity': { $eq: 5, $not: { $type: 'array' } } }
 * { quantity: null }                       { 'data.quantity': { $eq: null, $not: { $type: 'array' } } }    null, or not there
 * { tags: { has: 'x' } }                   { 'data.tags': { $elemMatch: { $eq: 'x' } } }
 * { not: { quantity: { lt: 5 } } }         { $nor: [{ 'data.quantity': { $lt: 5, $not: { $type: 'array' } } }] }
 * the words 'blu wid'                      { $and: [{ words: { $elemMatch: { $gte: 'blu', $lt: 'blv' } } }, …] }
 * ```
 *
 * The server looks into lists by itself, and a list is no value of a state: so each comparison leaves them out. Values are
 * compared with their own kind there as well, and texts by their bytes, which is the order of code points.
 *
 * @module
 */
import { afterAllThatBeginWith, directionOfIds } from '../states/state-filter.js';
import type { Condition, Operator, Ordering } from '../states/state-filter.js';
import { storedName } from './mongo-state-documents.js';

type Filter = Readonly<Record<string, unknown>>;

/** Fits nothing; the server knows without a look. */
const NOTHING: Filter = { _id: { $in: [] } };
const NO_LIST = { $not: { $type: 'array' } } as const;
const OPERATORS: Readonly<Record<Operator, string>> = {
  '=': '$eq',
  '<': '$lt',
  '<=': '$lte',
  '>': '$gt',
  '>=': '$gte',
};

/** Where a field of a document is. */
export function pathOf(field: string): string {
  return `data.${storedName(field)}`;
}

/** A condition as a filter. */
export function filterOf(condition: Condition): Filter {
  switch (condition.kind) {
    case 'all':
      return together(condition.of.map(filterOf));
    case 'any':
      return condition.of.length === 0 ? NOTHING : { $or: condition.of.map(filterOf) };
    case 'not':
      return { $nor: [filterOf(condition.of)] };
    case 'id':
      return { _id: { [condition.direction === 'asc' ? '$gt' : '$lt']: condition.behind } };
    case 'null':
      return { [pathOf(condition.field)]: { $eq: null, ...NO_LIST } };
    case 'compare':
      return { [pathOf(condition.field)]: { [OPERATORS[condition.operator]]: condition.value, ...NO_LIST } };
    case 'in':
      return { [pathOf(condition.field)]: { $in: [...condition.values], ...NO_LIST } };
    case 'has':
      return { [pathOf(condition.field)]: { $elemMatch: { $eq: condition.value } } };
    case 'words':
      return together(condition.beginnings.map((beginning) => ({ words: { $elemMatch: rangeOf(beginning) } })));
  }
}

/** An order, with the ids that decide among equals. */
export function sortOf(orderings: readonly Ordering[]): Readonly<Record<string, 1 | -1>> {
  const keys = orderings.map(({ field, direction }) => [pathOf(field), signOf(direction)] as const);
  return Object.fromEntries([...keys, ['_id', signOf(directionOfIds(orderings))] as const]);
}

function signOf(direction: 'asc' | 'desc'): 1 | -1 {
  return direction === 'asc' ? 1 : -1;
}

function rangeOf(beginning: string): Filter {
  const behind = afterAllThatBeginWith(beginning);
  return { $gte: beginning, ...(behind === undefined ? {} : { $lt: behind }) };
}

/**
 * All of some filters, as flat as can be: the server takes 100 levels of a filter, and a range of a field has to be in one
 * place for an index to serve it from its beginning to its end.
 */
function together(filters: readonly Filter[]): Filter {
  let whole: Filter | undefined = {};
  for (const filter of filters) whole = whole && merged(whole, filter);
  return whole ?? { $and: filters.filter((filter) => Object.keys(filter).length > 0) };
}

/** @returns undefined: what they say of one thing cannot stand beside each other */
function merged(one: Filter, other: Filter): Filter | undefined {
  const both: Record<string, unknown> = { ...one };
  for (const [key, asked] of Object.entries(other)) {
    const said = Object.hasOwn(one, key) ? beside(key, one[key], asked) : asked;
    if (said === undefined) return undefined;
    both[key] = said;
  }
  return both;
}

function beside(key: string, one: unknown, other: unknown): Filter | undefined {
  if (key.startsWith('$')) return undefined;
  const [ones, others] = [one as Filter, other as Filter];
  const shared = Object.keys(ones).filter((operator) => Object.hasOwn(others, operator));
  return shared.every((operator) => operator === '$not') ? { ...ones, ...others } : undefined;
}
