/**
 * A tenant of a server's home, with devices and requests: for cases that are run in each home.
 *
 * @module
 */
import { expect, vi } from 'vitest';
import { unpackPage } from '../../../src/persistence/unit-batch.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import type { ConfirmedUnit, Cursor, PendingUnit, UnitPage } from '../../../src/persistence/unit.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { FaultProxy } from '../http-faults.js';
import { Device } from '../postgres-scene.js';
import { deviceRequest, pushRequest, readAnswer } from '../unit-wire.js';
import type { UnitAnswer } from '../unit-wire.js';
import type { HomeTenant, ServerHome } from './server-homes.js';

// On a machine that is busy, with a server that was killed a moment ago.
const PATIENCE = { timeout: 60_000, interval: 50 };
const PAGE = { events: 500, bytes: 1_000_000 };

/** How far a hub has brought its log into PostgreSQL. */
export interface Forwarded {
  readonly position: number;
  readonly head: number;
  readonly stopped?: { readonly reason: string };
}

/** A tenant, and who uses its log. */
export class HomeScene implements AsyncDisposable {
  readonly home: ServerHome;
  tenant: HomeTenant;
  readonly devices: Device[] = [];
  readonly #proxies: FaultProxy[] = [];

  private constructor(home: ServerHome, tenant: HomeTenant) {
    this.home = home;
    this.tenant = tenant;
  }

  static async open(home: ServerHome): Promise<HomeScene> {
    return new HomeScene(home, await home.tenant());
  }

  /** A proxy before the server. */
  async proxy(): Promise<FaultProxy> {
    const proxy = new FaultProxy(this.home.url);
    await proxy.start();
    this.#proxies.push(proxy);
    return proxy;
  }

  /** A device of somebody. */
  async device(token: string, { url = this.home.url, isLive = false, store = new Device() } = {}): Promise<Device> {
    const device = await store.start(url, isLive, {
      ...{ token, tenant: this.tenant.name, patienceMs: PATIENCE.timeout },
    });
    this.devices.push(device);
    return device;
  }

  async ask(
    path: string,
    body: object | string,
    token: string,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const request = deviceRequest(`/v2/t/${this.tenant.name}${path}`, body, {
      authorization: `Bearer ${token}`,
      ...headers,
    });
    return await this.#send(request);
  }

  async push(units: readonly PendingUnit[], token = 'ann', headers: Record<string, string> = {}): Promise<UnitAnswer> {
    const all = { authorization: `Bearer ${token}`, ...headers };
    return await readAnswer(await this.#send(pushRequest(units, all, `/v2/t/${this.tenant.name}`)));
  }

  async page(after: Cursor = CURSOR_START, token = 'reader'): Promise<UnitPage> {
    const answer = await this.ask('/units', { after, ...PAGE }, token);
    expect(answer.status).toBe(200);
    return unpackPage(new Uint8Array(await answer.arrayBuffer()));
  }

  /** All of the log, as whoever may see all of it is told. */
  async log(): Promise<{ readonly units: readonly ConfirmedUnit[]; readonly cursor: Cursor }> {
    const units: ConfirmedUnit[] = [];
    for (let after: Cursor = CURSOR_START; ;) {
      const page = await this.page(after);
      units.push(...page.units);
      if (page.to === after) return { units, cursor: after };
      after = page.to;
    }
  }

  /** Units that a device has set aside, with the reason. */
  async aside({ tab }: Device): Promise<readonly (readonly [id: string, code: string])[]> {
    const units = await tab.recorder.selectSetAside(0, { eventsMax: 1_000, bytesMax: 1e9 });
    return units.map(({ id, reason }) => [id, reason.code] as const);
  }

  /** Every device has what the log has, each event once; and so has PostgreSQL, at once or a moment later, in the same order. */
  async expectAgreement(): Promise<void> {
    for (const device of this.devices) await device.settled();
    const { units, cursor } = await this.log();
    const events = units.flatMap((unit) => unit.events);
    expect(new Set(units.map(({ id }) => id)).size).toBe(units.length);
    expect(new Set(events.map(placeOf)).size).toBe(events.length);
    for (const device of this.devices) expect(inOrder(await device.events())).toEqual(inOrder(events));
    if (!this.home.hasBooks) return;
    const books = this.tenant.tables;
    const newest = { eventsMax: 1, bytesMax: 1 };
    // Its hash is of everything before it.
    await vi.waitUntil(async () => (await books.open().news(newest)).end === cursor, PATIENCE);
    const rows = await books.recorder.selectNotifications({ start: 1, limit: 100_000 });
    expect(rows.map(placeOf)).toEqual(events.map(placeOf));
  }

  /** What a hub says of its log in PostgreSQL. */
  async forwarded(): Promise<Forwarded> {
    return (await (await fetch(`${this.home.url}/v2/t/${this.tenant.name}/forwarded`)).json()) as Forwarded;
  }

  /**
   * Of a hub that was set back and does not have the order of before: what it has in PostgreSQL is said not to be its log, and its
   * operator names new tables.
   *
   * @returns whether that was so
   */
  async refillBooks(): Promise<boolean> {
    if (!this.home.isHub || !this.home.hasBooks) return false;
    const standing = { stopped: false };
    await this.until(async () => {
      const { position, head, stopped } = await this.forwarded();
      standing.stopped = stopped?.reason === 'differs';
      return standing.stopped || (stopped === undefined && position === head);
    });
    if (!standing.stopped) return false;
    const tables = await this.home.tables();
    await fetch(`${this.home.url}/v2/t/${this.tenant.name}/tables?name=${tables.name.replace(/_log$/, '')}`);
    this.tenant = { ...this.tenant, tables };
    return true;
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await vi.waitUntil(condition, PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.devices.map((device) => device.close()));
    for (const proxy of this.#proxies) await proxy.close();
  }

  async #send(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = await request.arrayBuffer();
    return await fetch(this.home.url + pathname, { method: 'POST', headers: request.headers, body });
  }
}

function placeOf({ originatorId, originatorVersion }: StoredEvent): string {
  return `${originatorId} ${originatorVersion}`;
}

function inOrder(events: readonly StoredEvent[]): readonly StoredEvent[] {
  return [...events].sort((one, other) => (placeOf(one) < placeOf(other) ? -1 : 1));
}
