/**
 * Tables of their own for a test file, in the PostgreSQL of the run.
 *
 * @module
 */
import { inject } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PgPool, PgPoolOptions, PostgresProcessRecorderOptions } from '../../src/persistence/postgres/index.js';

const ATTEMPTS_MAX = 10;
const DEADLOCK_DETECTED = '40P01';

/** A pool, and a recorder whose tables exist and are empty. */
export interface PostgresFixture extends AsyncDisposable {
  readonly url: string;
  readonly pool: PgPool;
  readonly name: string;
  readonly recorder: PostgresProcessRecorder;
  /** A recorder on tables of another name, or with other options. */
  make(options?: Partial<PostgresProcessRecorderOptions>): Promise<PostgresProcessRecorder>;
  close(): Promise<void>;
}

/** Makes the tables; `close` drops nothing: the database ends with the run. */
export async function openPostgres(poolOptions: PgPoolOptions = {}): Promise<PostgresFixture> {
  const url = inject('pgUrl');
  const pool = await createPgPool({ connectionString: url, ...poolOptions });
  const name = uniqueName();
  const make = async (options: Partial<PostgresProcessRecorderOptions> = {}): Promise<PostgresProcessRecorder> => {
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName(), ...options });
    await recorder.createTable();
    return recorder;
  };
  const close = (): Promise<void> => pool.end();
  return {
    url,
    pool,
    name,
    recorder: await make({ applicationName: name }),
    make,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Gathers statistics of all tables. Others build indexes meanwhile, and wait for this while this waits for theirs. */
export async function analyzeAll(pool: Pick<PgPool, 'query'>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await pool.query('ANALYZE');
      return;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || (error as { readonly code?: unknown }).code !== DEADLOCK_DETECTED) throw error;
    }
  }
}

/** An address whose tables are in a schema of its own: for what names its tables plainly. */
export async function ownSchemaUrl(): Promise<string> {
  const schema = uniqueName();
  await using fixture = await openPostgres();
  await fixture.pool.query(`CREATE SCHEMA ${schema}`);
  const url = new URL(fixture.url);
  url.searchParams.set('options', `-c search_path=${schema}`);
  return url.href;
}

/** A name for tables or a schema that no other test has. */
export function uniqueName(): string {
  return `t${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}`;
}
