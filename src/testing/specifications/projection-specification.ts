/**
 * Given, then for projections.
 *
 * @module
 */
import { MemoryProjectionStore } from '../../application/projections/memory-projection-store.js';
import { applyPage } from '../../application/projections/projection-applier.js';
import type { MemoryProjection, Projection, SqlProjection } from '../../application/projections/projection.js';
import type { ProjectionStore } from '../../application/projections/projection-store.js';
import { SqlProjectionStore } from '../../application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { ManualClock } from '../manual-clock.js';
import { counted, requireSame } from './specification-error.js';
import { recordedOneByOne } from './specified-events.js';
import type { SpecifiedEvent } from './specified-events.js';

/** A projection into memory that was given events. */
export interface GivenMemoryProjection<State> {
  /** @throws SpecificationError when the state is another; and what a handler throws */
  thenState(expected: State): Promise<void>;
}

/** A projection into SQL tables that was given events. */
export interface GivenSqlProjection<Table extends string> {
  /**
   * @param query - gets the name of each table, and gives the statement to read by
   * @throws SpecificationError when the rows are others; and what a handler throws
   */
  thenRows(
    query: (tables: Readonly<Record<Table, string>>) => string,
    expected: readonly Readonly<Record<string, unknown>>[],
  ): Promise<void>;
}

/**
 * Specifies a projection into memory: given these events, then that state.
 *
 * @example
 * ```ts
 * await memoryProjectionSpecification(levels)
 *   .given([{ type: 'Added', data: { quantity: 5 } }, { type: 'Reserved', data: { quantity: 2 } }])
 *   .thenState({ free: 3 });
 * ```
 */
export function memoryProjectionSpecification<State>(projection: MemoryProjection<State>): {
  given(events: readonly SpecifiedEvent[]): GivenMemoryProjection<State>;
} {
  return {
    given: (events) => ({
      async thenState(expected) {
        const store = new MemoryProjectionStore(projection);
        await applyAll(projection, store, events);
        requireSame(`${projection.name}, given ${counted(events.length)}`, 'the state', store.state, expected);
      },
    }),
  };
}

/**
 * Specifies a projection into SQL tables: given these events, then those rows. The tables are emptied before.
 *
 * @param recorder - where to test: its database gets the tables. Not one that is in use
 *
 * @example
 * ```ts
 * await sqlProjectionSpecification(stockLevels, recorder)
 *   .given([{ type: 'Counted', originatorId: itemId, data: { quantity: 12 } }])
 *   .thenRows(({ stock_levels }) => `SELECT quantity FROM ${stock_levels}`, [{ quantity: 12 }]);
 * ```
 */
export function sqlProjectionSpecification<Table extends string>(
  projection: SqlProjection<Table>,
  recorder: SqlRecorder,
): { given(events: readonly SpecifiedEvent[]): GivenSqlProjection<Table> } {
  return {
    given: (events) => ({
      async thenRows(query, expected) {
        const store = new SqlProjectionStore(recorder, projection);
        await store.setUp();
        await store.reset();
        await applyAll(projection, store, events);
        const names = Object.keys(projection.tables).map((table) => [table, table]);
        const { rows } = await recorder.query(query(Object.fromEntries(names) as Record<Table, string>));
        const actual = rows.map((row) => ({ ...row }));
        requireSame(`${projection.name}, given ${counted(events.length)}`, 'the rows', actual, expected);
      },
    }),
  };
}

async function applyAll<View>(
  projection: Projection<View>,
  store: ProjectionStore<View>,
  given: readonly SpecifiedEvent[],
): Promise<void> {
  const events = recordedOneByOne(given);
  await store.transaction('live', (transaction) =>
    applyPage(projection, transaction, { events, from: 0, to: events.length }, new ManualClock()),
  );
}
