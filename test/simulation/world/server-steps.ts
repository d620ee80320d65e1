/**
 * What happens to servers, their database, and those who say what somebody may.
 *
 * @module
 */
import type { ServerStep } from './plan.js';
import { PEOPLE, randomScopes } from './plan.js';
import { besideEvent, ITEMS } from './stock.js';
import type { DoStep } from './world.js';

const HOUR_MS = 3_600_000;

export const SERVER_STEPS: Readonly<Record<ServerStep, DoStep>> = {
  killServer: ({ servers, scheduler }, { target }, random) => {
    const index = target % servers.count;
    servers.kill(index);
    scheduler.schedule(() => servers.start(index), random.between(100, 8_000));
  },

  databaseDown: ({ servers: { faults }, scheduler }, _step, random) => {
    faults.isDown = true;
    scheduler.schedule(() => (faults.isDown = false), random.between(100, 5_000));
  },

  databaseFaults: ({ servers: { faults }, scheduler }, _step, random) => {
    faults.faultShare = random.pick([0.05, 0.2]);
    scheduler.schedule(() => (faults.faultShare = 0), random.between(1_000, 10_000));
  },

  backup: ({ servers, backups }) => {
    const [log, snapshots] = [servers.log.backup(), servers.snapshots.backup()];
    backups.push(() => {
      log();
      snapshots();
    });
  },

  takeSnapshots: async ({ servers }, _step, random) => {
    const all = await servers.tables.events({ first: 1, last: Infinity }, 1_000_000);
    const ids = ITEMS.filter(() => random.chance(0.7));
    await servers.snapshots.take(all, ids);
  },

  restore: async (world, _step, random) => {
    if (world.backups.length === 0) return;
    random.pick(world.backups)();
    world.counts.restores++;
    await world.forgive();
  },

  insertBeside: async (world, _step, random) => {
    const { servers, audit, witness } = world;
    await audit.look();
    const id = random.pick(ITEMS);
    const all = await servers.tables.events({ first: 1, last: Infinity }, 1_000_000);
    const version = all.reduce((last, one) => (one.originatorId === id ? one.originatorVersion : last), 0);
    const intent = world.newIntent('beside');
    servers.log.insertBeside([besideEvent(id, version + 1, intent)]);
    witness.acknowledge(intent, 'beside', 'Receive');
  },

  setServerClock: ({ servers }, _step, random) => {
    servers.offsetMs = random.pick([0, HOUR_MS, -HOUR_MS]);
  },

  revokeTokens: ({ servers }) => {
    servers.generation++;
  },

  tokenOutage: ({ servers, scheduler }, _step, random) => {
    servers.isTokenOutage = true;
    scheduler.schedule(() => (servers.isTokenOutage = false), random.between(1_000, 10_000));
  },

  changeScopes: (world, { target }, random) => {
    const subject = PEOPLE[target % PEOPLE.length] as string;
    const some = randomScopes(random);
    world.scopes.set(subject, some);
    world.note(`${subject} sees ${some.join()}`);
  },
};
