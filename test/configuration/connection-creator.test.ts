/** Connections that a setting says who makes: by a topic, of those that were handed in. */
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { createEventSourcing } from '../../src/configuration/event-sourcing.js';
import type { InfrastructureComponents } from '../../src/configuration/infrastructure-components.js';
import { InfrastructureFactory } from '../../src/configuration/infrastructure-factory.js';
import { Environment } from '../../src/environment/environment.js';
import { PostgresFactory, postgresOptionsFromEnvironment } from '../../src/persistence/postgres/index.js';
import type { PostgresConnector } from '../../src/persistence/postgres/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { uniqueName } from '../support/postgres-fixture.js';

const TOPIC = 'warehouse:cloud-sql';
const url = inject('pgUrl');

/** A connector, and what it was given. */
function makeConnector(): { readonly connect: PostgresConnector; readonly given: (string | undefined)[] } {
  const given: (string | undefined)[] = [];
  return {
    given,
    connect: async (environment) => {
      given.push(environment.getText('INSTANCE'));
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return client;
    },
  };
}

async function construct(
  values: Readonly<Record<string, string>>,
  components: InfrastructureComponents = {},
): Promise<InfrastructureFactory> {
  const environment = new Environment({ PERSISTENCE_MODULE: 'postgres', ...values }, { name: uniqueName() });
  const factory = await InfrastructureFactory.construct(environment, {
    modules: { postgres: PostgresFactory },
    ...components,
  });
  onTestFinished(() => factory.close());
  return factory;
}

describe.each(['POSTGRES_CONNECTION_CREATOR_TOPIC', 'SQLALCHEMY_CONNECTION_CREATOR_TOPIC'])('%s', (setting) => {
  test('names who makes the connections, and no address is needed', async () => {
    const { connect, given } = makeConnector();
    const settings = { [setting]: TOPIC, INSTANCE: 'project:region:instance', POSTGRES_POOL_SIZE: '1' };
    const factory = await construct(settings, { connectors: { [TOPIC]: connect } });
    expect(given).toEqual([]);
    const recorder = await factory.processRecorder();
    const id = newOriginatorId();
    expect(await recorder.insertEvents([sampleEvent(id, 1)])).toEqual([1]);
    expect(await recorder.selectEvents(id)).toEqual([sampleEvent(id, 1)]);
    expect(new Set(given)).toEqual(new Set(['project:region:instance']));
  });

  test('is refused when nobody handed in what it names', async () => {
    await expect(construct({ [setting]: TOPIC })).rejects.toMatchObject({
      code: 'ENVIRONMENT_ERROR',
      message: expect.stringMatching(/a topic, and none is known/),
      details: { keys: expect.stringContaining(setting) },
    });
    const { connect } = makeConnector();
    await expect(construct({ [setting]: 'other' }, { connectors: { [TOPIC]: connect } })).rejects.toThrow(
      `one of the topics ${TOPIC}`,
    );
  });
});

test('a connector that is not named makes nothing, and the address is needed', async () => {
  const { connect } = makeConnector();
  await expect(construct({}, { connectors: { [TOPIC]: connect } })).rejects.toMatchObject({
    code: 'ENVIRONMENT_ERROR',
    details: { keys: expect.stringContaining('POSTGRES_DBNAME') },
  });
});

test('a connector that is registered for all factories is found', async () => {
  const { connect, given } = makeConnector();
  const topic = uniqueName();
  InfrastructureFactory.registerComponents({ connectors: { [topic]: connect } });
  const factory = await construct({ POSTGRES_CONNECTION_CREATOR_TOPIC: topic });
  await factory.processRecorder();
  expect(given.length).toBeGreaterThan(0);
});

test('one configuration object names it by a setting, and hands it the address', async () => {
  const addresses: (string | undefined)[] = [];
  const { connect } = makeConnector();
  const connector: PostgresConnector = async (environment) => {
    addresses.push(environment.getText('DATABASE_URL'));
    return await connect(environment);
  };
  await using eventSourcing = await createEventSourcing(
    { enabled: true, name: uniqueName(), store: { provider: 'postgres', url: 'postgresql://instance/warehouse' } },
    {
      settings: { POSTGRES_CONNECTION_CREATOR_TOPIC: TOPIC },
      components: { connectors: { [TOPIC]: connector } },
    },
  );
  const app = new Application({ ...eventSourcing.applicationOptions, aggregates: [testStock] });
  const id = newOriginatorId();
  await app.execute(testStock, id, { type: 'Add', data: { quantity: 1 } });
  expect(await app.repository.versionOf(testStock, id)).toBe(1);
  expect(new Set(addresses)).toEqual(new Set(['postgresql://instance/warehouse']));
});

test('what is a matter of a connection is left to the connector, and what is of the pool is kept', async () => {
  const { connect } = makeConnector();
  const values = { POSTGRES_CONNECTION_CREATOR_TOPIC: TOPIC, POSTGRES_POOL_SIZE: '2', DATABASE_URL: url };
  const { pool, recorder } = postgresOptionsFromEnvironment(new Environment(values), { [TOPIC]: connect });
  expect(pool).toEqual({
    connect: expect.any(Function),
    connectTimeoutMs: 5_000,
    poolSize: 2,
    maxOverflow: 10,
    poolTimeoutMs: 30_000,
    prePing: false,
  });
  expect(recorder.idleInTransactionTimeoutMs).toBe(5_000);
});

test('a connector that fails is an OperationalError, and the next call asks it again', async () => {
  const { connect } = makeConnector();
  let failures = 1;
  const connector: PostgresConnector = async (environment) => {
    if (failures-- > 0) throw new Error('no token');
    return await connect(environment);
  };
  const factory = await construct({ POSTGRES_CONNECTION_CREATOR_TOPIC: TOPIC }, { connectors: { [TOPIC]: connector } });
  await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  const recorder = await factory.processRecorder();
  expect(await recorder.maxNotificationId()).toBe(0);
});
