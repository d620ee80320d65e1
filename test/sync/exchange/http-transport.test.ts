import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { Cursor, LostUnit, PendingUnit, UnitPage } from '../../../src/persistence/unit.js';
import { listen } from '../../../src/server/hosts/http-listener.js';
import type { HttpListener } from '../../../src/server/hosts/http-listener.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import type { SyncServerOptions } from '../../../src/server/sync-server-options.js';
import { TenantLogs } from '../../../src/server/tenants/tenant-logs.js';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import type { HttpTransportOptions } from '../../../src/sync/exchange/http-transport.js';
import { LIMITS_DEFAULT, LIMITS_LEAST } from '../../../src/sync/protocol/index.js';
import { systemClock } from '../../../src/util/clock.js';
import { FaultProxy } from '../../support/http-faults.js';
import type { Fault } from '../../support/http-faults.js';
import { pendingUnit, pendingUnits, readAnswer, REPLICA } from '../../support/unit-wire.js';

const never = new AbortController().signal;
const LIMITS = { eventsMax: 500, bytesMax: 1_000_000 };

/** A server over HTTP, a proxy before it, and a device that asks it. */
class Line {
  readonly log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(randomBytes(32))] } });
  readonly faults = vi.fn();
  #listener!: HttpListener;
  proxy!: FaultProxy;
  transport!: HttpTransport;

  async open(options: Partial<SyncServerOptions> = {}, of: Partial<HttpTransportOptions> = {}): Promise<this> {
    const auth = options.tokens === undefined ? { allowAnonymous: true } : {};
    const { fetch } = createSyncServer({ unitLog: this.log, log: this.faults, ...auth, ...options });
    this.#listener = await listen({ fetch, hostname: '127.0.0.1', port: 0 });
    this.proxy = new FaultProxy(this.#listener.url);
    const url = await this.proxy.start();
    this.transport = new HttpTransport({ url, replicaId: REPLICA, fetch: globalThis.fetch, clock: systemClock, ...of });
    return this;
  }

  /** Follows the log to its end. */
  async follow(from: Cursor = CURSOR_START): Promise<{ readonly pages: UnitPage[]; readonly ids: string[] }> {
    const pages: UnitPage[] = [];
    for (;;) {
      const page = await this.transport.page(pages.at(-1)?.to ?? from, LIMITS, never);
      pages.push(page);
      if (page.position >= page.head) return { pages, ids: pages.flatMap(({ units }) => units.map(({ id }) => id)) };
    }
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#listener.close(0);
  }
}

let line: Line;
beforeEach(() => {
  line = new Line();
});
afterEach(async () => {
  await line.close();
  expect(line.faults).not.toHaveBeenCalled();
});

const idsOf = (units: readonly { readonly id: string }[]): string[] => units.map(({ id }) => id);

describe('both ends over HTTP', () => {
  it('units go up, are decided, and come down as they were', async () => {
    const { transport, proxy } = await line.open();
    expect(transport.limits).toEqual(LIMITS_LEAST);
    const units = [
      ...pendingUnits(50, 300),
      pendingUnit({ isCommutative: true, scopes: ['north', 'Ét'] }),
      pendingUnit({ events: [{ ...pendingUnit().events[0]!, topic: '\u{feff}stock', state: new Uint8Array(0) }] }),
    ];
    const answer = await transport.push(units, never);
    expect(answer).toEqual({
      head: 52,
      conflict: undefined,
      decisions: units.map(({ id }, index) => ({ id, kind: 'accepted', position: index + 1 })),
    });
    expect(transport.limits).toEqual(LIMITS_DEFAULT);
    const { pages } = await line.follow();
    const strip = ({ id, events, scopes, isCommutative }: PendingUnit | UnitPage['units'][number]): object => {
      return { id, events, scopes, isCommutative };
    };
    expect(pages.flatMap((page) => page.units.map(strip))).toEqual(units.map(strip));
    // What was sent is text, and was sent at half its size.
    expect(proxy.sizes[0]).toBeLessThan(52 * 300);
    expect(await transport.page(pages.at(-1)!.to, LIMITS, never)).toMatchObject({ units: [], position: 52, head: 52 });
  });

  it('a conflict ends a push, and what was refused says why', async () => {
    const { transport } = await line.open({ authorizePush: ({ scopes }) => !scopes.includes('forbidden') });
    const [first] = pendingUnits(1) as [PendingUnit];
    const refused = pendingUnit({ scopes: ['forbidden'] });
    const clashing = pendingUnit({ events: first.events });
    expect(await transport.push([first, refused, clashing, ...pendingUnits(1)], never)).toEqual({
      head: 1,
      conflict: clashing.id,
      decisions: [
        { id: first.id, kind: 'accepted', position: 1 },
        { id: refused.id, kind: 'rejected', code: 'FORBIDDEN', message: 'The server does not take this unit.' },
      ],
    });
  });

  it('a log that was set back is noticed, its common place found, and what it lost brought back', async () => {
    const { transport, log } = await line.open();
    await transport.push(pendingUnits(3), never);
    const early = (await line.follow()).pages.at(-1)!.to;
    const restore = log.backup();
    const lostUnits = pendingUnits(2, 400);
    await transport.push(lostUnits, never);
    const { pages } = await line.follow(early);
    const late = pages.at(-1)!.to;
    restore();
    await expect(transport.page(late, LIMITS, never)).rejects.toMatchObject({
      name: 'CursorUnknownError',
      code: 'CURSOR_UNKNOWN',
    });
    expect(await transport.common([late, early, CURSOR_START], never)).toBe(early);
    const held = pages.flatMap(({ units }) => units.map((unit): LostUnit => ({ ...unit, after: [undefined] })));
    const forged = { ...held[0]!, id: crypto.randomUUID() };
    expect((await transport.heal([...held, forged], never)).decisions).toEqual([
      ...held.map(({ id }) => ({ id, kind: 'restored' })),
      { id: forged.id, kind: 'refused' },
    ]);
    expect((await line.follow(early)).ids).toEqual(idsOf(lostUnits));
  });

  it('more marks than a server takes are asked about from the newest on', async () => {
    const { transport } = await line.open();
    await transport.push(pendingUnits(1), never);
    const { to } = (await line.follow()).pages[0]!;
    const marks = [to, ...Array.from({ length: 300 }, (_, index) => `${index + 2}.00`), CURSOR_START];
    expect(await transport.common(marks, never)).toBe(to);
  });

  it('a unit that is larger than a request goes alone, and is not cut', async () => {
    const { transport } = await line.open();
    const events = pendingUnits(2_000, 500).flatMap((unit) => unit.events);
    const large = pendingUnit({ events, after: events.map(() => undefined) });
    const small = pendingUnits(1);
    await expect(transport.push([large, ...small], never)).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { isServers: true, events: 500, unitEvents: 10_000 },
    });
    expect((await transport.push([large], never)).head).toBe(2_000);
    await transport.push(small, never);
    const { pages } = await line.follow();
    expect(pages.map(({ units }) => units.map((unit) => unit.events.length))).toEqual([[2_000], [1]]);
  });

  it('each tenant has its own log, and a token what it is good for', async () => {
    const logs = new TenantLogs({
      clock: systemClock,
      onFailure: vi.fn(),
      open: async () => ({ log: line.log, close: async () => undefined }),
    });
    const tokens = [{ token: 'anns', subject: 'ann', tenants: ['north pole'] }];
    const { transport } = await line.open({ unitLog: logs, tokens }, { tenant: 'north pole', getToken: () => 'anns' });
    expect((await transport.push(pendingUnits(1), never)).head).toBe(1);
    const { units } = await transport.page(CURSOR_START, LIMITS, never);
    expect(units[0]?.origin.author).toBe('ann');
    await logs.close();
  });
});

describe('a bad network', () => {
  it.each<Fault>(['lost', 'answer lost', 'answer cut', 'answer broken', 'twice', 'portal', 'bad gateway'])(
    '%s: nothing is taken for an answer that is none, and sent again it is stored once',
    async (fault) => {
      const { transport, proxy } = await line.open();
      const units = pendingUnits(30, 200);
      proxy.script.push(fault);
      const first = await transport.push(units, never).catch((error: unknown) => error);
      if (fault !== 'twice') expect(first).toMatchObject({ code: 'UNAVAILABLE' });
      expect((await transport.push(units, never)).decisions).toHaveLength(30);
      proxy.script.push(fault);
      const page = await line.follow().catch((error: unknown) => error);
      if (fault !== 'twice') expect(page).toMatchObject({ code: 'UNAVAILABLE' });
      expect((await line.follow()).ids).toEqual(idsOf(units));
    },
  );

  it('a request that comes again later, after others, changes nothing', async () => {
    const { transport } = await line.open();
    const [early, later] = [pendingUnits(5), pendingUnits(5)];
    const decided = await transport.push(early, never);
    await transport.push(later, never);
    expect((await transport.push(early, never)).decisions).toEqual(decided.decisions);
    expect((await line.follow()).ids).toEqual(idsOf([...early, ...later]));
  });

  it('a proxy that takes 300 kB is told from the server, and what is smaller gets through', async () => {
    const { transport, proxy } = await line.open();
    proxy.bytesMax = 300_000;
    const state = (): Uint8Array => new Uint8Array(randomBytes(100_000));
    const units = Array.from({ length: 4 }, () =>
      pendingUnit({ events: [{ ...pendingUnit().events[0]!, state: state() }] }),
    );
    const error = await transport.push(units, never).catch((thrown: unknown) => thrown);
    const details = { status: 413, isServers: false, bytes: proxy.sizes[0] };
    expect(error).toMatchObject({ code: 'TOO_LARGE', details });
    await transport.push(units.slice(0, 2), never);
    await transport.push(units.slice(2), never);
    expect((await line.follow()).ids).toEqual(idsOf(units));
  });

  it('a line of 200 kbit/s carries both ways', async () => {
    const { transport, proxy } = await line.open();
    proxy.bytesPerSecond = 25_000;
    const units = pendingUnits(100, 300);
    await transport.push(units, never);
    expect((await line.follow()).ids).toEqual(idsOf(units));
  });

  it('whatever happens in whatever order, the log has each unit once', async () => {
    const { transport, proxy } = await line.open();
    const all: Fault[] = [
      'lost',
      'answer lost',
      'answer cut',
      'answer broken',
      'twice',
      'portal',
      'bad gateway',
      'none',
    ];
    const units = pendingUnits(40, 50);
    for (let at = 0; at < units.length; at += 5) {
      const batch = units.slice(at, at + 5);
      proxy.script.push(...all.map((_, index) => all[(index * 3 + at) % all.length]!));
      while (proxy.script.length > 0) await transport.push(batch, never).catch(() => undefined);
      await transport.push(batch, never);
    }
    expect((await line.follow()).ids).toEqual(idsOf(units));
  });
});

it('a token that ran out is exchanged for a new one, once', async () => {
  const getToken = vi.fn(({ force }: { readonly force: boolean }) => (force ? 'good' : 'old'));
  const { transport } = await line.open({ tokens: ['good'] }, { getToken });
  expect((await transport.push(pendingUnits(1), never)).head).toBe(1);
  expect(getToken.mock.calls.map(([{ force }]) => force)).toEqual([false, true]);
});

it('a device of the first protocol is told that it needs another version, under the header that it knows', async () => {
  const { proxy } = await line.open();
  const ofOld = { 'daybook-protocol': '1', 'content-type': 'application/json' };
  const answer = await fetch(`${proxy.url}/v1/push`, { method: 'POST', headers: ofOld, body: '{"events":[]}' });
  const { status, headers, body } = await readAnswer(answer);
  expect([status, headers.get('daybook-protocol')]).toEqual([426, '1']);
  expect(body.error).toMatchObject({ code: 'UPGRADE_REQUIRED', details: { supported: '2' } });
});
