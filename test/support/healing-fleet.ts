/**
 * Many devices of many people over one server and its PostgreSQL, which is set back by an hour of their work.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { ConfirmedUnit, UnitId } from '../../src/persistence/unit.js';
import { listen } from '../../src/server/hosts/http-listener.js';
import type { PostgresUnitLog } from '../../src/server/log/postgres/postgres-unit-log.js';
import type { RefusedUnit } from '../../src/server/log/unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { openPostgres } from './postgres-fixture.js';
import { Device } from './postgres-scene.js';
import { makePostgresLog } from './unit-log-fixture.js';
import type { PostgresLogFixture } from './unit-log-fixture.js';

/** How much there is. */
export interface FleetSize {
  readonly devices: number;
  /** Of the hour that is lost, by all of them. */
  readonly units: number;
}

// Shelves that everybody counts, one after the other, and those that everybody puts something on, at any time.
const SHARED = 20;
const ROUNDS = 4;
// Every fifth device has gone home early: it holds a part only.
const EARLY = 5;
const PATIENCE_MS = 240_000;
const AT_ONCE = 500;

/** The server, its PostgreSQL, and the devices. */
export class HealingFleet implements AsyncDisposable {
  readonly devices: Device[] = [];
  fixture!: PostgresLogFixture;
  unitLog!: PostgresUnitLog;
  url = '';
  readonly counted = Array.from({ length: SHARED }, () => crypto.randomUUID());
  readonly received = crypto.randomUUID();
  readonly #size: FleetSize;
  readonly #closers: (() => Promise<unknown>)[] = [];

  constructor(size: FleetSize) {
    this.#size = size;
  }

  /** Everybody is there, and has what was recorded before that hour. */
  async open(): Promise<this> {
    const postgres = await openPostgres();
    this.#closers.push(() => postgres.close());
    this.fixture = await makePostgresLog(postgres.pool);
    this.unitLog = this.fixture.open({ seals: { keys: [new Uint8Array(randomBytes(32))] } });
    const verifyToken = (token: string): { readonly subject: string } => ({ subject: token });
    const { fetch } = createSyncServer({ unitLog: this.unitLog, verifyToken });
    const listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
    this.#closers.push(() => listener.close(0));
    this.url = listener.url;
    for (let index = 0; index < this.#size.devices; index++) this.devices.push(await this.device(`person-${index}`));
    const [first] = this.devices as [Device];
    for (const shelf of [...this.counted, this.received]) await first.count(shelf);
    await first.settled();
    await this.settled();
    return this;
  }

  async device(token: string): Promise<Device> {
    const device = await new Device().start(this.url, false, { token, patienceMs: PATIENCE_MS });
    this.#closers.push(() => device.close());
    return device;
  }

  /** The hour: each works on what is its own, and by turns on what is everybody's. */
  async work(): Promise<void> {
    const { devices, units } = this.#size;
    const own = Math.max(1, Math.ceil((units - SHARED * ROUNDS) / devices / ROUNDS) - 1);
    for (let round = 0; round < ROUNDS; round++) {
      const there = round === ROUNDS - 1 ? this.devices.filter((_, index) => index % EARLY !== 0) : this.devices;
      await Promise.all(there.map((device) => this.#workAlone(device, own)));
      for (const [index, shelf] of this.counted.entries()) {
        const device = there[(index * 7 + round * 3) % there.length] as Device;
        await device.count(shelf);
        await device.settled();
      }
    }
    await this.settled((_, index) => index % EARLY !== 0);
  }

  async #workAlone(device: Device, units: number): Promise<void> {
    const shelf = crypto.randomUUID();
    for (let unit = 0; unit < units; unit++) await device.count(shelf);
    await device.receive(this.received);
    await device.settled();
  }

  async settled(which: (device: Device, index: number) => boolean = () => true): Promise<void> {
    await Promise.all(this.devices.filter(which).map((device) => device.settled()));
  }

  /** All that the server has, as whoever reads its pages sees it. */
  async log(): Promise<readonly ConfirmedUnit[]> {
    const units: ConfirmedUnit[] = [];
    for (let after = CURSOR_START; ;) {
      const page = await this.unitLog.page(after, { eventsMax: AT_ONCE, bytesMax: 1e9 });
      if (page === undefined) throw new Error('The log was set back while it was read.');
      units.push(...page.units);
      if (page.to === after) return units;
      after = page.to;
    }
  }

  /** What the server has set aside. */
  async aside(): Promise<readonly RefusedUnit[]> {
    const all: RefusedUnit[] = [];
    for (let after: UnitId | undefined; ;) {
      const some = await this.unitLog.refused({ limit: AT_ONCE, ...(after === undefined ? {} : { after }) });
      const last = some.at(-1);
      if (last === undefined) return all;
      all.push(...some);
      after = last.id;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The devices at once: each waits for a request on its way.
    const devices = this.#closers.splice(2);
    await Promise.all(devices.map((close) => close()));
    for (const close of this.#closers.reverse()) await close();
  }
}

/** The events by aggregate, each as a text that nothing else has. */
export function byAggregate(events: readonly StoredEvent[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { originatorId, originatorVersion, state } of events) {
    const texts = found.get(originatorId) ?? [];
    texts.push(`${originatorVersion} ${new TextDecoder().decode(state)}`);
    found.set(originatorId, texts);
  }
  return found;
}
