/**
 * What happens to devices.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import { lookAfterAside, repeat, work } from './people.js';
import type { DeviceStep } from './plan.js';
import type { SimDevice } from './sim-device.js';
import type { SimTab } from './sim-tab.js';
import { RELEASE_LAST } from './stock.js';
import type { Release } from './stock.js';
import type { DoStep, World } from './world.js';

const CLONES_MAX = 2;
const DEVICES_MORE_MAX = 2;
const YEAR_MS = 31_536_000_000;

type DoToDevice = (device: SimDevice, random: SeededRandom, world: World) => void | Promise<void>;

/** Something of one device. */
function toDevice(work: DoToDevice): DoStep {
  return (world, { target }, random) => work(world.devices[target % world.devices.length] as SimDevice, random, world);
}

/** Something of a tab that a person can use. */
function toTab(work: (tab: SimTab, random: SeededRandom, world: World, device: SimDevice) => void): DoStep {
  return toDevice((device, random, world) => {
    if (device.usable.length === 0) return;
    const tab = random.pick(device.usable);
    tab.process.run(() => work(tab, random, world, device));
  });
}

export const DEVICE_STEPS: Readonly<Record<DeviceStep, DoStep>> = {
  work: toDevice((device, random, world) => work(world, device, random)),

  repeat: toTab((tab, random, world, device) => repeat(world, device, tab, random)),

  lookAfterAside: toTab((tab, random, world) => {
    lookAfterAside(world, tab, random).catch((error: unknown) => world.note(`not looked after: ${String(error)}`));
  }),

  openTab: toDevice((device) => device.openTab()),

  closeTab: toTab((tab, _random, world) => {
    tab.close().catch((error: unknown) => world.note(`not closed: ${String(error)}`));
  }),

  killTab: toDevice((device, random) => {
    if (device.tabs.length > 0) random.pick(device.tabs).process.kill();
  }),

  freezeTab: toTab((tab, random, world) => {
    tab.freeze(random.chance(0.5));
    world.scheduler.schedule(() => tab.process.run(() => tab.thaw()), random.between(500, 30_000));
  }),

  killBrowser: toDevice((device) => device.killTabs()),

  cutPower: toDevice(async (device, _random, world) => {
    device.killTabs();
    device.storage.cutPower();
    // What is strict survives that.
    if (device.storage.isRelaxed) await world.forgive();
  }),

  evict: toDevice(async (device, _random, world) => {
    device.killTabs();
    device.storage.evict();
    device.saved = undefined;
    await world.forgive();
  }),

  saveImage: toDevice((device) => {
    device.saved = device.storage.image();
  }),

  setBack: toDevice(async (device, _random, world) => {
    if (device.saved === undefined) return;
    device.killTabs();
    device.storage.setBack(device.saved);
    await world.forgive();
  }),

  clone: toDevice((device, _random, world) => {
    const clones = world.devices.filter(({ name }) => name.includes('clone')).length;
    if (clones >= CLONES_MAX) return;
    world.addDevice((name, seed) => device.cloned(`${name}clone`, seed));
  }),

  newDevice: toDevice(({ subject }, random, world) => {
    const others = world.devices.filter(({ name }) => name.includes('new')).length;
    if (others >= DEVICES_MORE_MAX) return;
    const traits = { release: random.between(1, RELEASE_LAST) as Release, bootstrap: random.chance(0.7) };
    world.addDevice((name, seed) => world.newDevice(`${name}new`, subject, seed, traits)).openTab();
  }),

  truncate: toTab((tab, random, world, device) => {
    device.lacksHistory = true;
    const keep = { keepMs: random.pick([0, 0, 5_000, 20_000]), keepEvents: random.pick([0, 0, 10]) };
    const { restores } = world.counts;
    tab.truncate(keep).then(
      (aggregates) => {
        world.counts.truncated += aggregates;
        world.note(`${tab.process.name} has truncated ${aggregates}`);
        // What the server has said that it has, it may not have had any more when it left.
        if (world.counts.restores > restores) world.mayBeLost = true;
      },
      (error: unknown) => world.note(`not truncated: ${String(error)}`),
    );
  }),

  checkpoint: toTab((tab, random, world) => {
    const { recorder } = tab;
    const done = recorder.checkpoint().then(() => recorder.compact(random.between(1, 100)));
    done.catch((error: unknown) => world.note(`no checkpoint: ${String(error)}`));
  }),

  failStorage: toDevice((device, random, world) => {
    const { storage } = device;
    storage.faultShare = random.pick([0.1, 0.5, 1]);
    world.scheduler.schedule(() => (storage.faultShare = 0), random.between(500, 8_000));
  }),

  disconnect: toDevice((device, random, world) => {
    const { link } = device;
    link.isUp = false;
    device.saysOffline = random.chance(0.5);
    world.scheduler.schedule(
      () => {
        link.isUp = true;
        // Not every browser notices.
        if (random.chance(0.7)) for (const tab of device.usable) tab.process.run(() => tab.wake());
      },
      random.between(300, 25_000),
    );
  }),

  badNetwork: toDevice(({ link }, random, world) => {
    link.faultShare = random.pick([0.2, 0.5, 0.8]);
    world.scheduler.schedule(() => (link.faultShare = 0), random.between(2_000, 20_000));
  }),

  setClock: toDevice((device, random) => {
    device.offsetMs = random.pick([0, YEAR_MS, -YEAR_MS, 5_000, -5_000, 3_600_000]);
  }),

  upgrade: toDevice((device, random, world) => {
    const { releaseLast } = world;
    device.release = releaseLast === 2 ? 2 : (random.between(device.release, releaseLast) as Release);
    // Not all of them are loaded again: several releases are in use at once, in one browser.
    if (device.tabs.length > 0) random.pick(device.tabs).process.kill();
    device.openTab();
  }),

  pause: toTab((tab, random, world, device) => {
    tab.setPaused(true);
    world.scheduler.schedule(
      () => {
        for (const one of device.usable) one.process.run(() => one.setPaused(false));
      },
      random.between(500, 10_000),
    );
  }),

  wake: toTab((tab) => tab.wake()),
};
