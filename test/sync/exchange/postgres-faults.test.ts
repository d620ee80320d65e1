/** Servers that are killed, set back and exchanged, copies of stores, races: with real stores, over real HTTP, and PostgreSQL. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import { PostgresScene } from '../../support/postgres-scene.js';
import type { Device } from '../../support/postgres-scene.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../../support/unit-log-fixture.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const SHELF = crypto.randomUUID();
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };

const asideOf = async ({ tab }: Device): Promise<readonly string[]> =>
  (await tab.recorder.selectSetAside(0, ALL)).map(({ id }) => id);

/** Pushes units, each of which is under way when its server's connection dies, and then sent again. @returns their ids */
async function killedAgainAndAgain(
  fixture: PostgresLogFixture,
  url: string,
  times: number,
): Promise<readonly string[]> {
  const proxy = await openPostgresProxy(url);
  const pool = await createPgPool({ connectionString: proxy.url });
  onTestFinished(async () => {
    await pool.end();
    await proxy.close();
  });
  const recorder = new PostgresProcessRecorder({ pool, eventsTable: fixture.events.replaceAll('"', '') });
  const log = new PostgresUnitLog({ recorder, name: fixture.name });
  const answer = { severity: 'FATAL', sqlState: '57P01', message: 'terminating connection' } as const;
  const ids: string[] = [];
  for (let kill = 0; kill < times; kill++) {
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const isCarriedOut = kill % 4 !== 0;
    proxy.faults.push({ text: '; COMMIT', answer, isCarriedOut });
    // Where all was hoped to be new, the log looks by itself what became of it.
    const answered = await log.push([unit], SENDER).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'OPERATIONAL_ERROR' });
      return undefined;
    });
    const again = await log.push([unit], SENDER);
    // What was hoped may have been refused before somebody was killed.
    if (answered !== undefined) expect(answered.decisions).toMatchObject([{ kind: 'accepted' }]);
    const isNew = answered === undefined && !isCarriedOut;
    expect(again.decisions).toMatchObject([{ kind: 'accepted', isNew }]);
    ids.push(unit.id);
  }
  return ids;
}

describe('a push', () => {
  it('that a proxy sends once more, after the next ones, is recorded once', async () => {
    await using scene = await new PostgresScene().open();
    const device = await scene.device({ url: scene.proxyUrl });
    await device.settled();
    for (let round = 0; round < 10; round++) {
      scene.proxy.script.push('again later', 'again later');
      await device.count(SHELF);
      await device.count(crypto.randomUUID());
      await device.settled();
    }
    expect(scene.proxy.copyStatuses.length).toBeGreaterThanOrEqual(19);
    expect(new Set(scene.proxy.copyStatuses)).toEqual(new Set([200]));
    expect(await scene.books()).toHaveLength(20);
    await scene.expectAgreement();
  });

  it('that two devices send for one place at the same time is one’s, twenty times, and nobody is stopped', async () => {
    await using scene = await new PostgresScene().open();
    const devices = [await scene.device(), await scene.device()] as const;
    for (const device of devices) await device.settled();
    const units: string[] = [];
    for (let round = 0; round < 20; round++) {
      const shelf = crypto.randomUUID();
      units.push(...(await Promise.all(devices.map((device) => device.count(shelf)))));
    }
    for (const device of [...devices, ...devices]) await device.settled();
    expect(await scene.books()).toHaveLength(20);
    await scene.expectAgreement();
    const aside = (await Promise.all(devices.map(asideOf))).flat();
    expect([aside.length, new Set(aside).size, aside.every((id) => units.includes(id))]).toEqual([20, 20, true]);
  });

  it('whose server is killed between COMMIT and its answer, or before COMMIT, is recorded once: a thousand times', async () => {
    await using postgres = await openPostgres();
    const fixture = await makePostgresLog(postgres.pool);
    const lanes = await Promise.all(Array.from({ length: 5 }, () => killedAgainAndAgain(fixture, postgres.url, 200)));
    const recorded = (await readLog(fixture.open())).units.map(({ id }) => id);
    expect(recorded.toSorted()).toEqual(lanes.flat().toSorted());
    expect(await fixture.recorder.selectNotifications({ start: 1, limit: 10_000 })).toHaveLength(1_000);
  }, 300_000);
});

describe('a copy of a store', () => {
  it('sends what its original sends, at the same time: each unit is there once, and both go on', async () => {
    await using scene = await new PostgresScene().open();
    const original = await scene.device();
    await original.settled();
    original.exchange.setPaused(true);
    const shared = [
      await original.count(SHELF),
      await original.count(SHELF),
      await original.count(crypto.randomUUID()),
    ];
    const copy = original.copied();
    await scene.device({ store: copy });
    original.exchange.setPaused(false);
    await Promise.all([original.settled(), copy.settled()]);
    expect(await scene.books()).toHaveLength(shared.length);
    // Each counts the same shelf now, on its own.
    await Promise.all([original.count(SHELF), copy.count(SHELF)]);
    await original.count(crypto.randomUUID());
    await copy.count(crypto.randomUUID());
    for (const device of [original, copy, original, copy]) await device.settled();
    expect(await scene.books()).toHaveLength(shared.length + 3);
    expect([...(await asideOf(original)), ...(await asideOf(copy))]).toHaveLength(1);
    await scene.expectAgreement();
  });
});

describe('a server', () => {
  it('that was restored, and has gone on for others since: nothing is lost but to who has the reasons', async () => {
    await using scene = await new PostgresScene().open();
    const [one, two] = [await scene.device(), await scene.device()];
    await one.count(SHELF);
    await one.settled();
    await two.settled();
    const restore = await scene.fixture.backup();
    two.exchange.setPaused(true);
    const lost = [await one.count(SHELF), await one.count(crypto.randomUUID())];
    await one.settled();
    one.exchange.setPaused(true);
    await restore();
    two.exchange.setPaused(false);
    // Where the one had its second count, which nobody has any more.
    await two.count(SHELF);
    await two.count(crypto.randomUUID());
    await two.settled();
    const pending = await one.count(crypto.randomUUID());
    one.exchange.setPaused(false);
    for (const device of [one, two, one]) await device.settled();
    expect(await asideOf(one)).toEqual([lost[0]]);
    expect(await scene.books()).toHaveLength(1 + 2 + 2);
    const texts = (await scene.books()).map(({ state }) => new TextDecoder().decode(state)).join();
    for (const id of [lost[1], pending]) expect(texts).toContain(id);
    await scene.expectAgreement();
  });

  it('that is exchanged for an empty one, with units that wait: it gets all, and then what waits', async () => {
    await using scene = await new PostgresScene().open();
    const [one, two] = [await scene.device(), await scene.device()];
    for (let unit = 0; unit < 3; unit++) await one.count(SHELF);
    await one.settled();
    await two.count(SHELF);
    await two.settled().catch(() => undefined);
    await one.settled();
    one.exchange.setPaused(true);
    for (let unit = 0; unit < 2; unit++) await one.count(SHELF);
    const before = (await scene.books()).length;
    await scene.exchange();
    expect(await scene.books()).toHaveLength(0);
    one.exchange.setPaused(false);
    for (const device of [one, two, one]) await device.settled();
    expect(await scene.books()).toHaveLength(before + 2);
    await scene.expectAgreement();
  });

  it('that is exchanged for a stranger’s, which has other things: its own are kept, and what fits is there', async () => {
    await using scene = await new PostgresScene().open();
    const one = await scene.device();
    const shelves = [SHELF, crypto.randomUUID()];
    for (const shelf of shelves) await one.count(shelf);
    await one.settled();
    one.exchange.setPaused(true);
    const pending = await one.count(crypto.randomUUID());
    await scene.exchange();
    const stranger = await scene.device();
    await stranger.count(SHELF);
    await stranger.settled();
    one.exchange.setPaused(false);
    for (const device of [one, stranger, one]) await device.settled();
    // Of two shelves one was counted there by somebody else.
    expect(await scene.books()).toHaveLength(3);
    const aside = await one.tab.recorder.selectSetAside(0, ALL);
    expect(aside.map(({ events }) => events[0]?.originatorId)).toEqual([SHELF]);
    expect((await scene.books()).some(({ state }) => new TextDecoder().decode(state).includes(pending))).toBe(true);
    await scene.expectAgreement();
  });
});
