/** Two runners of one store, as after a crash, or with a tab that was taken for frozen: in whatever order what they sent, and what was answered, arrives. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { Exchange } from '../../../src/sync/exchange/exchange.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { LIMITS_LEAST } from '../../../src/sync/protocol/index.js';
import { HeldNetwork } from '../../support/held-network.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const PATIENCE = { interval: 1, timeout: 10_000 };
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };
const OTHER_REPLICA = crypto.randomUUID();
const SENDER = { subject: 'ann', replicaId: crypto.randomUUID() };

/** A tab that exchanges, in a network of its own. */
class Runner {
  readonly network: HeldNetwork;
  readonly exchange: Exchange;
  readonly tab: OwnTablesTab;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(tab: OwnTablesTab, log: MemoryUnitLog, clock: ManualClock, pushes: number) {
    this.tab = tab;
    this.network = new HeldNetwork(log, SENDER, pushes);
    const { recorder } = tab;
    const { transport } = this.network;
    this.exchange = new Exchange({
      ...{ recorder, transport, direction: 'both', clock },
      isOffline: () => false,
      random: () => 0.999_999,
    });
    this.#running = this.exchange.run(this.#stop.signal);
  }

  /** @param pushes - that may be on their way at once */
  static async start({ journal, log, clock }: Scene, pushes = 1): Promise<Runner> {
    const runner = new Runner(await openTab(journal), log, clock, pushes);
    runners.push(runner);
    return runner;
  }

  /** As a worker that is killed: what it waits for comes to nobody. */
  async die(): Promise<void> {
    this.#stop.abort();
    for (const request of this.network.requests) request.break();
    await this.#running;
    await this.tab.recorder.close();
    this.tab.database.close();
  }
}

const runners: Runner[] = [];
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.die();
});

/** A store and a server. */
class Scene {
  readonly journal = new SharedJournal();
  readonly log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(7)] } });
  readonly clock = new ManualClock();

  async record({ recorder }: OwnTablesTab, count: number): Promise<readonly UnitId[]> {
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    for (const [index, id] of ids.entries()) {
      // What commutes has no place that would be taken: only its id keeps it from being there twice.
      const unit = { id, isCommutative: index % 2 === 0 };
      await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit });
    }
    return ids;
  }

  /** Records units of as many events each. */
  async recordFull({ recorder }: OwnTablesTab, events: number, count: number): Promise<readonly UnitId[]> {
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    for (const id of ids) await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, events), { unit: { id } });
    return ids;
  }

  async inLog(): Promise<readonly UnitId[]> {
    return ((await this.log.page(CURSOR_START, ALL))?.units ?? []).map(({ id }) => id);
  }

  async expectDone({ tab, exchange }: Runner, units: readonly UnitId[], eventsOfEach = 1): Promise<void> {
    exchange.attemptNow();
    await vi.waitUntil(async () => {
      this.clock.advance(100);
      const { pendingUnits, position } = await tab.recorder.syncProgress();
      return exchange.status.value.state === 'live' && pendingUnits === 0 && position === (await this.log.head());
    }, PATIENCE);
    expect(await this.inLog()).toEqual(units);
    const { pendingUnits, setAsideUnits, lostUnits } = await tab.recorder.syncProgress();
    expect([pendingUnits, setAsideUnits, lostUnits]).toEqual([0, 0, 0]);
    expect(await tab.recorder.selectNotifications({ start: 1, limit: 10_000 })).toHaveLength(
      units.length * eventsOfEach,
    );
  }
}

type Step = () => Promise<unknown>;

/** Plays what the second runner's requests meet, one after the other, with others' steps put in at their places. */
async function play(runner: Runner, at: ReadonlyMap<number, Step>): Promise<void> {
  let step = 0;
  const others = async (): Promise<unknown> => await at.get(step++)?.();
  for (let request = 0; request < 2; request++) {
    await others();
    const sent = await runner.network.next(PATIENCE);
    await sent.arrive();
    await others();
    await sent.answer();
  }
  await others();
  await runner.network.release();
}

const PLACES = [0, 1, 2, 3, 4];

describe('a crash between the sending and the answer', () => {
  test.each(PLACES)(
    'what was sent arrives at place %i among what is sent after it: each unit is there once',
    async (place) => {
      const scene = new Scene();
      const first = await Runner.start(scene);
      // Its log is empty.
      await (await first.network.next(PATIENCE)).answer();
      const early = await scene.record(first.tab, 3);
      first.exchange.noteCommit();
      const sent = await first.network.next(PATIENCE);
      expect(sent.kind).toBe('push');
      await runners.pop()?.die();
      const second = await Runner.start(scene);
      const late = await scene.record(second.tab, 2);
      await play(second, new Map([[place, () => sent.arrive()]]));
      await scene.expectDone(second, [...early, ...late]);
    },
  );
});

describe('an own event that comes by a page before its answer does', () => {
  const orders = PLACES.flatMap((place) =>
    PLACES.filter((later) => later >= place).map((later) => [place, later] as const),
  );

  test.each(orders)(
    'sent before place %i of another tab, answered before place %i: it is there once, in both',
    async (arrives, answers) => {
      const scene = new Scene();
      const first = await Runner.start(scene);
      await (await first.network.next(PATIENCE)).answer();
      const units = await scene.record(first.tab, 3);
      first.exchange.noteCommit();
      const sent = await first.network.next(PATIENCE);
      expect(sent.kind).toBe('push');
      const second = await Runner.start(scene);
      const steps: readonly (readonly [number, Step])[] = [
        [arrives, () => sent.arrive()],
        [answers, () => sent.answer()],
      ];
      await play(second, new Map(arrives === answers ? [steps[1]!] : steps));
      await first.network.release();
      await scene.expectDone(second, units);
      first.tab.recorder.noteHead(scene.journal.records.length);
      await scene.expectDone(first, units);
      const more = await scene.record(first.tab, 1);
      first.exchange.noteCommit();
      await scene.expectDone(first, [...units, ...more]);
    },
  );
});

describe('a conflict on a unit of which nobody knows whether it arrived', () => {
  const orders = ['never', ...PLACES].flatMap((arrives) => PLACES.map((other) => [arrives, other] as const));

  test.each(orders)(
    'its push arrives at place %s, another device’s at place %i: the log has one of them, and the store knows which',
    async (arrives, other) => {
      const scene = new Scene();
      const first = await Runner.start(scene);
      await (await first.network.next(PATIENCE)).answer();
      const aggregate = newOriginatorId();
      const [own, theirs] = [crypto.randomUUID(), crypto.randomUUID()] as [UnitId, UnitId];
      await first.tab.recorder.insertEvents([sampleEvent(aggregate, 1)], { unit: { id: own } });
      first.exchange.noteCommit();
      const sent = await first.network.next(PATIENCE);
      expect(sent.kind).toBe('push');
      await runners.pop()?.die();
      const second = await Runner.start(scene);
      const unit = {
        ...{ id: theirs, events: [sampleEvent(aggregate, 1)], isCommutative: false, scopes: [] },
        ...{ after: [undefined], firstNotificationId: 1 },
      };
      const theirPush = (): Promise<unknown> => scene.log.push([unit], { subject: 'bert', replicaId: OTHER_REPLICA });
      const steps = new Map<number, Step>();
      if (arrives !== 'never') steps.set(Number(arrives), () => sent.arrive());
      const before = steps.get(other);
      steps.set(other, async () => {
        await before?.();
        await theirPush();
      });
      await play(second, steps);
      const { recorder } = second.tab;
      const states = async (): Promise<unknown> => {
        second.exchange.attemptNow();
        scene.clock.advance(100);
        const { pendingUnits, setAsideUnits, position } = await recorder.syncProgress();
        return [pendingUnits, setAsideUnits, position];
      };
      const inLog = await scene.inLog();
      // Whose was first is the network's to say; nobody's is there twice.
      expect(inLog).toHaveLength(1);
      const isOwn = inLog[0] === own;
      await vi.waitUntil(
        async () => JSON.stringify(await states()) === JSON.stringify([0, isOwn ? 0 : 1, 1]),
        PATIENCE,
      );
      const [winner] = (await scene.log.page(CURSOR_START, ALL))?.units ?? [];
      expect(await recorder.selectEvents(aggregate)).toEqual(winner?.events);
      const aside = await recorder.selectSetAside(0, ALL);
      expect(aside.map(({ id, reason }) => [id, reason.code])).toEqual(isOwn ? [] : [[own, 'CONFLICT']]);
      // It cannot come any more, however late.
      await sent.arrive();
      expect(await scene.inLog()).toEqual(inLog);
    },
  );
});

describe('two pushes that are on their way at once', () => {
  /** Units that fill a request, each. */
  const FULL = LIMITS_LEAST.events;
  const ORDERS: readonly (readonly string[])[] = [
    ['arrive 0', 'answer 0', 'answer 1'],
    ['arrive 0', 'arrive 1', 'answer 1', 'answer 0'],
    ['arrive 1', 'answer 1', 'answer 0'],
    ['arrive 1', 'arrive 0', 'answer 0', 'answer 1'],
    ['arrive 0', 'arrive 1', 'break 0'],
    ['arrive 1', 'break 1', 'answer 0'],
    ['arrive 1', 'break 0', 'arrive 0'],
    ['arrive 0', 'answer 0', 'break 1', 'arrive 1'],
  ];

  test.each(ORDERS.map((steps) => [steps.join(', '), steps] as const))(
    '%s: the log has all of it in the order in which it was recorded',
    async (_name, steps) => {
      const scene = new Scene();
      const runner = await Runner.start(scene, 2);
      await (await runner.network.next(PATIENCE)).answer();
      const units = await scene.recordFull(runner.tab, FULL, 4);
      runner.exchange.noteCommit();
      // Alone, because nothing is known yet of how quick the line is.
      await (await runner.network.next(PATIENCE)).answer();
      const sent = [await runner.network.next(PATIENCE), await runner.network.next(PATIENCE)];
      expect(sent.map(({ kind }) => kind)).toEqual(['push', 'push']);
      for (const step of steps) {
        const [what, which] = step.split(' ') as ['arrive' | 'answer' | 'break', string];
        await sent[Number(which)]?.[what]();
      }
      await runner.network.release();
      await scene.expectDone(runner, units, FULL);
    },
    60_000,
  );
});

test('two hundred crashes between the reading of what waits and its answer: nothing is there twice, and nothing is gone', async () => {
  const scene = new Scene();
  const recorded: UnitId[] = [];
  for (let crash = 0; crash < 200; crash++) {
    const runner = await Runner.start(scene);
    recorded.push(...(await scene.record(runner.tab, crash % 50 === 0 ? 3 : 0)));
    runner.exchange.noteCommit();
    const sent = await runner.network.next(PATIENCE);
    // It arrives before the crash, after it, or never.
    if (crash % 3 === 0) await sent.arrive();
    await runners.pop()?.die();
    if (crash % 3 === 1) await sent.arrive();
  }
  const last = await Runner.start(scene);
  await last.network.release();
  await scene.expectDone(last, recorded);
}, 60_000);
