/**
 * B25: appending and reading in D1, against the same statements written by hand in the same Worker.
 *
 * @module
 */
import { compareAtEdge, EDGE_WORK } from '../load/edge-store.js';
import type { BenchCase } from '../runner/bench-case.js';

export const D1_STORE: BenchCase = {
  id: 'B25',
  title: 'a store in D1',
  run: ({ rounds }) => compareAtEdge({ id: 'B25', place: 'd1', rounds, works: EDGE_WORK }),
};
