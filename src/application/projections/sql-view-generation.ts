/**
 * Generations of a view in SQL tables: by what definition each was made, and what its tables are called.
 *
 * ```text
 * <table>                  of the live view
 * <table>__g<generation>   of the next one
 * ```
 *
 * @module
 */
import type { LogCheckpoint } from '../log/lost-position.js';
import type { SqlProjection } from './projection.js';
import type { ViewGeneration } from './projection-store.js';

/** A generation of a view, as it is written down. */
export interface Generation extends LogCheckpoint {
  readonly generation: number;
  /** What made it, see `definitionOf`; as JSON. */
  readonly definition: string;
  /** Whether the store has heard of a server's log. */
  readonly isSynchronised: boolean;
}

/** What a view is made by, as far as it can be told. The tables are not those of another definition. */
interface Definition {
  readonly version: number;
  readonly topics: readonly string[];
  readonly tables: Readonly<Record<string, string | readonly string[]>>;
}

/** Of the definition that made it. */
export function versionOf({ definition }: Pick<Generation, 'definition'>): number {
  return (JSON.parse(definition) as Definition).version;
}

/** What is written down of a projection's definition. */
export function definitionOf({ version = 1, topics, tables }: SqlProjection): Definition {
  // By their plain names, so that it is the same for every generation.
  const created = Object.entries(tables).map(([table, statementsFor]) => [table, statementsFor(table)]);
  return { version, topics, tables: Object.fromEntries(created) as Definition['tables'] };
}

/** What the tables of a view are called. */
export function namesOf(
  { generation, definition }: Pick<Generation, 'generation' | 'definition'>,
  which: ViewGeneration,
): Readonly<Record<string, string>> {
  const { tables } = JSON.parse(definition) as Definition;
  const names = Object.keys(tables).map((table) => [table, which === 'live' ? table : `${table}__g${generation}`]);
  return Object.fromEntries(names) as Readonly<Record<string, string>>;
}
