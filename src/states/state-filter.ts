/**
 * What a `find` asks for, as a caller writes it, and as the engines read it.
 *
 * ```text
 * { active: true, quantity: { gte: 5, lt: 10 }, or: [{ sku: { startsWith: 'A' } }, { sku: null }], not: { kind: 'set' } }
 * ```
 *
 * All that is named holds together; `or` is any of its own, `not` none of what it names. `null` is what is null or not
 * there. Values are compared with values of their own kind: numbers by size, texts by the order of their code points, and
 * anything else fits nothing but `ne` and `not`.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';

/** What can be compared. */
export type Scalar = string | number | boolean | null;

/** The fields of a state that can be compared. */
export type FieldOf<Data> = {
  [Key in keyof Data & string]-?: Exclude<Data[Key], undefined> extends Scalar ? Key : never;
}[keyof Data & string];

/** What the values of a field are, `undefined` being `null`. */
export type ValueOf<Data, Field extends FieldOf<Data>> = Exclude<Data[Field], undefined> & Scalar;

/** What is asked of one field; all of it holds. */
export interface Comparison<Value extends Scalar> {
  readonly eq?: Value | null;
  /** Also where the field is null or not there. */
  readonly ne?: Value | null;
  /** One of these, 10,000 at most. None of them fits when there are none. */
  readonly in?: readonly (Value | null)[];
  readonly gt?: Ordered<Value>;
  readonly gte?: Ordered<Value>;
  readonly lt?: Ordered<Value>;
  readonly lte?: Ordered<Value>;
  /** Of texts. */
  readonly startsWith?: Extract<Value, string> extends never ? never : string;
}

type Ordered<Value extends Scalar> = Exclude<Value, boolean | null>;

/** The fields of a state that are lists of what can be compared. */
export type ListFieldOf<Data> = {
  [Key in keyof Data & string]-?: Exclude<Data[Key], undefined | null> extends readonly Scalar[] ? Key : never;
}[keyof Data & string];

/** The fields of a state that are texts, or lists of texts. */
export type TextFieldOf<Data> = {
  [Key in keyof Data & string]-?: Exclude<Data[Key], undefined | null> extends string | readonly (string | null)[]
    ? Key
    : never;
}[keyof Data & string];

/** What is asked of a list. */
export interface ListComparison<Value> {
  /** One of its values; each of several. What is no list has none. */
  readonly has?: Value | readonly Value[];
}

/** What is in a list, but for null. */
type InList<Data, Field extends ListFieldOf<Data>> =
  Exclude<Data[Field], undefined | null> extends readonly (infer Value)[] ? Exclude<Value, null> : never;

/** What a state must be to be found. */
export type Where<Data> = {
  readonly [Field in FieldOf<Data>]?: ValueOf<Data, Field> | null | Comparison<ValueOf<Data, Field>>;
} & {
  readonly [Field in ListFieldOf<Data>]?: ListComparison<InList<Data, Field>>;
} & {
  /** Each of these as well. */
  readonly and?: readonly Where<Data>[];
  /** One of these at least; none fits when there are none. */
  readonly or?: readonly Where<Data>[];
  /** Not all of this. */
  readonly not?: Where<Data>;
};

/** A field to order by, ascending, or with its direction. Null comes before everything else. */
export type OrderBy<Data> = FieldOf<Data> | Readonly<Partial<Record<FieldOf<Data>, 'asc' | 'desc'>>>;

/** A value that there is. */
export type Value = string | number | boolean;

/** @internal */
export type Operator = '=' | '<' | '<=' | '>' | '>=';

/** A `where` without its shorthands. @internal */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'null'; readonly field: string }
  | { readonly kind: 'compare'; readonly field: string; readonly operator: Operator; readonly value: Value }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly Value[] }
  /** A list with this value. */
  | { readonly kind: 'has'; readonly field: string; readonly value: Value }
  /** For each of some beginnings, one or more, a word in one of these fields. */
  | { readonly kind: 'words'; readonly fields: readonly string[]; readonly beginnings: readonly string[] }
  /** Ids behind this one, in an order of ids. */
  | { readonly kind: 'id'; readonly behind: string; readonly direction: 'asc' | 'desc' };

/** A field to order by. @internal */
export interface Ordering {
  readonly field: string;
  readonly direction: 'asc' | 'desc';
}

/**
 * In which order the ids of those are that are alike: that of the last field, so that an index serves both. @internal
 */
export function directionOfIds(orderings: readonly Ordering[]): 'asc' | 'desc' {
  return orderings.at(-1)?.direction ?? 'asc';
}

const VALUES_MAX = 10_000;
const DEPTH_MAX = 50;
const FIELD_LENGTH_MAX = 200;
const COMBINATIONS = new Set(['and', 'or', 'not']);
const OPERATORS: Readonly<Record<string, Operator>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };
const COMPARISONS = new Set(['eq', 'ne', 'in', 'startsWith', 'has', ...Object.keys(OPERATORS)]);

/**
 * Reads a `where`.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none
 * @internal
 */
export function conditionOf(where: unknown, depth: number = 0): Condition {
  if (where === undefined) return { kind: 'all', of: [] };
  if (!isPlain(where)) throw refused('where', 'an object whose keys are fields', where);
  if (depth > DEPTH_MAX) throw new ProgrammingError(`A where is nested deeper than ${DEPTH_MAX}.`);
  const of = Object.entries(where).flatMap(([key, asked]): readonly Condition[] => {
    if (asked === undefined) return [];
    if (key === 'not') return [{ kind: 'not', of: conditionOf(asked, depth + 1) }];
    if (!COMBINATIONS.has(key)) return comparisonsOf(fieldNamed(key), asked);
    if (!Array.isArray(asked)) throw refused(key, 'a list', asked);
    return [{ kind: key === 'and' ? 'all' : 'any', of: asked.map((one) => conditionOf(one, depth + 1)) }];
  });
  return { kind: 'all', of };
}

/**
 * Reads an `orderBy`.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none, or names a field twice
 * @internal
 */
export function orderingsOf(orderBy: unknown): readonly Ordering[] {
  if (orderBy === undefined) return [];
  const all = (Array.isArray(orderBy) ? orderBy : [orderBy]).flatMap((one: unknown): readonly Ordering[] => {
    if (typeof one === 'string') return [{ field: fieldNamed(one), direction: 'asc' }];
    if (!isPlain(one)) throw refused('orderBy', 'a field, or fields with asc or desc', one);
    return Object.entries(one).flatMap(([field, direction]) => {
      if (direction === undefined) return [];
      if (direction !== 'asc' && direction !== 'desc') throw refused(`orderBy ${field}`, 'asc or desc', direction);
      return [{ field: fieldNamed(field), direction }];
    });
  });
  const twice = all.find(({ field }, index) => all.findIndex((other) => other.field === field) < index);
  if (twice !== undefined) throw new ProgrammingError(`The field ${twice.field} is ordered by twice.`);
  return all;
}

/**
 * A field by its name.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there can be none
 * @internal
 */
export function fieldNamed(name: unknown): string {
  const isName = typeof name === 'string' && name !== '' && name.length <= FIELD_LENGTH_MAX;
  if (isName && name.isWellFormed() && !/["\\\0]/.test(name)) return name;
  throw refused('The name of a field', `1 to ${FIELD_LENGTH_MAX} characters without " and \\`, name);
}

function comparisonsOf(field: string, asked: unknown): readonly Condition[] {
  if (!isPlain(asked)) return [equal(field, asked)];
  return Object.entries(asked).flatMap(([name, value]): readonly Condition[] => {
    if (!COMPARISONS.has(name)) {
      throw new ProgrammingError(
        `The field ${field} is asked for ${name}, which is no comparison: use ${[...COMPARISONS].join(', ')}.`,
      );
    }
    if (value === undefined) return [];
    if (name === 'eq') return [equal(field, value)];
    if (name === 'ne') return [{ kind: 'not', of: equal(field, value) }];
    if (name === 'in') return [oneOf(field, value)];
    if (name === 'startsWith') return beginning(field, value);
    if (name === 'has') return having(field, value);
    const operator = OPERATORS[name] as Operator;
    const ordered = valueOf(field, value);
    if (typeof ordered === 'boolean') throw refused(`${field} ${name}`, 'a number or a text', value);
    return [{ kind: 'compare', field, operator, value: ordered }];
  });
}

function equal(field: string, value: unknown): Condition {
  return value === null
    ? { kind: 'null', field }
    : { kind: 'compare', field, operator: '=', value: valueOf(field, value) };
}

function oneOf(field: string, values: unknown): Condition {
  if (!Array.isArray(values)) throw refused(`${field} in`, 'a list', values);
  if (values.length > VALUES_MAX) {
    throw new ProgrammingError(
      `The field ${field} is to be one of ${values.length} values; ${VALUES_MAX} are the most.`,
    );
  }
  const there = values.filter((value) => value !== null).map((value) => valueOf(field, value));
  const found: Condition = { kind: 'in', field, values: there };
  return there.length === values.length ? found : { kind: 'any', of: [found, { kind: 'null', field }] };
}

function having(field: string, value: unknown): readonly Condition[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length > VALUES_MAX) {
    throw new ProgrammingError(`The list ${field} is to have ${values.length} values; ${VALUES_MAX} are the most.`);
  }
  return values.map((one) => ({ kind: 'has', field, value: valueOf(field, one) }));
}

/** As a range, which an index can serve. */
function beginning(field: string, prefix: unknown): readonly Condition[] {
  if (typeof prefix !== 'string') throw refused(`${field} startsWith`, 'a text', prefix);
  const from: Condition = { kind: 'compare', field, operator: '>=', value: valueOf(field, prefix) };
  const behind = afterAllThatBeginWith(prefix);
  return behind === undefined ? [from] : [from, { kind: 'compare', field, operator: '<', value: behind }];
}

/** The first text behind all those with a beginning; none where every text behind it has it. @internal */
export function afterAllThatBeginWith(prefix: string): string | undefined {
  const characters = Array.from(prefix);
  for (let length = characters.length - 1; length >= 0; length--) {
    const last = (characters[length] as string).codePointAt(0) as number;
    if (last === 0x10ffff) continue;
    // Half a surrogate pair is no character.
    const next = String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
    return `${characters.slice(0, length).join('')}${next}`;
  }
  return undefined;
}

function valueOf(field: string, value: unknown): Value {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  if (typeof value === 'string' && value.isWellFormed() && !value.includes('\0')) return value;
  throw refused(
    `The field ${field}`,
    'a finite number, a boolean, or a text without U+0000 and half characters',
    value,
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainPrototype(value);
}

function isPlainPrototype(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function refused(what: string, wanted: string, found: unknown): ProgrammingError {
  const shown = typeof found === 'string' ? JSON.stringify(found.slice(0, 80)) : describe(found);
  return new ProgrammingError(`${what} must be ${wanted}, not ${shown}.`);
}

function describe(value: unknown): string {
  if (value === null || ['number', 'boolean', 'undefined', 'bigint'].includes(typeof value)) return String(value);
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
