/** A new device that begins with snapshots which an application has made on PostgreSQL, over real HTTP. */
import { expect, it, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { listen } from '../../../src/server/hosts/http-listener.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { serverHistory, startSync } from '../../../src/sync/index.js';
import type { StartSyncOptions } from '../../../src/sync/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import { PATIENTLY } from '../../support/patience.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { makePostgresLog, makeSharedLog } from '../../support/unit-log-fixture.js';

interface Quantity {
  readonly quantity: number;
}

const shelf = defineDecider({
  name: 'Shelf',
  events: { Received: event<Quantity>() },
  commands: { Receive: command<Quantity>() },
  initialState: () => ({ quantity: 0 }),
  decide: { Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve: { Received: ({ quantity }, { data }) => ({ quantity: quantity + data.quantity }) },
});

const LAYOUTS = { single: makePostgresLog, shared: makeSharedLog };
const AGGREGATES = 12;
const EVENTS = 60;

it.each(Object.entries(LAYOUTS))(
  '%s tables: states, and the events after them; a part of it is lost on its way',
  async (_layout, make) => {
    await using postgres = await opened();
    const { recorder, open } = await make(postgres.pool);
    // A table of its own, whoever has the events.
    const owner = new PostgresProcessRecorder({ pool: postgres.pool, applicationName: uniqueName() });
    const store = new SqlSnapshotStore({ recorder: owner, table: uniqueName() });
    await store.createTables();
    const back = new Application({ recorder, aggregates: [shelf], snapshots: { store, interval: 25 } });
    const ids = Array.from({ length: AGGREGATES }, () => newOriginatorId());
    const receive = (app: Application, id: string): Promise<unknown> =>
      app.execute(shelf, id, { type: 'Receive', data: { quantity: 1 } }, { retry: { attemptsMax: 20 } });
    for (const id of ids) {
      const received = Array.from({ length: EVENTS }, () => ({ type: 'Received' as const, data: { quantity: 1 } }));
      await back.append(shelf, id, received);
      await receive(back, id);
    }
    const log = open({ snapshots: back.snapshotsForDevices(), seals: { keys: [new Uint8Array(32).fill(4)] } });
    const { fetch: answer } = createSyncServer({ unitLog: log, tokens: ['secret'] });
    await using server = await listening(answer);

    let requests = 0;
    const fetch: typeof globalThis.fetch = async (...request) => {
      const response = await globalThis.fetch(...request);
      // Every third answer does not arrive.
      if (++requests % 3 === 0) throw new TypeError('fetch failed');
      return response;
    };
    const journal = new SharedJournal();
    const { recorder: device, database } = await openTab(journal);
    const replicaId = newOriginatorId();
    const asked = { url: server.url, replicaId, getToken: () => 'secret' };
    const app = new Application({
      ...{ recorder: device, aggregates: [shelf], keepCommands: true },
      olderEvents: serverHistory(asked).olderEvents,
    });
    const known = ids[0] ?? '';
    const fresh = newOriginatorId();
    // Before it has heard of anything: of one that the server has, and of one that it does not.
    await receive(app, known);
    await receive(app, fresh);
    const options: Partial<StartSyncOptions> = { bootstrap: true, application: app, fetch, live: false };
    const sync = startSync({ store: storeOf(device, replicaId), ...asked, ...options });
    const positions: number[] = [];
    sync.status.subscribe(({ position }) => positions.push(position));
    await vi.waitUntil(() => {
      const { state, pending, position, head } = sync.status.value;
      if (state === 'waiting') sync.syncNow();
      return state === 'live' && pending === 0 && position === head;
    }, PATIENTLY);
    await sync.close();

    expect(await log.head()).toBe(AGGREGATES * (EVENTS + 1) + 2);
    const { rows } = await device.query('SELECT count(*) AS count FROM stored_events');
    // Of what was recorded about here, all events have come.
    expect(rows).toEqual([{ count: EVENTS + 1 + 1 + 1 + (AGGREGATES - 1) * 2 }]);
    for (const id of ids) {
      const { state } = await app.repository.load(shelf, id);
      expect(state.quantity).toBe(EVENTS + (id === known ? 2 : 1));
      expect(state).toEqual((await back.repository.load(shelf, id)).state);
    }
    expect(await app.repository.history(shelf, ids[1] ?? '')).toHaveLength(EVENTS + 1);
    expect(positions).toEqual([...positions].sort((one, other) => one - other));
    // And in another tab, from the journal.
    const other = await openTab(journal);
    expect(await other.recorder.selectBase(ids[1] ?? '')).toEqual(await device.selectBase(ids[1] ?? ''));
    for (const tab of [{ recorder: device, database }, other]) {
      await tab.recorder.close();
      tab.database.close();
    }
  },
);

function storeOf(
  recorder: Awaited<ReturnType<typeof openTab>>['recorder'],
  replicaId: string,
): StartSyncOptions['store'] {
  return { name: replicaId, replicaId, recorder, onRecorded: () => () => undefined };
}

async function opened() {
  const { pool, close } = await openPostgres();
  return { pool, [Symbol.asyncDispose]: close };
}

async function listening(answer: (request: Request) => Promise<Response>) {
  const listener = await listen({ fetch: answer, hostname: '127.0.0.1', port: 0 });
  return {
    url: listener.url,
    [Symbol.asyncDispose]: async () => {
      await listener.close(0);
    },
  };
}
