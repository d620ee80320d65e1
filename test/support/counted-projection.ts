import type { SqlProjection } from '../../src/application/projections/projection.js';

/** A projection that takes in what was counted, with a view of its name, and does nothing with it. */
export function countedProjection(name: string): SqlProjection {
  const table = `v_${name}`;
  return {
    name,
    version: 1,
    topics: ['stock:Item.Counted'],
    tables: { [table]: (as) => `CREATE TABLE ${as} (item TEXT PRIMARY KEY, quantity INTEGER NOT NULL)` },
    handle: () => Promise.resolve(),
  };
}
