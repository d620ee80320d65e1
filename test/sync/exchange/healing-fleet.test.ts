/**
 * A server that is set back by an hour of the work of many devices, and goes on: what any of them held is there again soon,
 * once, in its order, or set aside with a reason. What nobody was ever told is not.
 */
import { expect, it } from 'vitest';
import type { ConfirmedUnit, LostUnit, UnitId } from '../../../src/persistence/unit.js';
import type { Device } from '../../support/postgres-scene.js';
import { byAggregate, HealingFleet } from '../../support/healing-fleet.js';

// All of it, 100 devices and 3,000 units, is run by `npm run heal`.
const DEVICES = Number(process.env['HEAL_DEVICES'] ?? 30);
const UNITS = Number(process.env['HEAL_UNITS'] ?? 900);
const BOUND_MS = 60_000;
const ALL = { eventsMax: 500, bytesMax: 1e6 };

/** What a device would offer, made by hand into what nobody has ever been told. */
async function forgedOffers(forger: Device, foreign: LostUnit): Promise<readonly LostUnit[]> {
  const [one, two] = (await forger.tab.recorder.selectLostUnits(0, ALL)) as [LostUnit, LostUnit];
  const [event] = one.events as [LostUnit['events'][number]];
  const changed = new TextEncoder().encode('{"forged":true}');
  return [
    { ...one, events: [{ ...event, state: changed }] },
    { ...one, events: [{ ...event, originatorVersion: event.originatorVersion + 1 }] },
    { ...one, id: crypto.randomUUID() },
    { ...one, position: one.position + 1 },
    { ...one, after: [crypto.randomUUID()] },
    { ...one, origin: { ...one.origin, author: 'somebody else' } },
    { ...one, origin: { ...one.origin, seal: two.origin.seal } },
    { ...one, origin: { ...one.origin, seal: new Uint8Array() } },
    foreign,
  ];
}

/** A unit that another server has sealed. */
async function ofAnotherServer(): Promise<LostUnit> {
  await using other = await new HealingFleet({ devices: 1, units: 0 }).open();
  const [unit] = (await other.log()) as [ConfirmedUnit];
  return { ...unit, after: [undefined] };
}

it(`${DEVICES} devices bring ${UNITS} units back to a server within a minute, and forge none`, async () => {
  await using fleet = await new HealingFleet({ devices: DEVICES, units: UNITS }).open();
  const restore = await fleet.fixture.backup();
  const old = await fleet.log();
  await fleet.work();
  const before = await fleet.log();
  const forger = fleet.devices.at(-1) as Device;
  for (const { exchange } of fleet.devices) exchange.setPaused(true);
  await restore();
  expect(await fleet.log()).toHaveLength(old.length);

  // Before anybody notices, somebody new goes on where others had gone on.
  const late = await fleet.device('late');
  await late.settled();
  const [shelf] = fleet.counted as [string];
  const lateIds = new Set<UnitId>([await late.count(crypto.randomUUID()), await late.count(shelf)]);
  await late.settled();

  const { signal } = new AbortController();
  const { recorder } = forger.tab;
  await recorder.rewind(await forger.transport.common((await recorder.syncProgress()).marks, signal));
  const forged = await forgedOffers(forger, await ofAnotherServer());
  // Each in a request of its own: most are of one id.
  const answers = async (): Promise<unknown> => {
    const said = await Promise.all(forged.map((unit) => forger.transport.heal([unit], signal)));
    return said.flatMap(({ decisions }) => decisions.map(({ kind }) => kind));
  };
  const refused = forged.map(() => 'refused');
  expect(await answers()).toEqual(refused);
  expect([(await fleet.log()).length, await fleet.aside()]).toEqual([old.length + lateIds.size, []]);

  const startMs = performance.now();
  for (const { exchange } of fleet.devices) exchange.setPaused(false);
  await fleet.settled();
  const tookMs = performance.now() - startMs;
  const there = await fleet.log();
  const aside = await fleet.aside();
  const agreeMs = performance.now();
  await Promise.all([late.settled(), fleet.settled()]);
  console.info(
    `${DEVICES} devices, ${before.length - old.length} units lost: ${seconds(tookMs)} until all were offered and had again, ` +
      `${aside.length} of them set aside; ${seconds(performance.now() - agreeMs)} more until all agreed`,
  );

  const ids = there.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const asideIds = new Set(aside.map(({ id }) => id));
  const everywhere = new Set([...ids, ...asideIds]);
  expect(before.filter(({ id }) => !everywhere.has(id))).toEqual([]);
  expect(ids.filter((id) => asideIds.has(id))).toEqual([]);
  expect([...lateIds].filter((id) => !ids.includes(id))).toEqual([]);
  expect(new Set(aside.map(({ code, message }) => `${code}, ${message === '' ? 'unsaid' : 'said'} why`))).toEqual(
    new Set(['CONFLICT, said why']),
  );
  // What stands on what was counted meanwhile, and nothing else.
  expect(new Set(aside.flatMap(({ unit }) => (unit?.events ?? []).map(({ originatorId }) => originatorId)))).toEqual(
    new Set([shelf]),
  );
  // As it was, where it was, by whom it was.
  const said = (unit: ConfirmedUnit): unknown => [unit.id, unit.events, unit.origin.author, unit.origin.recordedAtMs];
  const was = new Map(before.map((unit) => [unit.id, said(unit)]));
  for (const unit of there) if (!lateIds.has(unit.id)) expect(said(unit)).toEqual(was.get(unit.id));
  const inOrder = byAggregate(there.flatMap(({ events }) => events));
  const inBooks = byAggregate(await fleet.fixture.recorder.selectNotifications({ start: 1, limit: 100_000 }));
  expect(inBooks).toEqual(inOrder);
  const lost = byAggregate(before.flatMap(({ events }) => events));
  for (const [id, events] of lost) if (id !== shelf) expect(inOrder.get(id)).toEqual(events);
  for (const { tab } of fleet.devices) {
    const events = await tab.recorder.selectNotifications({ start: 1, limit: 100_000 });
    // What has given way to others keeps its local ids.
    const here = byAggregate([...events].sort((one, other) => one.originatorVersion - other.originatorVersion));
    for (const [id, texts] of here) expect(inOrder.get(id)).toEqual(texts);
    expect(here.size).toBe(inOrder.size);
  }
  expect(await answers()).toEqual(refused);
  expect(tookMs).toBeLessThan(BOUND_MS);
}, 600_000);

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
