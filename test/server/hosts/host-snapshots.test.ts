/** A host that hands snapshots of an application's on, to devices that begin with them. */
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { startNodeHost } from '../../../src/server/hosts/index.js';
import type { NodeHost, NodeHostOptions } from '../../../src/server/hosts/index.js';
import { startSync } from '../../../src/sync/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import { PATIENTLY } from '../../support/patience.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { SharedJournal } from '../../support/shared-journal.js';

const shelf = defineDecider({
  name: 'Shelf',
  events: { Received: event<{ readonly quantity: number }>() },
  commands: { Receive: command<{ readonly quantity: number }>() },
  initialState: () => ({ quantity: 0 }),
  decide: { Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve: { Received: ({ quantity }, { data }) => ({ quantity: quantity + data.quantity }) },
});
const EVENTS = 40;

async function start(options: NodeHostOptions): Promise<NodeHost> {
  const base = { port: 0, applicationName: uniqueName(), databaseUrl: inject('pgUrl'), log: vi.fn() };
  const host = await startNodeHost({ ...base, tokens: ['secret'], ...options });
  onTestFinished(async () => await host.close());
  return host;
}

it('gives a new device the snapshots of an application that is made at its start', async () => {
  let back: Application | undefined;
  const host = await start({
    snapshots: async ({ recorder }) => {
      const store = new SqlSnapshotStore({ recorder, table: uniqueName() });
      await store.createTables();
      back = new Application({ recorder, aggregates: [shelf], snapshots: { store, interval: EVENTS } });
      return back.snapshotsForDevices();
    },
  });
  const id = newOriginatorId();
  await back!.append(
    shelf,
    id,
    Array.from({ length: EVENTS }, () => ({ type: 'Received' as const, data: { quantity: 1 } })),
  );
  await back!.execute(shelf, id, { type: 'Receive', data: { quantity: 1 } });
  const { recorder, database } = await openTab(new SharedJournal());
  const app = new Application({ recorder, aggregates: [shelf], keepCommands: true });
  const replicaId = newOriginatorId();
  const sync = startSync({
    store: { name: replicaId, replicaId, recorder, onRecorded: () => () => undefined },
    ...{ application: app, url: host.url, getToken: () => 'secret', bootstrap: true, live: false },
  });
  await vi.waitUntil(() => sync.status.value.state === 'live', PATIENTLY);
  await sync.close();
  const { rows } = await recorder.query('SELECT count(*) AS count FROM stored_events');
  // The last one of those that the snapshot stands for, and the one after it.
  expect(rows).toEqual([{ count: 2 }]);
  expect((await app.repository.load(shelf, id)).state).toEqual({ quantity: EVENTS + 1 });
  await recorder.close();
  database.close();
});

it('refuses them with tenants, whose tables they do not know, and what is no function', async () => {
  const tenants = { place: 'schema' as const, isTenant: () => true };
  const snapshots = (): never => {
    throw new Error('is not asked');
  };
  const refused = { code: 'PROGRAMMING_ERROR', details: { option: 'snapshots' } };
  await expect(start({ tenants, snapshots })).rejects.toMatchObject(refused);
  await expect(start({ snapshots: 'yes' as never })).rejects.toMatchObject(refused);
});
