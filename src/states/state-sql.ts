/**
 * What is asked for, as SQL.
 *
 * @module
 */
import type { SqlDocuments } from '../persistence/sql/sql-documents.js';
import type { BindWord } from '../persistence/sql/sql-words.js';
import { directionOfIds } from './state-filter.js';
import type { Condition, Ordering, Value } from './state-filter.js';

/** Whether a row has a word for each of some beginnings. */
export type HaveWords = (beginnings: readonly string[], bind: BindWord) => string;

/** One statement in the making. */
export class StateSql {
  /** Of its parameters so far. */
  readonly values: unknown[] = [];
  readonly #documents: SqlDocuments;
  readonly #words: HaveWords;

  constructor(documents: SqlDocuments, words: HaveWords) {
    this.#documents = documents;
    this.#words = words;
  }

  /** Binds a value. @returns the parameter */
  bind(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  /** What follows `WHERE`. */
  where(condition: Condition): string {
    return `data IS NOT NULL AND ${this.#condition(condition)}`;
  }

  /** What follows `ORDER BY`. */
  order(orderings: readonly Ordering[]): string {
    const { nulls } = this.#documents;
    const keys = orderings.flatMap(({ field, direction }) =>
      this.#documents.keys('data', field).map((key) => `${key} ${direction.toUpperCase()}${nulls[direction]}`),
    );
    return [...keys, `id ${directionOfIds(orderings).toUpperCase()}`].join(', ');
  }

  #condition(condition: Condition): string {
    const documents = this.#documents;
    switch (condition.kind) {
      case 'all':
        return combined(
          condition.of.map((one) => this.#condition(one)),
          ' AND ',
          'TRUE',
        );
      case 'any':
        return combined(
          condition.of.map((one) => this.#condition(one)),
          ' OR ',
          'FALSE',
        );
      case 'not':
        // What is unknown because a field is null does not fit, so it fits the opposite.
        return `(${this.#condition(condition.of)}) IS NOT TRUE`;
      case 'id':
        return `id ${condition.direction === 'asc' ? '>' : '<'} ${this.bind(condition.behind)}`;
      case 'null':
        return documents.isNull('data', condition.field);
      case 'compare':
        return this.#compares(condition.field, condition.operator, condition.value);
      case 'in':
        return this.#among(condition.field, condition.values);
      case 'has': {
        const { field, value } = condition;
        return documents.has('data', field, { value, parameter: this.bind(documents.bound(value)) });
      }
      case 'words':
        return this.#words(condition.beginnings, (value) => this.bind(value));
    }
  }

  #compares(field: string, operator: '=' | '<' | '<=' | '>' | '>=', value: Value): string {
    const parameter = this.bind(this.#documents.bound(value));
    return this.#documents.compares('data', field, { operator, value, parameter });
  }

  #among(field: string, values: readonly Value[]): string {
    const kinds = new Map<string, Value[]>();
    for (const value of values) kinds.set(typeof value, [...(kinds.get(typeof value) ?? []), value]);
    const each = [...kinds.values()].map((alike) => {
      const parameters = alike.map((value) => this.bind(this.#documents.bound(value)));
      return this.#documents.among('data', field, { value: alike[0] as Value, parameters });
    });
    return combined(each, ' OR ', 'FALSE');
  }
}

function combined(parts: readonly string[], operator: ' AND ' | ' OR ', none: string): string {
  if (parts.length === 0) return none;
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(operator)})`;
}
