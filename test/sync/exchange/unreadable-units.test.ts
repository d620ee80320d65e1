/** Units that a server cannot read, by the client's code over a real store, and the server's code: they have an end. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LostUnit, PendingUnit, Unit } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import { Exchange } from '../../../src/sync/exchange/exchange.js';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import type { SyncTransport } from '../../../src/sync/exchange/transport.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const ALL = { eventsMax: 1_000, bytesMax: 1e9 };
const SEALS = { keys: [new Uint8Array(32).fill(7)] };

/** What an older, or a broken, build of a device makes of a unit; each is refused at another place of the server. */
const BREAKS: Record<string, <U extends PendingUnit | LostUnit>(unit: U) => U> = {
  'whose topic is none': (unit) => ({ ...unit, events: unit.events.map((event) => ({ ...event, topic: '' })) }),
  'that does not say what it stands on': (unit) => ({ ...unit, after: [...unit.after, undefined] }),
  'with a scope that is none': (unit) => ({ ...unit, scopes: [''] }),
  'with more scopes than there may be': (unit) => ({ ...unit, scopes: Array.from({ length: 21 }, String) }),
  'whose id is of no unit': (unit) => ({ ...unit, id: '00000000-0000-0000-0000-000000000000' }),
};

let log: MemoryUnitLog;
let tab: OwnTablesTab;
let stop: AbortController;

beforeEach(async () => {
  log = new MemoryUnitLog({ seals: SEALS });
  tab = await openTab(new SharedJournal());
  stop = new AbortController();
});

afterEach(() => stop.abort());

function isBroken({ events }: Unit): boolean {
  return events.some(({ topic }) => topic === 'Broken');
}

/** Sends what is broken as it is broken. */
function exchangeWith(broken: (unit: PendingUnit & LostUnit) => PendingUnit & LostUnit): Exchange {
  const { fetch } = createSyncServer({ unitLog: log, allowAnonymous: true });
  const clock = new ManualClock();
  const http = new HttpTransport({
    ...{ url: 'http://server.test', replicaId: crypto.randomUUID(), clock },
    fetch: (input, init) => fetch(new Request(input, init)),
  });
  const made = <U extends Unit>(units: readonly U[]): U[] =>
    units.map((unit) => (isBroken(unit) ? (broken(unit as never) as unknown as U) : unit));
  const transport: SyncTransport = {
    get limits() {
      return http.limits;
    },
    push: (units, signal) => http.push(made(units), signal),
    page: (...asked) => http.page(...asked),
    common: (...asked) => http.common(...asked),
    heal: (units, signal) => http.heal(made(units), signal),
  };
  const exchange = new Exchange({
    ...{ recorder: tab.recorder, transport, direction: 'both', clock, random: () => 0.5 },
    isOffline: () => false,
  });
  void exchange.run(stop.signal);
  return exchange;
}

async function settled(exchange: Exchange): Promise<void> {
  await vi.waitUntil(() => exchange.status.value.state === 'live' && exchange.status.value.pending === 0, {
    interval: 1,
    timeout: 20_000,
  });
}

async function record(originatorId: string, originatorVersion: number, topic = 'Counted'): Promise<void> {
  await tab.recorder.insertEvents([{ originatorId, originatorVersion, topic, state: Uint8Array.of(1) }]);
}

async function idsInLog(): Promise<readonly string[]> {
  return (await log.page('0', { eventsMax: 10, bytesMax: 1e6 }))?.units.map(({ id }) => id) ?? [];
}

async function asideReasons(): Promise<(readonly [topic: string | undefined, code: string])[]> {
  const aside = await tab.recorder.selectSetAside(0, ALL);
  return aside.map(({ events, reason }) => [events[0]?.topic, reason.code]);
}

describe.each(Object.entries(BREAKS))('a unit %s', (_name, broken) => {
  test('is set aside with what builds on it, and the rest of the device goes on', async () => {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await record(b, 1);
    await record(a, 1, 'Broken');
    await record(b, 2);
    await record(a, 2);
    await record(b, 3, 'Broken');
    const exchange = exchangeWith(broken);
    await settled(exchange);
    expect(exchange.status.value.lastError).toBeUndefined();
    expect(await asideReasons()).toEqual([
      ['Broken', 'UNREADABLE'],
      ['Counted', 'DEPENDENCY'],
      ['Broken', 'UNREADABLE'],
    ]);
    const [first] = await tab.recorder.selectSetAside(0, ALL);
    expect(first?.reason.message).toMatch(/^The server cannot read it: .*tried again when the server, or this/);
    expect(await idsInLog()).toHaveLength(2);
    // Nothing is kept of it there: a newer one may take it, under its id.
    const again = first?.events.map((event) => ({ ...event, topic: 'Counted' })) ?? [];
    expect(await tab.recorder.decide([{ id: first?.id as string, events: again }])).toBe(true);
    exchange.noteCommit();
    await vi.waitUntil(async () => (await idsInLog()).includes(first?.id ?? ''), { interval: 5, timeout: 20_000 });
  });
});

test('what a server that was set back cannot read of what it has lost does not hold up the rest', async () => {
  const [a, b] = [newOriginatorId(), newOriginatorId()];
  await record(b, 1);
  await record(a, 1, 'Broken');
  await record(b, 2);
  const whole = exchangeWith((unit) => unit);
  await settled(whole);
  stop.abort();
  stop = new AbortController();
  log = new MemoryUnitLog({ seals: SEALS });
  const exchange = exchangeWith(BREAKS['whose topic is none'] as never);
  await settled(exchange);
  const { units = [] } = (await log.page('0', { eventsMax: 10, bytesMax: 1e6 })) ?? {};
  expect(units.map(({ events }) => events[0]?.originatorId)).toEqual([b, b]);
  expect(await asideReasons()).toEqual([['Broken', 'UNREADABLE']]);
});
