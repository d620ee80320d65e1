import { expect } from 'vitest';
import { changesOf } from '../../src/persistence/journal/commit-changes.js';
import type { DurableRecorderOptions } from '../../src/persistence/journal/durable-recorder.js';
import { ANY_CHANGES } from '../../src/persistence/store-changes.js';
import type { StoreChanges } from '../../src/persistence/store-changes.js';
import { tablesChanged } from '../../src/persistence/sqlite/own-tables/table-changes.js';
import type { OwnTablesTab } from './own-tables-tab.js';
import { dumpTables } from './table-dump.js';

/** Checks that whatever is another one in the tables of a tab was told of, to those who keep what they have read. */
export class ToldChanges {
  readonly #told: StoreChanges[] = [];
  #tables: ReadonlyMap<string, string> | undefined;
  #aggregates: ReadonlyMap<string, string> | undefined;

  /** For the options of the tab. */
  readonly onApplied: NonNullable<DurableRecorderOptions['onApplied']> = (_position, _own, commits) => {
    this.#told.push(commits === undefined ? ANY_CHANGES : changesOf(commits, tablesChanged));
  };

  async check({ recorder, database }: OwnTablesTab): Promise<void> {
    // What waits to be applied is, when somebody asks.
    const { rows } = await recorder.query(
      `SELECT hex(originator_id) AS id, group_concat(originator_version || ' ' || topic || ' ' || hex(state), ', ') AS events
       FROM (SELECT * FROM stored_events ORDER BY originator_id, originator_version) GROUP BY originator_id`,
    );
    const aggregates = new Map(rows.map(({ id, events }) => [String(id).toLowerCase(), String(events)]));
    const dump = dumpTables(database).split(/^-- /m).slice(1);
    const tables = new Map(dump.map((text) => [/^\w+/.exec(text)?.[0] ?? '', text]));
    const told = this.#told.splice(0);
    const isTold = (of: keyof StoreChanges, name: string): boolean =>
      told.some((changes) => changes[of] === undefined || changes[of].some((one) => plain(one) === plain(name)));
    // The first look is at what was there.
    const [tablesBefore, aggregatesBefore] = [this.#tables ?? tables, this.#aggregates ?? aggregates];
    expect(
      differing(tablesBefore, tables).filter((name) => !isOfSqlite(name) && !isTold('tables', nameOf(name))),
    ).toEqual([]);
    expect(differing(aggregatesBefore, aggregates).filter((id) => !isTold('aggregates', id))).toEqual([]);
    [this.#tables, this.#aggregates] = [tables, aggregates];
  }
}

/** Whoever reads one of these is told of everything. */
function isOfSqlite(table: string): boolean {
  return table.startsWith('sqlite_');
}

/** All of Daybook's tables about units are one to those who are told. */
function nameOf(table: string): string {
  return table.startsWith('daybook_') ? 'daybook_units' : table;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('-', '');
}

function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
}
