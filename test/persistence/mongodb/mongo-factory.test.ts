/** MongoDB by settings and by configuration: by way of the real driver, to a program that stands in for a server. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { createEventSourcing } from '../../../src/configuration/event-sourcing.js';
import { InfrastructureFactory } from '../../../src/configuration/infrastructure-factory.js';
import { Environment } from '../../../src/environment/environment.js';
import { MongoAggregateRecorder, MongoFactory } from '../../../src/mongodb/index.js';
import { aggregateRecorderCases } from '../../../src/testing/conformance/aggregate-recorder-cases.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { openMongo } from '../../support/mongo-fixture.js';
import { openMongoStandIn } from '../../support/mongo-stand-in.js';
import type { MongoStandIn } from '../../support/mongo-stand-in.js';
import { describeConformance } from '../../support/run-conformance.js';

describeConformance(
  'a stand-in for MongoDB',
  async () => {
    const server = await openMongoStandIn();
    const { client, close } = await openMongo({}, server.url);
    const recorder = new MongoAggregateRecorder({ client });
    await recorder.createTable();
    return {
      context: { recorder },
      close: async () => {
        await close();
        await server.close();
      },
    };
  },
  { 'aggregate recorder': aggregateRecorderCases },
  { variant: 'aggregate recorder' },
);

let server: MongoStandIn;
beforeEach(async () => {
  server = await openMongoStandIn();
});
afterEach(() => server.close());

/** The collections that were created. */
function created(): readonly unknown[] {
  return server.commands.filter((command) => 'create' in command).map(({ create }) => create);
}

describe('a factory', () => {
  const environmentOf = (values: object = {}): Environment =>
    new Environment({ PERSISTENCE_MODULE: 'mongodb', MONGODB_URL: server.url, ...values }, { name: 'Shop' });

  test('makes recorders over one client, in collections of the application, and closes it', async () => {
    const factory = await InfrastructureFactory.construct(environmentOf(), { modules: { mongodb: MongoFactory } });
    const recorder = await factory.processRecorder();
    const sequences = await factory.aggregateRecorder('Snapshots');
    const id = newOriginatorId();
    expect(await recorder.insertEvents(sampleEvents(id, 1, 2))).toEqual([1, 2]);
    expect(await sequences.insertEvents([sampleEvent(id, 2)])).toBeUndefined();
    expect(await (await factory.aggregateRecorder('events')).selectEvents(id)).toHaveLength(2);
    expect(await sequences.selectEvents(id)).toHaveLength(1);
    expect(created()).toEqual(['shop_events', 'shop_tracking', 'shop_head', 'shop_snapshots', ...created().slice(4)]);
    await factory.close();
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await factory.close();
  });

  test('creates nothing where it is told so, and takes another database', async () => {
    const factory = new MongoFactory(environmentOf({ CREATE_TABLE: 'no', MONGODB_DBNAME: 'other' }));
    const recorder = await factory.processRecorder();
    expect([created(), (recorder.database as unknown as { databaseName: string }).databaseName]).toEqual([[], 'other']);
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await factory.close();
  });

  test('gives up a commit after the time that is set, and a server that is not found', async () => {
    const factory = new MongoFactory(environmentOf({ MONGODB_LOCK_TIMEOUT: '0' }));
    const recorder = await factory.processRecorder();
    server.onCommand = (name) =>
      name === 'findAndModify'
        ? { code: 112, codeName: 'WriteConflict', errorLabels: ['TransientTransactionError'] }
        : undefined;
    await expect(recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'locked', lockTimeoutMs: 0 },
    });
    await factory.close();
    // A port that nobody listens on any more.
    const gone = await openMongoStandIn();
    await gone.close();
    const url = gone.url.replace(/serverSelectionTimeoutMS=\d+&?/, '');
    const nobody = new MongoFactory(environmentOf({ MONGODB_URL: url, MONGODB_CONNECT_TIMEOUT: '1' }));
    await expect(nobody.processRecorder()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await nobody.close();
  });

  test('refuses an option in the address that the driver does not know, when it is first used', async () => {
    const factory = new MongoFactory(environmentOf({ MONGODB_URL: `${server.url}&nothing=1` }));
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await factory.close();
  });

  test('refuses a server that runs alone', async () => {
    const alone = await openMongoStandIn({ isAlone: true });
    const factory = new MongoFactory(environmentOf({ MONGODB_URL: alone.url }));
    for (const make of [() => factory.processRecorder(), () => factory.aggregateRecorder('snapshots')]) {
      await expect(make()).rejects.toMatchObject({ code: 'NOT_SUPPORTED', details: { reason: 'replicaSet' } });
    }
    await factory.close();
    await alone.close();
  });
});

describe('one configuration object', () => {
  test('names MongoDB: events and snapshots are there, and are found again', async () => {
    const config = {
      enabled: true,
      name: 'shop',
      store: { provider: 'mongodb', url: server.url },
      snapshot: { provider: 'mongodb', url: server.url },
    } as const;
    const id = newOriginatorId();
    for (const quantity of [1, 2]) {
      await using eventSourcing = await createEventSourcing(config, { settings: { SHOP_MONGODB_DBNAME: 'store' } });
      expect([eventSourcing.sql, eventSourcing.outbox, eventSourcing.publisher]).toEqual([null, null, null]);
      const app = new Application({ ...eventSourcing.applicationOptions, aggregates: [stockItem] });
      await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1, times: 60 } });
      expect((await app.repository.get(stockItem, id)).state.quantity).toBe(60 * quantity);
      expect((await eventSourcing.snapshots.select(id))?.originatorVersion).toBe(quantity === 1 ? undefined : 120);
    }
    expect(created()).toEqual(expect.arrayContaining(['shop_events', 'shop_states']));
    expect(server.commands.find((command) => 'create' in command)?.['$db']).toBe('store');
  });

  test('puts snapshots alone there', async () => {
    const snapshot = { provider: 'mongodb', url: server.url } as const;
    await using eventSourcing = await createEventSourcing({ enabled: true, snapshot });
    expect(await eventSourcing.snapshots.select(newOriginatorId())).toBeUndefined();
    expect(created()).toEqual(['snapshots']);
  });

  test('with a publisher is refused, for there is no outbox: nothing is opened', async () => {
    const store = { provider: 'mongodb', url: server.url } as const;
    const publisher = (): Promise<void> => Promise.resolve();
    await expect(createEventSourcing({ enabled: true, store }, { publisher })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      details: { option: 'publisher', provider: 'mongodb' },
    });
    expect(server.commands).toEqual([]);
  });

  test.each(['postgresql://localhost/d', 'mongodb:/localhost', ':memory:', undefined])(
    'with the address %s is refused by its key',
    async (url) => {
      await expect(createEventSourcing({ enabled: true, store: { provider: 'mongodb', url } })).rejects.toMatchObject({
        code: 'CONFIGURATION_ERROR',
        details: { keys: expect.stringContaining('store.url') as string },
      });
    },
  );
});
