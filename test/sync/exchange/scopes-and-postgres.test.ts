/** Scopes that change while a device follows a log in PostgreSQL, in both layouts of tables: over real HTTP, with a real store. */
import { expect, it } from 'vitest';
import type { Visibility } from '../../../src/server/log/unit-log.js';
import { listen } from '../../../src/server/hosts/http-listener.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { Device } from '../../support/postgres-scene.js';
import { makePostgresLog, makeSharedLog } from '../../support/unit-log-fixture.js';

const ALL = { eventsMax: 100, bytesMax: 1e6 };

it.each([
  ['single', makePostgresLog],
  ['shared', makeSharedLog],
] as const)(
  'a device follows the log anew when its scopes change, and gets back what it had: %s',
  async (_layout, make) => {
    const postgres = await openPostgres();
    const fixture = await make(postgres.pool);
    const closing = new AbortController();
    let visibility: Visibility | true = true;
    const unitLog = fixture.open({ seals: { keys: [new Uint8Array(32).fill(5)] } });
    const server = createSyncServer({
      ...{ unitLog, allowAnonymous: true, closing: closing.signal },
      authorizePull: () => visibility,
    });
    const listener = await listen({
      fetch: async (request) => await server.fetch(request),
      hostname: '127.0.0.1',
      port: 0,
    });
    const device = await new Device().start(listener.url, false);
    try {
      const [north, south] = [newOriginatorId(), newOriginatorId()];
      const both = sampleUnit([sampleEvent(north, 1), sampleEvent(south, 1)]);
      await unitLog.push([both], { subject: '', replicaId: newOriginatorId() });
      await device.settled();
      const own = await device.count(south);
      await device.settled();
      const versions = async (): Promise<readonly number[]> => {
        const { recorder } = device.tab;
        return [(await recorder.selectEvents(north)).length, (await recorder.selectEvents(south)).length];
      };
      expect(await versions()).toEqual([1, 2]);
      visibility = { id: 'north', isVisible: ({ events }, index) => events[index]?.originatorId === north };
      await device.settled();
      expect(await versions()).toEqual([1, 0]);
      expect((await device.tab.recorder.findUnits([own]))[0]?.state).toBe('left');
      visibility = true;
      await device.settled();
      expect(await versions()).toEqual([1, 2]);
      const { held, lostUnits, pendingUnits, position } = await device.tab.recorder.syncProgress();
      expect([held, lostUnits, pendingUnits, position]).toEqual([[], 0, 0, await unitLog.head()]);
      expect(await device.tab.recorder.selectSetAside(0, ALL)).toEqual([]);
      const restore = await fixture.backup();
      await device.count(north);
      await device.settled();
      await restore();
      // Set back, and with other scopes at once: it is the log that is noticed.
      visibility = { id: 'all-by-name', isVisible: () => true };
      await device.settled();
      expect(await versions()).toEqual([2, 2]);
      expect((await fixture.recorder.selectEvents(north)).map(({ originatorVersion }) => originatorVersion)).toEqual([
        1, 2,
      ]);
    } finally {
      await device.close();
      closing.abort();
      await listener.close(0);
      await postgres.close();
    }
  },
);
