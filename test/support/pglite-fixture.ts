/**
 * PGlite for tests that have tables of their own, and so can share it: to start one takes a second and more.
 *
 * @module
 */
import { PGlite } from '@electric-sql/pglite';
import { pgliteDriver } from '../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../src/persistence/postgres/index.js';

let pool: PostgresPool | undefined;

/** The pool of this test file's database, which ends with it. */
export function sharedPglite(): PostgresPool {
  return (pool ??= pgliteDriver(new PGlite()));
}
