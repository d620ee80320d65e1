/**
 * A `where` and an order without SQL: what `MemoryStateStore` finds by, and what the tests compare the engines with.
 *
 * @module
 */
import { directionOfIds } from './state-filter.js';
import type { Condition, Ordering, Value } from './state-filter.js';
import { wordsIn } from './state-words.js';

/** What is compared: an id, and the fields beside it. @internal */
export interface Candidate {
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whether a state is what is asked for. @internal */
export function matches(candidate: Candidate, condition: Condition): boolean {
  switch (condition.kind) {
    case 'all':
      return condition.of.every((one) => matches(candidate, one));
    case 'any':
      return condition.of.some((one) => matches(candidate, one));
    case 'not':
      return !matches(candidate, condition.of);
    case 'id':
      return compareTexts(candidate.id, condition.behind) * signOf(condition.direction) > 0;
    case 'null':
      return fieldOf(candidate, condition.field) === null;
    case 'in':
      return condition.values.includes(fieldOf(candidate, condition.field) as Value);
    case 'has': {
      const list = fieldOf(candidate, condition.field);
      return Array.isArray(list) && list.includes(condition.value);
    }
    case 'words': {
      const words = wordsIn(candidate.data, condition.fields);
      return condition.beginnings.every((beginning) => words.some((word) => word.startsWith(beginning)));
    }
    case 'compare': {
      const found = fieldOf(candidate, condition.field);
      if (typeof found !== typeof condition.value) return false;
      const order = compareValues(found as Value, condition.value);
      switch (condition.operator) {
        case '=':
          return order === 0;
        case '<':
          return order < 0;
        case '<=':
          return order <= 0;
        case '>':
          return order > 0;
        case '>=':
          return order >= 0;
      }
    }
  }
}

/** Compares by the fields, then by the id. @internal */
export function compareBy(orderings: readonly Ordering[]): (one: Candidate, other: Candidate) => number {
  return (one, other) => {
    for (const { field, direction } of orderings) {
      const order = compareFields(fieldOf(one, field), fieldOf(other, field));
      if (order !== 0) return order * signOf(direction);
    }
    return compareTexts(one.id, other.id) * signOf(directionOfIds(orderings));
  };
}

/** The value of a field; null where it is not there. @internal */
export function fieldOf({ data }: Candidate, field: string): unknown {
  return (Object.hasOwn(data, field) ? data[field] : null) ?? null;
}

function signOf(direction: 'asc' | 'desc'): number {
  return direction === 'asc' ? 1 : -1;
}

function compareFields(one: unknown, other: unknown): number {
  if (one === null || other === null) return Number(one !== null) - Number(other !== null);
  return compareValues(one as Value, other as Value);
}

function compareValues(one: Value, other: Value): number {
  if (typeof one === 'string' && typeof other === 'string') return compareTexts(one, other);
  return Number(one) - Number(other);
}

/** By code points, as the bytes of UTF-8 are ordered: `<` goes by units of UTF-16. @internal */
export function compareTexts(one: string, other: string): number {
  const [ones, others] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  for (;;) {
    const [next, otherNext] = [ones.next(), others.next()];
    if (next.done === true || otherNext.done === true)
      return Number(next.done !== true) - Number(otherNext.done !== true);
    const difference = (next.value.codePointAt(0) as number) - (otherNext.value.codePointAt(0) as number);
    if (difference !== 0) return difference;
  }
}
