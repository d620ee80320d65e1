/**
 * Many devices and one aggregate: what commutes is kept by all of them, in rounds that do not grow with their number. The
 * client's and the server's own code, over a log in memory.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { ExchangeWork } from '../../../src/sync/exchange/exchange-work.js';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import { UnavailableError } from '../../../src/sync/protocol/index.js';
import { systemClock } from '../../../src/util/clock.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const HOT = '00000000-0000-4000-8000-00000000000a';
const DEVICES = 5;
const ALL = { eventsMax: 100_000, bytesMax: 1e9 };
const SECRET = new Uint8Array(32).fill(7);

type Kind = 'Received' | 'Counted';

/** What a strict unit was decided on: the aggregate's events, by what they say. */
const past = (events: readonly StoredEvent[]): string => events.map(({ state }) => [...state].join()).join(' ');

class Server {
  readonly log = new MemoryUnitLog({ seals: { keys: [SECRET] } });
  /** How the next answers get lost. */
  lost = 0;
  readonly #server = createSyncServer({ unitLog: this.log, allowAnonymous: true });

  fetch = async (...[address, init]: Parameters<typeof globalThis.fetch>): Promise<Response> => {
    const response = await this.#server.fetch(new Request(address, init));
    if (this.lost === 0) return response;
    this.lost--;
    await response.arrayBuffer();
    throw new TypeError('the answer is lost');
  };

  async events(): Promise<readonly StoredEvent[]> {
    const page = await this.log.page('0', ALL);
    return page?.units.flatMap(({ events }) => events) ?? [];
  }
}

class Device {
  readonly commutative = new Set<UnitId>();
  readonly decidedOn = new Map<UnitId, string>();
  /** The requests that reached the server, by what they asked for. */
  requests: string[] = [];
  #tab!: OwnTablesTab;
  #work!: ExchangeWork;
  #made = 0;

  readonly #server: Server;
  readonly #index: number;

  constructor(server: Server, index: number) {
    this.#server = server;
    this.#index = index;
  }

  get recorder(): OwnTablesTab['recorder'] {
    return this.#tab.recorder;
  }

  async open(): Promise<this> {
    this.#tab = await openTab(new SharedJournal());
    const transport = new HttpTransport({
      ...{ url: 'http://server.test', replicaId: crypto.randomUUID() },
      clock: systemClock,
      fetch: async (address, init) => {
        this.requests.push((address as string).replace(/.*\//, ''));
        return await this.#server.fetch(address, init);
      },
    });
    this.#work = new ExchangeWork({ recorder: this.recorder, transport, direction: 'both', clock: systemClock });
    return this;
  }

  async events(): Promise<readonly StoredEvent[]> {
    return await this.recorder.selectEvents(HOT);
  }

  async record(kind: Kind, quantity: number): Promise<void> {
    const id = crypto.randomUUID();
    const before = await this.events();
    const originatorVersion = (before.at(-1)?.originatorVersion ?? 0) + 1;
    // Every event is one of its own, so that it can be told whether it is there twice.
    const state = Uint8Array.of(quantity, this.#index, ++this.#made);
    const isCommutative = kind === 'Received';
    await this.recorder.insertEvents([{ originatorId: HOT, originatorVersion, topic: kind, state }], {
      unit: { id, isCommutative },
    });
    if (isCommutative) this.commutative.add(id);
    else this.decidedOn.set(past([{ originatorId: HOT, originatorVersion, topic: kind, state }]), past(before));
    this.#work.noteCommit();
  }

  /** @returns whether there was something to do */
  async step(): Promise<boolean> {
    const progress = await this.recorder.syncProgress();
    const task = this.#work.next(progress);
    if (task === undefined) return false;
    try {
      await this.#work.do(task, progress, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
    }
    return true;
  }

  /** Until nothing is left to do. */
  async settle(): Promise<void> {
    this.#work.noteNews();
    while (await this.step());
  }

  asked(what: string): number {
    return this.requests.filter((asked) => asked === what).length;
  }

  async asideIds(): Promise<readonly UnitId[]> {
    return (await this.recorder.selectSetAside(0, ALL)).map(({ id }) => id);
  }

  async close(): Promise<void> {
    await this.recorder.close();
    this.#tab.database.close();
  }
}

async function withDevices(
  count: number,
  work: (server: Server, devices: readonly Device[]) => Promise<void>,
): Promise<void> {
  const server = new Server();
  const devices = await Promise.all(Array.from({ length: count }, (_, index) => new Device(server, index).open()));
  try {
    await work(server, devices);
  } finally {
    for (const device of devices) await device.close();
  }
}

const quantities = (events: readonly StoredEvent[]): number =>
  events.filter(({ topic }) => topic === 'Received').reduce((sum, { state }) => sum + (state[0] as number), 0);

/** All have the log, in its order, each event once; what commutes is in it; and what is strict stands on what it was decided on. */
async function expectAgreement(server: Server, devices: readonly Device[], received: number): Promise<void> {
  const log = await server.events();
  expect(log.map(({ originatorVersion }) => originatorVersion)).toEqual(log.map((_event, index) => index + 1));
  expect(new Set(log.map((event) => past([event]))).size).toBe(log.length);
  expect(quantities(log)).toBe(received);
  const decidedOn = new Map(devices.flatMap((device) => [...device.decidedOn]));
  log.forEach((event, index) => {
    const wasDecidedOn = decidedOn.get(past([event]));
    if (event.topic === 'Counted') expect(wasDecidedOn).toBe(past(log.slice(0, index)));
  });
  for (const device of devices) {
    expect(await device.events()).toEqual(log);
    expect(await device.recorder.syncProgress()).toMatchObject({ pendingUnits: 0, lostUnits: 0 });
    const aside = await device.asideIds();
    expect(aside.filter((id) => device.commutative.has(id))).toEqual([]);
  }
}

const device = fc.nat(DEVICES - 1);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('receive' as const), device, quantity: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('count' as const), device }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('steps' as const), device, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 2 }) }) },
); // prettier-ignore

test('in any order, with strict ones between: all agree, the sum is right, and nothing that commutes is set aside', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      await withDevices(DEVICES, async (server, devices) => {
        let received = 0;
        for (const taken of steps) {
          if (taken.do === 'lose') {
            server.lost = taken.count;
            continue;
          }
          const at = devices[taken.device] as Device;
          if (taken.do === 'receive') {
            await at.record('Received', taken.quantity);
            received += taken.quantity;
          } else if (taken.do === 'count') await at.record('Counted', 0);
          else for (let left = taken.count; left > 0; left--) await at.step();
        }
        server.lost = 0;
        for (const each of devices) each.requests = [];
        // Once to send, and once more to hear of those who came later.
        for (const each of [...devices, ...devices]) await each.settle();
        await expectAgreement(server, devices, received);
        for (const each of devices) {
          // A push ends at a conflict, and goes on when what was in the way is known.
          const conflicts = (await each.asideIds()).length;
          expect(each.asked('push')).toBeLessThanOrEqual(1 + conflicts);
          expect(each.asked('units')).toBeLessThanOrEqual(4 + 2 * conflicts);
          expect(each.asked('heal')).toBe(0);
        }
      });
    }),
    { numRuns: Number(process.env['UNIT_RUNS'] ?? 40) },
  );
}, 120_000);

test('ten writers of one aggregate send what they have in one request each, whoever was first', async () => {
  await withDevices(10, async (server, devices) => {
    await (devices[0] as Device).record('Counted', 0);
    for (const each of devices) await each.settle();
    for (let round = 1; round <= 3; round++) {
      for (const each of devices) for (let unit = 0; unit < 5; unit++) await each.record('Received', 1);
      for (const each of devices) each.requests = [];
      await Promise.all(devices.map((each) => each.settle()));
      await Promise.all(devices.map((each) => each.settle()));
      for (const each of devices) {
        expect(each.asked('push')).toBe(1);
        expect(each.asked('units')).toBeLessThanOrEqual(4);
      }
      await expectAgreement(server, devices, round * 50);
      for (const each of devices) {
        expect(await each.asideIds()).toEqual([]);
        // No event had two local ids: who follows by them has seen each once.
        expect(await each.recorder.maxNotificationId()).toBe(1 + round * 50);
      }
    }
  });
});
