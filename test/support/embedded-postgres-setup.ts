/**
 * Gives the tests of one run a real PostgreSQL: an embedded one, or the one at `TEST_PG_URL`.
 *
 * @module
 */
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import { FAST_POSTGRES, makeTemporaryFolder } from './temporary-folder.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the PostgreSQL of this run. Each test file uses tables or a schema of its own in it. */
    pgUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const givenUrl = process.env['TEST_PG_URL'];
  if (givenUrl !== undefined && givenUrl !== '') {
    project.provide('pgUrl', givenUrl);
    return undefined;
  }
  const folder = await makeTemporaryFolder();
  const server = await startEmbeddedPostgres({ databaseDir: folder.path, ...FAST_POSTGRES });
  project.provide('pgUrl', server.url);
  return async () => {
    await server.close();
    await folder.remove();
  };
}
