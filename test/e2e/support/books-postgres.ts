import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../../src/server/hosts/embedded-postgres.js';

// What survives a power cut of the database server is PostgreSQL's own business, and is not tested here.
const HASTY_FLAGS = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'].flatMap((flag) => ['-c', flag]);
const ENTERABLE_BY_ALL = 0o755;

/** A PostgreSQL in which tests make databases of their own. */
export interface BooksPostgres {
  /** Of a superuser, in the database `postgres`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts PostgreSQL in a folder of its own, which is gone afterwards. */
export async function startBooksPostgres(): Promise<BooksPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-e2e-books-'));
  // For root it runs as another user, who has to get in.
  await chmod(folder, ENTERABLE_BY_ALL);
  const postgres = await startEmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    postgresFlags: HASTY_FLAGS,
    initdbFlags: ['--no-sync'],
  });
  return {
    url: postgres.url,
    close: async () => {
      await postgres.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
