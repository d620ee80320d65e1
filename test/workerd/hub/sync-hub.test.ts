/** A hub, as devices and pages see it: requests, lines, and an object that sleeps while somebody listens. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { packLostUnits, packPendingUnits, unpackPage } from '../../../src/persistence/unit-batch.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { PendingUnit, UnitPage } from '../../../src/persistence/unit.js';
import { openSyncHub } from '../../../src/hub/sync-hub.js';
import { tenantOf } from '../../../src/hub/tenant-of.js';
import {
  headerProtocol,
  LIMITS_DEFAULT,
  LIMITS_LEAST,
  LIVE_PAGES,
  parseLimits,
  PROTOCOL_2_VERSION,
  PROTOCOL_HEADER,
  REPLICA_HEADER,
  SOCKET_KEEP,
  SOCKET_PROTOCOL,
  SOCKETS_STATED,
} from '../../../src/sync/protocol/index.js';
import { fromBase64 } from '../../../src/util/base64.js';
import { deviceRequest, pendingUnit, pendingUnits, pushRequest, REPLICA } from '../../support/unit-wire.js';
import { newName } from '../support/object-context.js';
import type { HubObject } from '../support/hub-object.js';

const BASE = 'https://hub.example';
const WAIT = { interval: 1, timeout: 10_000 };

type Hub = DurableObjectStub<HubObject>;

const newHub = (): Hub => env.HUB.getByName(newName());

/** Read to its end: an object is in use until then. */
async function push(
  hub: Hub,
  units: readonly PendingUnit[],
  token = 'ann',
): Promise<{ readonly status: number; readonly limits: string | null; readonly body: unknown }> {
  const answer = await hub.fetch(as(token, pushRequest(units)));
  return { status: answer.status, limits: answer.headers.get('daybook-limits'), body: await answer.json() };
}

function as(token: string, request: Request): Request {
  const { pathname, search } = new URL(request.url);
  const asked = new Request(BASE + pathname + search, request);
  asked.headers.set('authorization', `Bearer ${token}`);
  return asked;
}

/** A WebSocket as a page opens it. */
async function openSocket(
  hub: Hub,
  {
    token = 'ann',
    origin,
    address,
    protocols,
  }: { token?: string; origin?: string; address?: string; protocols?: readonly string[] } = {},
): Promise<Response> {
  const offered = Object.entries({
    authorization: `Bearer ${token}`,
    [PROTOCOL_HEADER]: PROTOCOL_2_VERSION,
    [REPLICA_HEADER]: REPLICA,
  }).map(([name, value]) => headerProtocol(name, value));
  const headers = new Headers({
    upgrade: 'websocket',
    'sec-websocket-protocol': (protocols ?? [SOCKET_PROTOCOL, ...offered]).join(', '),
  });
  if (origin !== undefined) headers.set('origin', origin);
  if (address !== undefined) headers.set('x-address', address);
  return await hub.fetch(new Request(`${BASE}/v2/live?${LIVE_PAGES}`, { headers }));
}

/** One who listens. */
class Line {
  readonly said: (number | UnitPage)[] = [];
  comments = 0;
  closed: number | undefined;
  readonly #socket: WebSocket;

  constructor(response: Response) {
    expect(response.status).toBe(101);
    expect(response.headers.get('sec-websocket-protocol')).toBe(SOCKET_PROTOCOL);
    this.#socket = response.webSocket!;
    this.#socket.addEventListener('message', ({ data }) => this.#take(String(data)));
    this.#socket.addEventListener('close', ({ code }) => {
      this.closed = code;
    });
    this.#socket.accept();
  }

  keep(): void {
    this.#socket.send(SOCKET_KEEP);
  }

  close(): void {
    this.#socket.close();
  }

  async until(count: number): Promise<number | UnitPage | undefined> {
    await vi.waitUntil(() => this.said.length >= count, WAIT);
    return this.said.at(-1);
  }

  #take(text: string): void {
    const [, event, data = ''] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(text) ?? [];
    if (event === undefined) this.comments++;
    else this.said.push(event === 'head' ? Number(data) : unpackPage(fromBase64(data)));
  }
}

async function page(hub: Hub, token = 'ann'): Promise<UnitPage> {
  const body = { after: CURSOR_START, events: 500, bytes: 1_000_000 };
  const answer = await hub.fetch(as(token, deviceRequest('/v2/units', body)));
  expect(answer.status).toBe(200);
  return unpackPage(new Uint8Array(await answer.arrayBuffer()));
}

describe('a hub', () => {
  test('takes units once, and gives them in pages, also after the object was evicted', async () => {
    const hub = newHub();
    const units = pendingUnits(3);
    const first = await push(hub, units);
    expect(first.status).toBe(200);
    expect(first.limits?.split(', ')).toContain(SOCKETS_STATED);
    await evictDurableObject(hub);
    expect((await push(hub, units)).body).toMatchObject({ head: 3 });
    const { units: found, head } = await page(hub);
    expect([found.map(({ id }) => id), head]).toEqual([units.map(({ id }) => id), 3]);
  });

  test('compresses what is large, once', async () => {
    const hub = newHub();
    const units = pendingUnits(20, 1_000);
    await push(hub, units);
    const body = { after: CURSOR_START, events: 500, bytes: 1_000_000 };
    const asked = as('ann', deviceRequest('/v2/units', body, { 'accept-encoding': 'gzip' }));
    const answer = await hub.fetch(asked);
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    // Unpacked by the platform, as everywhere.
    const found = unpackPage(new Uint8Array(await answer.arrayBuffer()));
    expect(found.units.map(({ id }) => id)).toEqual(units.map(({ id }) => id));
  });

  test('takes a unit as large as it states, sets it aside as a whole, and refuses a larger one', async () => {
    const { events, unitBytes } = parseLimits((await push(newHub(), pendingUnits(1))).limits);
    expect([events, unitBytes]).toEqual([LIMITS_DEFAULT.events, LIMITS_LEAST.unitBytes]);
    const largest = (stateBytes: number): PendingUnit => {
      const parts = [0, 1, 2].map(() => pendingUnit({ stateBytes: Math.floor(stateBytes / 3) }).events[0]!);
      return { ...pendingUnit(), events: parts, after: [undefined, undefined, undefined] };
    };
    const beside = packPendingUnits([largest(0)]).length + 9;
    const [hub, other] = [newHub(), newHub()];
    // With room for what a server says of a unit, for it is offered with that.
    const unit = largest(unitBytes - beside - 300);
    expect((await push(hub, [unit])).body).toMatchObject({ decisions: [[unit.id, 'accepted', 3]] });
    const [shown] = (await page(hub)).units;
    expect(shown?.events).toEqual(unit.events);
    // In another log something else is in the place of its third event.
    const third = { ...pendingUnit(), events: [unit.events[2]!] };
    expect((await push(other, [third])).status).toBe(200);
    const offer = packLostUnits([{ ...shown!, after: unit.after }]);
    expect(offer.length).toBeGreaterThan(unitBytes - 300);
    const healed = await other.fetch(as('ann', deviceRequest('/v2/heal', offer)));
    expect([healed.status, await healed.json()]).toMatchObject([200, { decisions: [[unit.id, 'setAside']] }]);
    expect(await other.aside()).toEqual([{ id: unit.id, code: 'CONFLICT', events: 3 }]);
    const beyond = await push(newHub(), [largest(unitBytes - beside + 12)]);
    expect([beyond.status, beyond.body]).toMatchObject([413, { error: { code: 'TOO_LARGE' } }]);
  });

  test('refuses who has no good token, by requests and by WebSockets', async () => {
    const hub = newHub();
    expect((await push(hub, pendingUnits(1), 'mallory')).status).toBe(401);
    expect((await openSocket(hub, { token: 'mallory' })).status).toBe(401);
    expect((await openSocket(hub, { protocols: ['something'] })).status).toBe(400);
    expect((await openSocket(hub, { protocols: [SOCKET_PROTOCOL, '###', 'YQ'] })).status).not.toBe(101);
    expect((await openSocket(hub, { origin: 'https://evil.example' })).status).toBe(403);
  });
});

describe('one who listens by a WebSocket', () => {
  test('is told of what is recorded by the page itself, and answered without the object', async () => {
    const hub = newHub();
    const line = new Line(await openSocket(hub, { origin: BASE }));
    expect(await line.until(1)).toBe(0);
    const units = pendingUnits(1);
    await push(hub, units, 'bert');
    expect(await line.until(2)).toMatchObject({ head: 1, units: [{ id: units[0]!.id }] });
    const before = line.comments;
    line.keep();
    await vi.waitUntil(() => line.comments === before + 1, WAIT);
  });

  test('hears of what comes after the object has slept, from where it was told', async () => {
    const hub = newHub();
    const line = new Line(await openSocket(hub));
    await push(hub, pendingUnits(1));
    await line.until(2);
    await evictDurableObject(hub);
    const units = pendingUnits(1);
    await push(hub, units, 'bert');
    expect(await line.until(3)).toMatchObject({ from: (line.said[1] as UnitPage).to, units: [{ id: units[0]!.id }] });
    expect(line.closed).toBeUndefined();
  });

  test('is told nothing more when its token is not good any more', async () => {
    const hub = newHub();
    const line = new Line(await openSocket(hub, { token: 'eve' }));
    await line.until(1);
    await hub.revoke('eve');
    await push(hub, pendingUnits(1));
    await vi.waitUntil(() => line.closed !== undefined, WAIT);
    expect(line.said).toHaveLength(1);
    expect((await openSocket(hub, { token: 'eve' })).status).toBe(401);
  });

  test('is one of so many of a subject', async () => {
    const hub = newHub();
    const lines = await Promise.all(Array.from({ length: 100 }, async () => new Line(await openSocket(hub))));
    const [beyond, others] = [await openSocket(hub), await openSocket(hub, { token: 'bert' })];
    expect([beyond.status, beyond.headers.get('retry-after')]).toEqual([429, '30']);
    expect(others.status).toBe(101);
    lines[0]!.close();
    await vi.waitUntil(async () => (await openSocket(hub)).status === 101, WAIT);
  });

  test('is looked at no more, from an address that has sent too many bad tokens', async () => {
    const hub = newHub();
    let status = 401;
    for (let tries = 0; status === 401 && tries < 1_000; tries++) {
      ({ status } = await openSocket(hub, { token: 'mallory', address: '192.0.2.1' }));
    }
    expect(status).toBe(429);
    expect((await openSocket(hub, { address: '192.0.2.2' })).status).toBe(101);
  });

  test('leaves no timer, and no alarm, in the object: it may sleep', async () => {
    const pending = new Set<unknown>();
    const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout];
    const timers = vi.spyOn(globalThis, 'setTimeout').mockImplementation((work: () => void, delayMs?: number) => {
      const timer = set(() => {
        pending.delete(timer);
        work();
      }, delayMs);
      pending.add(timer);
      return timer;
    });
    vi.spyOn(globalThis, 'clearTimeout').mockImplementation(((timer: number) => {
      pending.delete(timer);
      clear(timer);
    }) as typeof clearTimeout);
    const hub = newHub();
    const line = new Line(await openSocket(hub));
    await push(hub, pendingUnits(1));
    await line.until(2);
    // Whoever asks whether a token is good is given so much time: that timer was there, and is not any more.
    expect(timers).toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(pending.size).toBe(0);
    expect(await runInDurableObject(hub, (_object, { storage }) => storage.getAlarm())).toBeNull();
  });
});

test('what the operator says is checked before the object waits for anything', async () => {
  const refused = { code: 'PROGRAMMING_ERROR' };
  await runInDurableObject(env.EMPTY.getByName(newName()), async (_object, context) => {
    for (const options of [{}, { tokens: [] }, { tokens: ['ann'], corsOrigins: ['nowhere'] }]) {
      await expect(openSyncHub(context, options)).rejects.toMatchObject(refused);
    }
    expect(context.storage.sql.databaseSize).toBeLessThan(10_000);
  });
});

test('a Worker finds the object of a tenant by the address', () => {
  expect(tenantOf(new Request(`${BASE}/v2/t/acme%20ltd/push`))).toBe('acme ltd');
  expect(tenantOf(new Request(`${BASE}/v2/push`))).toBeUndefined();
  expect(tenantOf(new Request(`${BASE}/v2/t/%ff/push`))).toBeUndefined();
});
