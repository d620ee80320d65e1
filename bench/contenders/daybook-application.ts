/**
 * An application on Daybook's stores: the built package, on the main thread.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { Application, command, defineDecider, event } from 'daybook/application';
import type { RebasedUnit } from 'daybook/application';
import { LiveQueries } from 'daybook/live';
import { defineState, SqlStateStore } from 'daybook/states';
import { startSync } from 'daybook/sync';
import type { Sync, SyncStatus } from 'daybook/sync';
import type {
  ApplicationJob,
  ApplicationResult,
  DecideAgainJob,
  ExecuteJob,
  HotAggregateJob,
} from '../runner/application-jobs.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import type { LogServer } from '../runner/log-server.js';
import { compareLiveRows, countedSchema } from '../runner/live-rows.js';
import type { LiveTimes } from '../runner/live-rows.js';
import type { LiveRowsJob } from '../runner/state-jobs.js';

const item = defineDecider({
  name: 'Item',
  events: {
    Counted: event<{ quantity: number; by: string }>(),
    Received: event<{ quantity: number; by: string }>({ isCommutative: true }),
  },
  commands: {
    Count: command<{ quantity: number; by: string }>(),
    Receive: command<{ quantity: number; by: string }>(),
  },
  initialState: () => ({ quantity: 0 }),
  decide: {
    Count: ({ data }) => ({ type: 'Counted', data }),
    Receive: ({ data }) => ({ type: 'Received', data }),
  },
  evolve: {
    Counted: (_state, { data }) => ({ quantity: data.quantity }),
    Received: (state, { data }) => ({ quantity: state.quantity + data.quantity }),
  },
});

// What takes longer does not come.
const AGREED_MS_MAX = 120_000;

/** A store with its application, and how it fares with the others. */
class Device {
  readonly #daybook: Daybook;
  readonly #app: Application;
  readonly #name: string;
  #sync: Sync | undefined;
  pushes = 0;
  decidedAgain = 0;

  private constructor(daybook: Daybook, name: string, keepsCommands: boolean) {
    this.#daybook = daybook;
    this.#name = name;
    this.#app = new Application({ recorder: daybook.recorder, aggregates: [item], keepCommands: keepsCommands });
  }

  static async open(name: string, keepsCommands = true): Promise<Device> {
    return new Device(await openDaybook({ name, workerUrl: '/daybook/worker.js' }), name, keepsCommands);
  }

  async execute(id: string, type: 'Count' | 'Receive', quantity: number): Promise<void> {
    // A page of others' commits may come between loading and committing.
    await this.#app.execute(item, id, { type, data: { quantity, by: this.#name } }, { retry: { attemptsMax: 20 } });
  }

  follow({ url, token }: LogServer): void {
    this.#sync = startSync<RebasedUnit>({
      store: this.#daybook,
      url,
      // Each a subject of its own, as people are.
      getToken: () => `${token}-${this.#name}`,
      application: this.#app,
      onRebased: (units) => {
        this.decidedAgain += units.filter(({ outcome }) => outcome === 'changed' || outcome === 'unchanged').length;
      },
      fetch: (input, init) => {
        if (String(input).endsWith('/push')) this.pushes++;
        return globalThis.fetch(input, init);
      },
    });
  }

  /**
   * Resolves when everything here is confirmed, and everything there is here; what is set aside until the last page of the
   * log is there has been decided again. @param position - at least so far
   */
  async agreed(position = 0, setAsideMax = 0): Promise<SyncStatus> {
    const status = this.#sync?.status;
    if (status === undefined) throw new Error('it follows no log');
    return await new Promise((resolve, reject) => {
      const isThere = ({ state, pending, setAside, position: at, head }: SyncStatus): boolean =>
        state === 'live' && pending === 0 && (setAside ?? Infinity) <= setAsideMax && at >= Math.max(position, head);
      const late = setTimeout(() => {
        reject(new Error(`not agreed within ${AGREED_MS_MAX} ms: ${JSON.stringify(status.value)}`));
      }, AGREED_MS_MAX);
      const stop = status.subscribe((now) => {
        if (!isThere(now)) return;
        clearTimeout(late);
        resolve(now);
        // The first call comes before there is anything to stop.
        queueMicrotask(() => stop());
      });
    });
  }

  async versionOf(id: string): Promise<number> {
    return (await this.#app.repository.load(item, id)).version;
  }

  async close(): Promise<void> {
    await this.#sync?.close();
    await this.#daybook.close();
  }
}

async function execute({ storeName, warmUp, commands, keepsCommands }: ExecuteJob): Promise<ApplicationResult> {
  const device = await Device.open(storeName, keepsCommands);
  const tookMs: number[] = [];
  for (let index = 0; index < warmUp + commands; index++) {
    const id = crypto.randomUUID();
    const startMs = performance.now();
    await device.execute(id, 'Count', index);
    if (index >= warmUp) tookMs.push(performance.now() - startMs);
  }
  await device.close();
  return { tookMs, pushes: 0, decidedAgain: 0 };
}

/** @throws Error when something was not decided again, or does not stand on what the other device has recorded */
async function decideAgain({ storeName, server, units }: DecideAgainJob): Promise<ApplicationResult> {
  const [late, early] = [await Device.open(`${storeName}-late`), await Device.open(`${storeName}-early`)];
  const ids = Array.from({ length: units }, () => crypto.randomUUID());
  for (const id of ids) {
    await late.execute(id, 'Count', 1);
    await early.execute(id, 'Count', 2);
  }
  early.follow(server);
  const { head } = await early.agreed();
  const startMs = performance.now();
  late.follow(server);
  await late.agreed(head + units);
  const tookMs = performance.now() - startMs;
  if (late.decidedAgain < units) throw new Error(`${late.decidedAgain} of ${units} units were decided again`);
  for (const id of ids) if ((await late.versionOf(id)) !== 2) throw new Error(`${id} has another version than 2`);
  const { pushes, decidedAgain } = late;
  for (const device of [late, early]) await device.close();
  return { tookMs: [tookMs], pushes, decidedAgain };
}

/** @throws Error when the stores do not have all of it in the end */
async function writeHot(job: HotAggregateJob): Promise<ApplicationResult> {
  const { storeName, server, writers, commands, isCommutative } = job;
  const id = crypto.randomUUID();
  const devices: Device[] = [];
  for (let index = 0; index < writers; index++) devices.push(await Device.open(`${storeName}-${index}`));
  // The aggregate is there, and everybody has it.
  await devices[0]?.execute(id, 'Count', 0);
  for (const [index, device] of devices.entries()) device.follow(byOwnName(server, index));
  const { head = 0 } = (await devices[0]?.agreed()) ?? {};
  await Promise.all(devices.map((device) => device.agreed(head)));
  const before = totals(devices);
  const startMs = performance.now();
  await Promise.all(
    devices.map(async (device, index) => {
      for (let count = 0; count < commands; count++) {
        await device.execute(id, isCommutative ? 'Receive' : 'Count', index * commands + count);
      }
    }),
  );
  const setAside = await agreedAll(devices, head + writers * commands);
  const tookMs = performance.now() - startMs;
  const after = totals(devices);
  for (const device of devices) {
    const version = await device.versionOf(id);
    if (version !== 1 + writers * commands - setAside) throw new Error(`an aggregate of ${version} events`);
    await device.close();
  }
  const decidedAgain = after.decidedAgain - before.decidedAgain;
  if (isCommutative && decidedAgain + setAside > 0) throw new Error('what commutes has given way');
  return { tookMs: [tookMs], pushes: after.pushes - before.pushes, decidedAgain };
}

/**
 * Waits until all have all that is in the log, whose end is this less what was decided so often that it was set aside.
 *
 * @returns how much that is
 */
async function agreedAll(devices: readonly Device[], end: number): Promise<number> {
  for (let setAside = 0; ;) {
    const standing = await Promise.all(devices.map((device) => device.agreed(0, Infinity)));
    setAside = standing.reduce((sum, status) => sum + (status.setAside ?? 0), 0);
    if (standing.every(({ position }) => position >= end - setAside)) return setAside;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * The same server under a name of its own: a browser has six connections to each, and each stream of news keeps one, as it
 * would in a browser of its own.
 */
function byOwnName({ url, token }: LogServer, index: number): LogServer {
  const named = new URL(url);
  named.hostname = `writer-${index}.localhost`;
  return { url: named.origin, token };
}

function totals(devices: readonly Device[]): Omit<ApplicationResult, 'tookMs'> {
  return {
    pushes: devices.reduce((sum, device) => sum + device.pushes, 0),
    decidedAgain: devices.reduce((sum, device) => sum + device.decidedAgain, 0),
  };
}

async function watchRows(job: LiveRowsJob): Promise<LiveTimes> {
  const daybook = await openDaybook({ name: job.storeName, workerUrl: '/daybook/worker.js' });
  const { recorder } = daybook;
  const live = new LiveQueries({ recorder });
  try {
    const counted = defineState({ name: 'counted', schema: countedSchema });
    const states = new SqlStateStore({ recorder, states: [counted] });
    return await compareLiveRows({ states, live, counted }, job);
  } finally {
    await live.close();
    await daybook.close();
  }
}

class DaybookApplication implements Contender {
  async apply(job: ApplicationJob): Promise<ApplicationResult> {
    if (job.kind === 'execute') return await execute(job);
    return await (job.kind === 'decideAgain' ? decideAgain(job) : writeHot(job));
  }

  async watch(job: LiveRowsJob): Promise<LiveTimes> {
    return await watchRows(job);
  }

  async clear(): Promise<void> {
    // The marks of stores that the runner deletes by itself.
    localStorage.clear();
  }

  // Its jobs open the stores that they need.
  async open(): Promise<void> {
    throw new Error('not by itself');
  }

  async commit(): Promise<void> {
    throw new Error('not by itself');
  }

  async count(): Promise<number> {
    throw new Error('not by itself');
  }

  async close(): Promise<void> {
    // Its jobs have done so.
  }
}

hostJobs(new DaybookApplication());
