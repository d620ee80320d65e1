/**
 * What an object records is in PostgreSQL once, wherever its runtime was killed on the way there: by SIGKILL, at a gate in which the
 * step waits. A hub that devices use, and an application at the edge.
 */
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { packPendingUnits } from '../../src/persistence/unit-batch.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { readLog } from '../../src/testing/conformance/unit-samples.js';
import { openHubServer } from '../support/hub-server.js';
import type { HubServer } from '../support/hub-server.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { TcpGate } from '../support/tcp-gate.js';
import type { GatePlace } from '../support/tcp-gate.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { deviceRequest, pendingUnits } from '../support/unit-wire.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../support/unit-log-fixture.js';

const PATIENTLY = { timeout: 60_000, interval: 50 };

/** Where the alarm is when the runtime is killed, in the order in which it comes there. */
const STEPS: Readonly<Record<string, GatePlace>> = {
  'stored, and the alarm rings: it connects': { text: 'user', at: 'request' },
  'it asks where the log ends': { text: '_head', at: 'request' },
  'the push is sent': { text: 'COMMIT', at: 'request' },
  'the push is committed, and its answer is lost': { text: 'COMMIT', at: 'answer' },
};

let folder: string;
let postgres: PostgresFixture;
let log: PostgresLogFixture;
let gate: TcpGate;
let server: HubServer;
let options: NonNullable<Parameters<typeof openHubServer>[1]>;

beforeEach(async () => {
  folder = (await makeTemporaryFolder()).path;
  postgres = await openPostgres();
  log = await makePostgresLog(postgres.pool, { applicationName: uniqueName() });
  gate = new TcpGate(postgres.url);
});
afterEach(async () => {
  await server.kill();
  await gate.close();
  await postgres.close();
  await rm(folder, { recursive: true });
});

interface Recorder {
  readonly worker: 'stations' | 'homeHub';
  /** Records one event more, in the object of a name. */
  record(tenant: string): Promise<void>;
  standing(tenant: string): Promise<{ readonly position: number; readonly head: number }>;
}

const thermometer = newOriginatorId();
const RECORDERS: Readonly<Record<string, Recorder>> = {
  'an application at the edge': {
    worker: 'stations',
    record: async (tenant) => {
      const body = JSON.stringify({ celsius: 5 });
      expect((await fetch(`${server.url}/${tenant}/${thermometer}`, { method: 'POST', body })).status).toBe(200);
    },
    standing: async (tenant) => (await (await fetch(`${server.url}/${tenant}/x`)).json()) as never,
  },
  'a hub that devices use': {
    worker: 'homeHub',
    record: async (tenant) => {
      const headers = { authorization: 'Bearer ann' };
      const request = deviceRequest(`/v2/t/${tenant}/push`, packPendingUnits(pendingUnits(1)), headers);
      const body = await request.arrayBuffer();
      const address = server.url + new URL(request.url).pathname;
      expect((await fetch(address, { method: 'POST', headers: request.headers, body })).status).toBe(200);
    },
    standing: async (tenant) => (await (await fetch(`${server.url}/v2/t/${tenant}/forwarded`)).json()) as never,
  },
};

describe.each(Object.entries(RECORDERS))('%s', (_who, { worker, record, standing }) => {
  test(
    'is killed at every step of the way into PostgreSQL: each event is there once',
    { timeout: 180_000 },
    async () => {
      const tenant = log.name.replace(/_log$/, '');
      options = {
        worker,
        postgres: { url: await gate.start(), name: tenant },
        bindings: { FORWARDS: 'yes' },
      };
      server = await openHubServer(folder, options);
      let recorded = 0;
      // Killed when it has answered, before the alarm can have done anything: it was set in the transaction that recorded.
      for (const place of [undefined, ...Object.values(STEPS)]) {
        const reached = place === undefined ? Promise.resolve() : gate.reached(place);
        await record(tenant);
        recorded++;
        await reached;
        // Committed there, and not known here; or nothing has passed the gate.
        if (place?.at === 'answer') await vi.waitUntil(async () => (await log.open().head()) === recorded, PATIENTLY);
        await server.kill();
        if (place?.at === 'request') expect(await log.open().head()).toBe(recorded - 1);
        gate.cut();
        server = await openHubServer(folder, options);
        await vi.waitUntil(async () => (await log.open().head()) === recorded, PATIENTLY);
        await vi.waitUntil(async () => (await standing(tenant)).position === recorded, PATIENTLY);
      }
      // Killed while what it knows of that is being kept, or after: the next one asks, and finds nothing to do.
      await server.kill();
      server = await openHubServer(folder, options);
      await record(tenant);
      recorded++;
      await vi.waitUntil(async () => (await standing(tenant)).position === recorded, PATIENTLY);
      const { units } = await readLog(log.open());
      expect(new Set(units.map(({ id }) => id)).size).toBe(recorded);
      const rows = await log.recorder.selectNotifications({ start: 1, limit: 1_000 });
      expect(rows).toHaveLength(recorded);
      expect(await standing(tenant)).toEqual({ position: recorded, head: recorded });
    },
  );
});
