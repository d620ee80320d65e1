/**
 * What devices do to a server, to be timed: run in a process of their own by benchmarks, and in a test as they are.
 *
 * @module
 */
import type { PendingUnit } from '../../src/persistence/unit.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { pause } from '../../src/util/pause.js';
import { systemClock } from '../../src/util/clock.js';
import { Random } from '../runner/random.js';
import { EventSource } from '../runner/workload.js';
import { LightDevice } from './light-device.js';
import type { LoadCounts } from './light-device.js';

// Units of followers that are not timed.
const WARM_UP = 2;
// What is not timed is done by so many at a time.
const AT_ONCE = 50;

/** A server under load. */
export interface LoadTarget {
  readonly url: string;
  readonly seed: number;
}

/** One device that was offline for long. */
export interface BacklogJob extends LoadTarget {
  readonly kind: 'backlog';
  readonly events: number;
  readonly eventsPerUnit: number;
}

/** Many devices that follow the log while one writes. */
export interface FollowJob extends LoadTarget {
  readonly kind: 'follow';
  readonly devices: number;
  /**
   * Units of which is timed when all have heard of them, and as many when all have the page: pushed one after the other, each
   * when all have the one before.
   */
  readonly units: number;
}

/** Many devices that come back at once, each with something to send. */
export interface ReconnectJob extends LoadTarget {
  readonly kind: 'reconnect';
  readonly devices: number;
}

export type LoadJob = BacklogJob | FollowJob | ReconnectJob;

/** Milliseconds, and what it took. */
export interface LoadOutcome extends LoadCounts {
  /** Of a backlog and a reconnection: one, from the first request to the end. */
  readonly tookMs: readonly number[];
  /** Of followers: from the moment when a unit is sent until a device has heard of it. */
  readonly headMs: readonly number[];
  /** … until it has the page with it, of other units. */
  readonly pageMs: readonly number[];
}

/** Runs a job. @throws Error when something was refused for good */
export async function runLoad(job: LoadJob): Promise<LoadOutcome> {
  const counts: LoadCounts = { repeated: 0, streamsOpened: 0 };
  const outcome = await (job.kind === 'backlog'
    ? pushBacklog(job, counts)
    : job.kind === 'follow'
      ? follow(job, counts)
      : reconnect(job, counts));
  return { tookMs: [], headMs: [], pageMs: [], ...counts, ...outcome };
}

type Times = Partial<Pick<LoadOutcome, 'tookMs' | 'headMs' | 'pageMs'>>;

async function pushBacklog({ url, seed, events, eventsPerUnit }: BacklogJob, counts: LoadCounts): Promise<Times> {
  const units = unitsOf(seed, events / eventsPerUnit, eventsPerUnit);
  const device = new LightDevice(url, 'backlog', counts);
  // What the server takes is known once it has answered.
  await device.pull(0);
  const startMs = performance.now();
  await device.push(units);
  const tookMs = [performance.now() - startMs];
  device.close();
  return { tookMs };
}

async function follow({ url, seed, devices: count, units: pushes }: FollowJob, counts: LoadCounts): Promise<Times> {
  const writer = new LightDevice(url, 'writer', counts);
  const units = unitsOf(seed, WARM_UP + 2 * pushes, 1);
  const end = await endOf(writer);
  const devices = await connected(url, count, counts, writer);
  const headMs: number[] = [];
  const pageMs: number[] = [];
  for (const [index, unit] of units.entries()) {
    const head = end + index + 1;
    // By turns: whoever has to fetch a page at once hears later in a process of a thousand, which no device is.
    const isPulling = index % 2 === 0;
    const startMs = performance.now();
    const all = devices.map(async (device) => {
      if (isPulling) await device.follow(head);
      else await device.heard(head);
      if (index >= WARM_UP) (isPulling ? pageMs : headMs).push(performance.now() - startMs);
    });
    const [pushed] = await Promise.all([writer.push([unit]), ...all]);
    if (pushed !== head) throw new Error('Somebody else has written to the log.');
    if (!isPulling) await Promise.all(devices.map((device) => device.follow(head)));
  }
  for (const device of [writer, ...devices]) device.close();
  return { headMs, pageMs };
}

async function reconnect({ url, seed, devices: count }: ReconnectJob, counts: LoadCounts): Promise<Times> {
  const probe = new LightDevice(url, 'probe', counts);
  const before = await endOf(probe);
  const devices = await known(url, count, counts, probe);
  // The network of all of them is back at one moment.
  const units = unitsOf(seed, count, 1);
  const startMs = performance.now();
  const heads = await Promise.all(
    devices.map(async (device, index) => {
      device.listen();
      const head = await device.push([units[index] as PendingUnit]);
      await device.pull(head);
      return head;
    }),
  );
  const end = Math.max(...heads);
  if (end !== before + count) throw new Error(`The log ends at ${end}, not at ${before + count}.`);
  // Drained: each hears that there is more, and has it.
  await Promise.all(devices.map((device) => device.follow(end)));
  const tookMs = [performance.now() - startMs];
  for (const device of [probe, ...devices]) device.close();
  return { tookMs };
}

async function endOf(device: LightDevice): Promise<number> {
  let position: number;
  do {
    position = device.position;
    await device.pull(0);
  } while (device.position > position);
  return position;
}

/** Devices that have everything, and that the server has seen before. */
async function known(
  url: string,
  count: number,
  counts: LoadCounts,
  other: LightDevice,
): Promise<readonly LightDevice[]> {
  const devices = Array.from({ length: count }, (_, index) => new LightDevice(url, `device-${index}`, counts, other));
  for (let at = 0; at < count; at += AT_ONCE) {
    await Promise.all(devices.slice(at, at + AT_ONCE).map((device) => device.pull(0)));
  }
  return devices;
}

/** The same, with a stream each. */
async function connected(...job: Parameters<typeof known>): Promise<readonly LightDevice[]> {
  const devices = await known(...job);
  for (let at = 0; at < devices.length; at += AT_ONCE) {
    const some = devices.slice(at, at + AT_ONCE);
    for (const device of some) device.listen();
    while (some.some(({ isLive }) => !isLive)) await pause(systemClock, 5);
  }
  return devices;
}

/** Units of events of new aggregates. */
function unitsOf(seed: number, count: number, eventsPerUnit: number): readonly PendingUnit[] {
  const random = new Random(seed);
  const source = new EventSource(random);
  let id = 0;
  return Array.from({ length: count }, () => {
    const originatorId = random.uuid();
    const events = source
      .take(eventsPerUnit)
      .map((event, index): StoredEvent => ({ ...event, originatorId, originatorVersion: index + 1 }));
    const firstNotificationId = id + 1;
    id += events.length;
    return { id: random.uuid(), events, isCommutative: false, scopes: [], firstNotificationId, after: [undefined] };
  });
}
