import { expect, inject, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { InfrastructureFactory } from '../../src/configuration/infrastructure-factory.js';
import { Environment } from '../../src/environment/environment.js';
import type { TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import { PostgresFactory } from '../../src/persistence/postgres/postgres-factory.js';
import { NodeSqliteFactory } from '../../src/persistence/sqlite/node-sqlite-factory.js';
import { SqlJsFactory } from '../../src/persistence/sqlite/sqljs-factory.js';
import { createSession } from '../../src/session/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { uniqueName } from '../support/postgres-fixture.js';

const modules = { sqljs: SqlJsFactory, 'node-sqlite': NodeSqliteFactory, postgres: PostgresFactory };

test.each([
  ['memory', 'INTERFACE_ERROR'],
  ['sqljs', 'INTERFACE_ERROR'],
  ['node-sqlite', 'INTERFACE_ERROR'],
  ['postgres', 'CONNECTION_POOL_CLOSED'],
])('what a factory on %s made rejects with %s after its close', async (engine, code) => {
  const values = { PERSISTENCE_MODULE: engine, SQLITE_DBNAME: ':memory:', DATABASE_URL: inject('pgUrl') };
  const environment = new Environment(values, { name: uniqueName() });
  const factory = await InfrastructureFactory.construct(environment, { modules });
  const recorder = (await factory.processRecorder()) as TransactionalRecorder<unknown>;
  const aggregates = await factory.aggregateRecorder('snapshots');
  const session = createSession(recorder);
  const app = new Application({ recorder, aggregates: [testStock] });
  const events = await factory.eventStore();
  const id = newOriginatorId();
  await factory.close();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => recorder.insertEvents([sampleEvent(id, 1)]),
    () => recorder.selectEvents(id),
    () => recorder.selectNotifications({ start: 1, limit: 1 }),
    () => recorder.maxNotificationId(),
    () => recorder.maxTrackingId('upstream'),
    () => recorder.transaction(async () => undefined),
    () => aggregates.selectEvents(id),
    () => session.run(async () => undefined),
    () => app.execute(testStock, id, { type: 'Add', data: { quantity: 1 } }),
    () => app.repository.load(testStock, id),
    () => app.readAll().next(),
    () => app.subscribe().next(),
    () => events.put([{ originatorId: id, originatorVersion: 1, type: 'Counted', data: {} }]),
    () => events.get(id),
    () => factory.aggregateRecorder('snapshots'),
    () => factory.applicationRecorder(),
    () => factory.processRecorder(),
    () => factory.eventStore(),
  ];
  for (const call of calls) await expect(call(), call.toString()).rejects.toMatchObject({ code });
  await factory.close();
});
