import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import postgres from 'postgres';
import { inject } from 'vitest';
import {
  clientPerUse,
  createPgPool,
  pgliteDriver,
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  postgresJsPool,
  PostgresProcessRecorder,
  singleClient,
} from '../../../src/persistence/postgres/index.js';
import type {
  PgPool,
  PostgresPool,
  PostgresProcessRecorderOptions,
  PostgresQueryable,
} from '../../../src/persistence/postgres/index.js';
import { aggregateRecorderCases } from '../../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../../src/testing/conformance/application-recorder-cases.js';
import { connectionCases } from '../../../src/testing/conformance/connection-cases.js';
import { emptyLogCases } from '../../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../../src/testing/conformance/process-recorder-cases.js';
import { subscriptionCases } from '../../../src/testing/conformance/subscription-cases.js';
import type { SubscriptionContext } from '../../../src/testing/conformance/subscription-cases.js';
import { signalCases } from '../../../src/testing/conformance/signal-cases.js';
import { transactionCases } from '../../../src/testing/conformance/transaction-cases.js';
import type { TransactionContext } from '../../../src/testing/conformance/transaction-cases.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import type { ConformanceSkip } from '../../support/run-conformance.js';
import { openPoolOfRole } from '../../support/postgres-roles.js';
import { createSqlAlchemyTables } from '../../support/sqlalchemy-tables.js';

type Context = TransactionContext<PostgresQueryable> & SubscriptionContext;
type Options = Omit<PostgresProcessRecorderOptions, 'pool'>;

interface OpenedPool {
  readonly pool: PostgresPool;
  close(): Promise<void>;
}

const suites = {
  'aggregate recorder': aggregateRecorderCases,
  'application recorder': applicationRecorderCases,
  'process recorder': processRecorderCases,
  transactions: transactionCases,
  signals: signalCases,
  subscriptions: subscriptionCases,
};
const ANY_TEXT: readonly ConformanceSkip[] = [
  { case: 'malformed events are refused before anything is stored', reason: 'any text is an id here' },
  { case: 'malformed selections are refused', reason: 'any text is an id here' },
];

/** Runs all suites on recorders over some kind of pool. */
function describePool(
  engine: string,
  openPool: () => Promise<OpenedPool>,
  {
    prepare = async () => ({}),
    ...options
  }: {
    readonly variant?: string;
    readonly skips?: readonly ConformanceSkip[];
    prepare?(pool: PostgresPool): Promise<Options>;
  } = {},
): void {
  const open = async (): Promise<{ context: Context; close(): Promise<void> }> => {
    const { pool, close } = await openPool();
    const recorder = new PostgresProcessRecorder({
      pool,
      applicationName: uniqueName(),
      ...(await prepare(pool)),
    });
    await recorder.createTable();
    return { context: { recorder, ...ownTable(pool) }, close };
  };
  describeConformance<Context>(engine, open, suites, options);
  describeConformance(
    engine,
    async () => {
      const { pool, close } = await openPool();
      const openEmpty = async (): Promise<{ recorder: PostgresProcessRecorder; close(): Promise<void> }> => {
        const recorder = new PostgresProcessRecorder({
          pool,
          applicationName: uniqueName(),
          ...(await prepare(pool)),
        });
        await recorder.createTable();
        return { recorder, close: () => Promise.resolve() };
      };
      return { context: { openEmpty }, close };
    },
    { 'empty log': emptyLogCases },
    { variant: `${options.variant ?? 'process recorder'}, empty` },
  );
}

function ownTable(pool: PostgresPool): Omit<Context, 'recorder'> {
  const table = `${uniqueName()}_own`;
  return {
    setUpOwnTable: async () => {
      await pool.query(`CREATE TABLE IF NOT EXISTS ${table} (id bigserial, value text)`);
    },
    insertOwnRow: async (connection, value) => {
      await connection.query(`INSERT INTO ${table} (value) VALUES ($1)`, [value]);
    },
    ownRows: async () => {
      const { rows } = await pool.query(`SELECT value FROM ${table} ORDER BY id`);
      return rows.map((row) => row['value'] as string);
    },
  };
}

async function openPgPool(): Promise<OpenedPool> {
  const pool: PgPool = await createPgPool({ connectionString: inject('pgUrl') });
  return { pool, close: () => pool.end() };
}

describePool('PostgreSQL', openPgPool);
describePool('PostgreSQL, in a schema', openPgPool, {
  prepare: async (pool) => {
    const schema = `${uniqueName()} "x"`;
    await pool.query(`CREATE SCHEMA "${schema.replaceAll('"', '""')}"`);
    return { schema };
  },
});
describePool('PostgreSQL', openPgPool, {
  variant: 'text ids, one row of tracking',
  skips: ANY_TEXT,
  prepare: async () => ({ originatorIdType: 'text', singleRowTracking: true }),
});
describePool('PostgreSQL', openPgPool, {
  variant: 'tables of SQLAlchemy',
  prepare: (pool) => createSqlAlchemyTables(pool, uniqueName()),
});
describePool('PostgreSQL', () => openPoolOfRole(inject('pgUrl')), {
  variant: 'shared with other tenants',
  prepare: async (pool) => {
    const options = { applicationName: uniqueName(), shared: { tenant: "it's 100% é", partitions: 3 } };
    // The same aggregates, positions and ids, of somebody else.
    const neighbour = new PostgresProcessRecorder({ pool, ...options, shared: { tenant: 'neighbour', partitions: 3 } });
    await neighbour.createTable();
    await neighbour.insertEvents([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)]);
    return options;
  },
});
describePool(
  'PostgreSQL',
  async () => {
    const pool = new pg.Pool({ connectionString: inject('pgUrl') });
    return { pool, close: () => pool.end() };
  },
  { variant: "pg's own pool" },
);
describePool(
  'PostgreSQL',
  async () => {
    const client = new pg.Client({ connectionString: inject('pgUrl') });
    await client.connect();
    return { pool: singleClient(client), close: () => client.end() };
  },
  { variant: 'one client' },
);
describePool(
  'PostgreSQL',
  async () => {
    const pool = clientPerUse(async () => {
      const client = new pg.Client({ connectionString: inject('pgUrl') });
      await client.connect();
      return client;
    });
    return { pool, close: () => Promise.resolve() };
  },
  { variant: 'a client for each use' },
);
describePool(
  'PostgreSQL',
  async () => {
    const pool = postgresJsPool((settings) => postgres(inject('pgUrl'), settings));
    return { pool, close: () => pool.end() };
  },
  { variant: 'by postgres, not pg' },
);
describePool('PGlite', async () => {
  const database = new PGlite();
  await database.waitReady;
  return { pool: pgliteDriver(database), close: () => database.close() };
});

describeConformance(
  'PostgreSQL',
  async () => {
    const { pool, close } = await openPgPool();
    const recorder = new PostgresAggregateRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    return { context: { recorder }, close };
  },
  { 'aggregate recorder': aggregateRecorderCases },
  { variant: 'aggregate recorder' },
);

describeConformance(
  'PostgreSQL',
  async () => {
    const { pool, close } = await openPgPool();
    const recorder = new PostgresApplicationRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    return { context: { recorder }, close };
  },
  { 'aggregate recorder': aggregateRecorderCases, 'application recorder': applicationRecorderCases },
  { variant: 'application recorder' },
);

describeConformance(
  'PostgreSQL',
  async () => {
    const applicationName = uniqueName();
    const connect = async (): Promise<{ recorder: PostgresProcessRecorder; close(): Promise<void> }> => {
      const { pool, close } = await openPgPool();
      const recorder = new PostgresProcessRecorder({ pool, applicationName });
      await recorder.createTable();
      return { recorder, close };
    };
    return { context: { connect } };
  },
  { 'several connections': connectionCases },
  { variant: 'several pools' },
);
