/**
 * B24: appending and reading in a Durable Object, against the same statements written by hand in the same object.
 *
 * @module
 */
import { compareAtEdge, EDGE_WORK } from '../load/edge-store.js';
import type { BenchCase } from '../runner/bench-case.js';

export const OBJECT_STORE: BenchCase = {
  id: 'B24',
  title: 'a store in a Durable Object',
  run: ({ rounds }) => compareAtEdge({ id: 'B24', place: 'object', rounds, works: EDGE_WORK }),
};
