/** What becomes of units, and what is refused because it would be recorded twice. */
import { describe, expect, test } from 'vitest';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import { derivedUnitId } from '../../src/persistence/derived-unit-id.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { UnitRecorder } from '../../src/persistence/unit-recorder.js';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { exportEvents, importEvents } from '../../src/transfer/index.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';
import { TRANSFER_ENGINES } from '../support/transfer-engines.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';

type DeviceStore = ProcessRecorder & UnitRecorder;

const ALL = { eventsMax: 100_000, bytesMax: 1e9 };

async function openDevice(): Promise<DeviceStore> {
  const { recorder } = await TRANSFER_ENGINES['a device’s store, journal in memory']!();
  return recorder as DeviceStore;
}

async function fileOf(recorder: ProcessRecorder): Promise<Blob> {
  return await new Response(exportEvents(recorder)).blob();
}

describe('units', () => {
  test('are the same on the other device, with what is said of them: it does not matter which sends them', async () => {
    const [here, there] = [await openDevice(), await openDevice()];
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await here.insertEvents([...sampleEvents(a, 1, 2), ...sampleEvents(b, 1, 1)], { unit: { scopes: ['site 1'] } });
    await here.insertEvents(sampleEvents(a, 3, 3), { unit: { isCommutative: true } });
    await here.insertEvents(sampleEvents(b, 2, 4));
    // Larger than a group of the file.
    const large = newOriginatorId();
    await here.insertEvents(sampleEvents(large, 1, 1_300), { unit: { isCommutative: true, scopes: ['x', 'y'] } });
    await here.insertEvents(sampleEvents(large, 1_301, 1_301));
    await importEvents(there, await fileOf(here));
    expect(await there.selectPendingUnits(0, ALL)).toEqual(await here.selectPendingUnits(0, ALL));
    expect((await there.syncProgress()).pendingUnits).toBe(5);
  });

  test('of a file that is cut within one, it is not recorded in part', async () => {
    const [here, there] = [await openDevice(), await openDevice()];
    await here.insertEvents(makeEvents(2));
    await here.insertEvents(makeEvents(1_100));
    const file = await fileOf(here);
    await expect(importEvents(there, file.slice(0, Math.floor(file.size * 0.7)))).rejects.toMatchObject({
      code: 'EVENTS_FILE',
      details: { reason: 'cut', events: 2 },
    });
    expect(await there.maxNotificationId()).toBe(2);
    expect(await importEvents(there, file)).toMatchObject({ stored: 1_100, events: 1_102 });
    expect(await there.selectPendingUnits(0, ALL)).toEqual(await here.selectPendingUnits(0, ALL));
  });

  test('of events that were in none follow from the events, on whichever device', async () => {
    const source = new MemoryProcessRecorder();
    const events = makeEvents(3);
    await source.insertEvents(events);
    for (const device of [await openDevice(), await openDevice()]) {
      await importEvents(device, await fileOf(source));
      expect((await device.selectPendingUnits(0, ALL)).map(({ id }) => id)).toEqual(events.map(derivedUnitId));
    }
  });
});

describe('is refused, and nothing stored', () => {
  test('a store that follows a log', async () => {
    const source = new MemoryProcessRecorder();
    await source.insertEvents(makeEvents(3));
    const file = await fileOf(source);
    const device = await openDevice();
    const log = await LogPages.after(device);
    await device.insertPage(log.next({ events: makeEvents(1) }));
    await expect(importEvents(device, file)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      details: { reason: 'synchronised' },
    });
    expect(await device.maxNotificationId()).toBe(1);
    const old = await openDevice();
    await old.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId: 1 } });
    await expect(importEvents(old, file)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test('an export of a store that follows a log meanwhile', async () => {
    const device = await openDevice();
    await device.insertEvents(makeEvents(1_100));
    const stream = exportEvents(device).getReader();
    await stream.read();
    const log = await LogPages.after(device);
    await device.insertPage(log.next({ events: makeEvents(1) }));
    await expect(stream.read()).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'synchronised' },
    });
  });

  test('events of a server’s log on a device, and a device’s in the tables of a log', async () => {
    await using postgres = await openPostgres();
    const { recorder } = await makePostgresLog(postgres.pool);
    await recorder.insertEvents(makeEvents(2));
    const file = await fileOf(recorder);
    expect(await file.text()).toContain('"log":true');
    const device = await openDevice();
    await expect(importEvents(device, file)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      details: { reason: 'log' },
    });
    expect(await device.maxNotificationId()).toBe(0);
    await device.insertEvents(makeEvents(2));
    const ofDevice = await fileOf(device);
    await expect(importEvents(recorder, ofDevice)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      details: { reason: 'units' },
    });
    expect(await recorder.maxNotificationId()).toBe(2);
    // Beside it there is another log, which nobody synchronises with; and the log takes what is in no unit.
    expect(await importEvents(postgres.recorder, ofDevice)).toMatchObject({ stored: 2 });
    const plain = new MemoryProcessRecorder();
    await plain.insertEvents(makeEvents(2));
    expect(await importEvents(recorder, await fileOf(plain))).toMatchObject({ stored: 2 });
  });
});
