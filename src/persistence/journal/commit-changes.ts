/**
 * What commits of a journal have written, for those who keep what they have read.
 *
 * @module
 */
import type { StoreChanges } from '../store-changes.js';
import { EVENTS_TABLE } from '../store-changes.js';
import type { JournalCommit } from './journal-record.js';
import type { SyncChange } from './sync-change.js';

// For all of Daybook's own tables about units, and for tracking records.
const UNITS = ['daybook_units', 'tracking'];

/**
 * What commits have written.
 *
 * @param tablesOf - the tables that changes of own tables name; `undefined` where they change the schema
 */
export function changesOf(
  commits: readonly JournalCommit[],
  tablesOf: (changes: Uint8Array) => readonly string[] | undefined,
): StoreChanges {
  const tables = new Set(UNITS);
  const aggregates = new Set<string>();
  let [isAnyTable, isAnyAggregate] = [false, false];
  for (const { events, changes, sync } of commits) {
    for (const { originatorId } of events) aggregates.add(originatorId);
    const own = changes && tablesOf(changes);
    if (changes !== undefined && own === undefined) isAnyTable = true;
    own?.forEach((table) => tables.add(table));
    const added = sync === undefined ? [] : addedBy(sync);
    if (added === undefined) isAnyAggregate = true;
    added?.forEach((id) => aggregates.add(id));
  }
  if (isAnyAggregate || aggregates.size > 0) tables.add(EVENTS_TABLE);
  return {
    tables: isAnyTable ? undefined : [...tables],
    aggregates: isAnyAggregate ? undefined : [...aggregates],
  };
}

/** Of which aggregates a change adds events, when it does nothing else to events: most pages are so. */
function addedBy({ setAside, moved, step }: SyncChange): readonly string[] | undefined {
  if (setAside.length > 0 || moved !== undefined) return undefined;
  if (step === undefined || ['rewind', 'anew', 'discard'].includes(step.kind)) return [];
  if (step.kind !== 'page' || step.replaced.length > 0 || step.hidden.length > 0) return undefined;
  if (step.bootstrap !== undefined) return undefined;
  return step.added.flatMap(({ events }) => events.map(({ originatorId }) => originatorId));
}
