import { startEmbeddedPostgres } from '../../../src/server/hosts/embedded-postgres.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';

/** A PostgreSQL in which tests make databases of their own. */
export interface BooksPostgres {
  /** Of somebody who may create databases. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an embedded PostgreSQL, or takes the one at `TEST_PG_URL`. */
export async function startBooksPostgres(): Promise<BooksPostgres> {
  const givenUrl = process.env['TEST_PG_URL'];
  if (givenUrl !== undefined && givenUrl !== '') return { url: givenUrl, close: () => Promise.resolve() };
  const folder = await makeTemporaryFolder();
  const postgres = await startEmbeddedPostgres({ databaseDir: folder.path, ...FAST_POSTGRES });
  return {
    url: postgres.url,
    close: async () => {
      await postgres.close();
      await folder.remove();
    },
  };
}
