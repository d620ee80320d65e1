/** Devices with real stores, over real HTTP, and PostgreSQL: all that lies between two people who count the same shelf. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../support/http-faults.js';
import { PostgresScene } from '../../support/postgres-scene.js';
import type { Device } from '../../support/postgres-scene.js';

const SHELF = crypto.randomUUID();

describe('devices, a server, and PostgreSQL', () => {
  it('what one records the other has a moment later, without asking', async () => {
    await using scene = await new PostgresScene().open();
    const [one, two] = [await scene.device({ isLive: true }), await scene.device({ isLive: true })];
    await Promise.all([one.settled(), two.settled()]);
    const asked = vi.spyOn(two.exchange, 'attemptNow');
    const id = await one.count(SHELF);
    await two.until(async () => (await two.events()).some(({ state }) => new TextDecoder().decode(state).includes(id)));
    expect(asked).not.toHaveBeenCalled();
    await one.settled();
    await scene.expectAgreement();
  });

  it('what a program inserts beside the server reaches them, and what they record reaches it', async () => {
    await using scene = await new PostgresScene().open();
    const device = await scene.device({ isLive: true });
    await device.settled();
    const state = new TextEncoder().encode('{"from":"python"}');
    await scene.fixture.insertBeside([{ originatorId: SHELF, originatorVersion: 1, topic: 'stock:Counted', state }]);
    await device.until(async () => (await device.events()).length === 1);
    await device.count(SHELF);
    await device.settled();
    expect((await scene.books()).map(({ originatorVersion }) => originatorVersion)).toEqual([1, 2]);
    await scene.expectAgreement();
  });

  it('two who counted one shelf offline: one is in the books, the other is told, and nobody is stopped', async () => {
    await using scene = await new PostgresScene().open();
    const [one, two] = [await scene.device(), await scene.device()];
    await Promise.all([one.settled(), two.settled()]);
    one.exchange.setPaused(true);
    two.exchange.setPaused(true);
    const other = crypto.randomUUID();
    await one.count(SHELF);
    const late = await two.count(SHELF);
    const unrelated = await two.count(other);
    one.exchange.setPaused(false);
    await one.settled();
    two.exchange.setPaused(false);
    await two.settled();
    await one.settled();
    await scene.expectAgreement();
    const aside = await two.tab.recorder.selectSetAside(0, { eventsMax: 100, bytesMax: 1e6 });
    expect(aside.map(({ id, reason }) => [id, reason.code])).toEqual([[late, 'CONFLICT']]);
    const texts = (await scene.books()).map(({ state }) => new TextDecoder().decode(state));
    expect(texts.some((text) => text.includes(unrelated))).toBe(true);
  });

  it('ten who receive on one shelf, offline and at once: all of it is in the books, and nobody is told of a conflict', async () => {
    await using scene = await new PostgresScene().open();
    const devices = await Promise.all(Array.from({ length: 10 }, () => scene.device()));
    const first = devices[0] as Device;
    await first.count(SHELF);
    for (const device of devices) await device.settled();
    for (const device of devices) device.exchange.setPaused(true);
    for (const device of devices) for (let unit = 0; unit < 3; unit++) await device.receive(SHELF);
    const late = await first.count(SHELF);
    for (const device of devices) device.exchange.setPaused(false);
    // At once, and once more to hear of each other.
    for (let round = 0; round < 2; round++) await Promise.all(devices.map((device) => device.settled()));
    await scene.expectAgreement();
    const books = await scene.books();
    expect(books.filter(({ topic }) => topic === 'stock:Received')).toHaveLength(30);
    expect(books.map(({ originatorVersion }) => originatorVersion)).toEqual(books.map((_event, index) => index + 1));
    const isLateThere = books.some(({ state }) => new TextDecoder().decode(state).includes(late));
    for (const device of devices) {
      const aside = await device.tab.recorder.selectSetAside(0, { eventsMax: 100, bytesMax: 1e6 });
      expect(aside.map(({ id }) => id)).toEqual(device === first && !isLateThere ? [late] : []);
    }
  });

  it('a network that loses, cuts, repeats and pretends: each event is there once', async () => {
    await using scene = await new PostgresScene().open();
    const devices = [await scene.device({ url: scene.proxyUrl }), await scene.device({ url: scene.proxyUrl })];
    const faults: Fault[] = ['lost', 'answer lost', 'twice', 'answer cut', 'portal', 'answer broken', 'bad gateway'];
    for (let round = 0; round < 4; round++) {
      scene.proxy.script.push(...faults);
      for (const device of devices) for (let unit = 0; unit < 5; unit++) await device.count(crypto.randomUUID());
      for (const device of devices) device.exchange.attemptNow();
    }
    for (const device of [...devices, ...devices]) await device.settled();
    await scene.expectAgreement();
    const books = await scene.books();
    expect(books).toHaveLength(40);
    expect(new Set(books.map(({ originatorId }) => originatorId)).size).toBe(40);
  });

  it('a server that was restored gets back from its devices what it had lost', async () => {
    await using scene = await new PostgresScene().open();
    const [one, two] = [await scene.device(), await scene.device()];
    for (let unit = 0; unit < 3; unit++) await one.count(SHELF);
    await one.settled();
    await two.settled();
    const restore = await scene.fixture.backup();
    await two.count(SHELF);
    await two.settled();
    await one.settled();
    for (let unit = 0; unit < 3; unit++) await one.count(crypto.randomUUID());
    await one.settled();
    await restore();
    expect(await scene.books()).toHaveLength(3);
    for (const device of [two, one, two]) await device.settled();
    expect(await scene.books()).toHaveLength(7);
    await scene.expectAgreement();
    for (const device of scene.devices) expect((await device.tab.recorder.syncProgress()).setAsideUnits).toBe(0);
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});
