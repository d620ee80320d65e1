/**
 * The client's code over real stores, two tabs each, against the server's code: a network that loses and repeats, a server
 * that is set back, scopes that are revoked and granted again. In the end all have what they may see of the log, and nothing
 * is gone.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { IntegrityError } from '../../../src/persistence/errors.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { PendingUnit, UnitId } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import type { Sender, Visibility } from '../../../src/server/log/unit-log.js';
import { Exchange } from '../../../src/sync/exchange/exchange.js';
import type { SyncTransport } from '../../../src/sync/exchange/transport.js';
import { CursorUnknownError, LIMITS_LEAST, UnavailableError } from '../../../src/sync/protocol/index.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const RUNS = Number(process.env['EXCHANGE_RUNS'] ?? 30);
const DEVICES = 3;
const TABS = 2;
const AGGREGATES = ['a', 'b', 'c'].map((letter) => `00000000-0000-4000-8000-00000000000${letter}`);
const ALL = { eventsMax: 100_000, bytesMax: 1e9 };
const PATIENCE = { interval: 1, timeout: 20_000 };

const device = fc.nat(DEVICES - 1);
const tab = fc.nat(TABS - 1);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      ...{ kind: fc.constant('record' as const), device, tab },
      aggregates: fc.array(fc.constantFrom(...AGGREGATES), { minLength: 1, maxLength: 3 }),
      isCommutative: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fault' as const), device, fate: fc.constantFrom('lost' as const, 'unanswered' as const, 'twice' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('backup' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('beside' as const), aggregate: fc.constantFrom(...AGGREGATES) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1_000, 10_000, 60_000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 30 }) }) },
); // prettier-ignore
const scopes = fc.record({ kind: fc.constant('scopes' as const), device, seen: fc.subarray(AGGREGATES) });
const scopedStep = fc.oneof({ weight: 8, arbitrary: step }, { weight: 1, arbitrary: scopes });
type Step = typeof scopedStep extends fc.Arbitrary<infer S> ? S : never;
type Fate = 'lost' | 'unanswered' | 'twice';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
let states = 0;

/** A store that is open in some tabs, each of which exchanges, as where there are no locks. */
class Device {
  readonly clock = new ManualClock();
  readonly fates: Fate[] = [];
  /** How often each tab has asked for a page. */
  readonly #asked: number[] = [];
  readonly #stop = new AbortController();
  readonly #journal = new SharedJournal();
  tabs: OwnTablesTab[] = [];
  exchanges: Exchange[] = [];
  #turns: Promise<void>[] = [];
  /** The aggregates that it may see. */
  seen: readonly string[] = AGGREGATES;
  /** Those that it could not see at some time. */
  readonly everHidden = new Set<string>();

  /** Has other scopes from now on: none of them in another way than all of them. */
  rescope(seen: readonly string[]): void {
    this.seen = seen;
    for (const id of AGGREGATES) if (!seen.includes(id)) this.everHidden.add(id);
  }

  get visibility(): Visibility | undefined {
    const { seen } = this;
    if (seen.length === AGGREGATES.length) return undefined;
    return {
      id: `only-${seen.map((id) => id.at(-1)).join('')}`,
      isVisible: ({ events }, index) => seen.includes(events[index]?.originatorId ?? ''),
    };
  }

  async open(log: MemoryUnitLog, sender: Sender): Promise<void> {
    const journal = this.#journal;
    for (let index = 0; index < TABS; index++) this.tabs.push(await openTab(journal));
    this.exchanges = this.tabs.map(
      ({ recorder }, index) =>
        new Exchange({
          ...{ recorder, transport: this.#network(log, sender, index), direction: 'both', clock: this.clock },
          isOffline: () => false,
          random: () => 0.999_999,
        }),
    );
    this.#turns = this.exchanges.map((exchange) => this.#turnAfterTurn(exchange));
  }

  async #turnAfterTurn(exchange: Exchange): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) await exchange.run(signal);
  }

  async record(tabIndex: number, aggregates: readonly string[], isCommutative: boolean): Promise<UnitId> {
    const { recorder } = this.tabs[tabIndex] as OwnTablesTab;
    const events: StoredEvent[] = [];
    for (const originatorId of aggregates) {
      const [last] = await recorder.selectEvents(originatorId, { desc: true, limit: 1 });
      const earlier = events.filter((event) => event.originatorId === originatorId).length;
      const originatorVersion = (last?.originatorVersion ?? 0) + earlier + 1;
      states++;
      const state = new TextEncoder().encode(String(states));
      events.push({ originatorId, originatorVersion, topic: 'Counted', state });
    }
    const id = crypto.randomUUID();
    await recorder.insertEvents(events, { unit: { id, isCommutative } });
    for (const exchange of this.exchanges) exchange.noteCommit();
    return id;
  }

  /** Every event, by aggregate, with the unit that a server or this store has it in. */
  async contents(): Promise<string[]> {
    const { recorder } = this.tabs[0] as OwnTablesTab;
    const all = await recorder.selectNotifications({ start: 1, limit: 100_000 });
    return all.map((event) => describeEvent(event)).sort();
  }

  async held(): Promise<Set<UnitId>> {
    const { recorder } = this.tabs[0] as OwnTablesTab;
    // What the other tab has done, of which nobody tells here.
    recorder.noteHead(this.#journal.records.length);
    const units = [
      ...(await recorder.selectPendingUnits(0, ALL)),
      ...(await recorder.selectLostUnits(0, ALL)),
      ...(await recorder.selectSetAside(0, ALL)),
    ];
    return new Set(units.map(({ id }) => id));
  }

  async settled(): Promise<void> {
    this.fates.length = 0;
    const before = [...this.#asked];
    for (const exchange of this.exchanges) exchange.attemptNow();
    await vi.waitUntil(async () => {
      this.clock.advance(100);
      const idle = this.exchanges.every(({ status: { value } }, index) => {
        const hasAsked = (this.#asked[index] ?? 0) > (before[index] ?? 0);
        return hasAsked && value.state === 'live' && value.pending === 0;
      });
      return idle && (await (this.tabs[0] as OwnTablesTab).recorder.syncProgress()).pendingUnits === 0;
    }, PATIENCE);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#turns);
    for (const { recorder, database } of this.tabs) {
      await recorder.close();
      database.close();
    }
  }

  #network(log: MemoryUnitLog, sender: Sender, index: number): SyncTransport {
    const through = async <T>(work: () => Promise<T>): Promise<T> => {
      const fate = this.fates.shift();
      await turn();
      if (fate === 'lost') throw new UnavailableError('lost');
      if (fate === 'twice') await work();
      const answer = await work();
      await turn();
      if (fate === 'unanswered') throw new UnavailableError('lost');
      return answer;
    };
    return {
      limits: LIMITS_LEAST,
      push: (units: readonly PendingUnit[]) => through(() => log.push(units, sender, undefined, this.visibility)),
      page: (after, limits, _signal, held) =>
        through(async () => {
          this.#asked[index] = (this.#asked[index] ?? 0) + 1;
          const page = await log.page(after, { ...limits, visibility: this.visibility, held });
          if (page === undefined) throw new CursorUnknownError('unknown');
          return page;
        }),
      common: (marks) => through(() => log.common(marks)),
      heal: (units) => through(() => log.heal(units, sender)),
    };
  }
}

function describeEvent({ originatorId, originatorVersion, state }: StoredEvent): string {
  return `${originatorId} ${originatorVersion} ${new TextDecoder().decode(state)}`;
}

async function logOf(log: MemoryUnitLog): Promise<{ readonly ids: UnitId[]; readonly events: string[] }> {
  const page = await log.page(CURSOR_START, ALL);
  const units = page?.units ?? [];
  return {
    ids: units.map(({ id }) => id),
    events: units.flatMap(({ events }) => events.map((event) => describeEvent(event))).sort(),
  };
}

class World {
  readonly log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(7)] } });
  readonly devices = Array.from({ length: DEVICES }, () => new Device());
  readonly recorded = new Set<UnitId>();
  /** Units that were not seen by who has recorded them: when a server loses them, nobody has them any more. */
  readonly #hidden = new Map<UnitId, { readonly device: Device; readonly aggregates: readonly string[] }>();
  #isSetBack = false;
  #restore: () => void = this.log.backup();

  async open(): Promise<void> {
    for (const each of this.devices) await each.open(this.log, { subject: 'ann', replicaId: crypto.randomUUID() });
  }

  async take(taken: Step): Promise<void> {
    if (taken.kind === 'record') {
      const each = this.devices[taken.device] as Device;
      // The other tab may be first, or a page: nothing is recorded then, and nobody was told that it was.
      const id = await each.record(taken.tab, taken.aggregates, taken.isCommutative).catch(() => undefined);
      if (id !== undefined) {
        this.recorded.add(id);
        this.#hidden.set(id, { device: each, aggregates: taken.aggregates });
      }
    } else if (taken.kind === 'fault') (this.devices[taken.device] as Device).fates.push(taken.fate);
    else if (taken.kind === 'backup') this.#restore = this.log.backup();
    else if (taken.kind === 'restore') {
      this.#isSetBack = true;
      this.#restore();
    } else if (taken.kind === 'scopes') (this.devices[taken.device] as Device).rescope(taken.seen);
    else if (taken.kind === 'beside') await this.#insertBeside(taken.aggregate);
    else if (taken.kind === 'time') for (const each of this.devices) each.clock.advance(taken.ms);
    else for (let count = 0; count < taken.count; count++) await turn();
  }

  async #insertBeside(originatorId: string): Promise<void> {
    const versions = (await logOf(this.log)).events.filter((event) => event.startsWith(originatorId)).length;
    states++;
    const state = new TextEncoder().encode(String(states));
    try {
      this.log.insertBeside([{ originatorId, originatorVersion: versions + 1, topic: 'Counted', state }]);
    } catch (error) {
      // A push was first.
      if (!(error instanceof IntegrityError)) throw error;
    }
  }

  /** Whether a unit may be nowhere: it had left its device, when the server was set back. */
  isForgiven(id: UnitId): boolean {
    const { device: by, aggregates } = this.#hidden.get(id) as { device: Device; aggregates: readonly string[] };
    return this.#isSetBack && aggregates.some((aggregate) => by.everHidden.has(aggregate));
  }

  async close(): Promise<void> {
    for (const each of this.devices) await each.close();
  }
}

async function check(world: World): Promise<void> {
  const { log, devices, recorded } = world;
  // One that heals brings news for the others, so more than once.
  for (let round = 0; round < 3; round++) for (const each of devices) await each.settled();
  const there = await logOf(log);
  expect(new Set(there.ids).size).toBe(there.ids.length);
  const aside = await log.refused({ limit: 100_000 });
  const held = new Set([...there.ids, ...aside.map(({ id }) => id)]);
  for (const each of devices) {
    const seen = there.events.filter((event) => each.seen.some((aggregate) => event.startsWith(aggregate)));
    expect(await each.contents()).toEqual(seen);
    for (const id of await each.held()) held.add(id);
  }
  expect([...recorded].filter((id) => !held.has(id) && !world.isForgiven(id))).toEqual([]);
}

test.each([
  ['whose scopes stay', step],
  ['whose scopes change', scopedStep],
  ['whose scopes change, and are all granted in the end', scopedStep],
])(
  'devices %s agree in the end, and what was recorded is in the log, or set aside',
  async (which, arbitrary) => {
    await fc.assert(
      fc.asyncProperty(fc.array<Step>(arbitrary, { maxLength: 50 }), async (steps) => {
        const world = new World();
        await world.open();
        try {
          for (const taken of steps) await world.take(taken);
          if (which.includes('granted')) for (const each of world.devices) each.rescope(AGGREGATES);
          await check(world);
        } finally {
          await world.close();
        }
      }),
      { numRuns: RUNS },
    );
  },
  120_000,
);
