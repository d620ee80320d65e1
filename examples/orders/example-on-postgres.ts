import { createPgPool, PostgresProcessRecorder } from 'daybook/postgres';
import type { ExampleEngine } from './complete-example.js';

/** On PostgreSQL, through a pool: five connections that are kept, and ten more while there is much to do. */
export function postgresExample(connectionString: string): ExampleEngine {
  return {
    name: 'PostgreSQL',
    open: async () => {
      const pool = await createPgPool({ connectionString, poolSize: 5, maxOverflow: 10, prePing: true });
      const recorder = new PostgresProcessRecorder({ pool, applicationName: 'tutorial' });
      return {
        recorder,
        createSchema: () => recorder.createTable(),
        poolStatistics: () => pool.stats(),
        close: () => pool.end(),
      };
    },
  };
}
