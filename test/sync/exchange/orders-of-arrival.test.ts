/** Two runners of one store, as after a crash, or with a tab that was taken for frozen: in whatever order what they sent, and what was answered, arrives. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { Exchange } from '../../../src/sync/exchange/exchange.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { HeldNetwork } from '../../support/held-network.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const PATIENCE = { interval: 1, timeout: 10_000 };
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };
const SENDER = { subject: 'ann', replicaId: crypto.randomUUID() };

/** A tab that exchanges, in a network of its own. */
class Runner {
  readonly network: HeldNetwork;
  readonly exchange: Exchange;
  readonly tab: OwnTablesTab;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(tab: OwnTablesTab, log: MemoryUnitLog, clock: ManualClock) {
    this.tab = tab;
    this.network = new HeldNetwork(log, SENDER);
    const { recorder } = tab;
    const { transport } = this.network;
    this.exchange = new Exchange({
      ...{ recorder, transport, direction: 'both', clock },
      isOffline: () => false,
      random: () => 0.999_999,
    });
    this.#running = this.exchange.run(this.#stop.signal);
  }

  static async start({ journal, log, clock }: Scene): Promise<Runner> {
    const runner = new Runner(await openTab(journal), log, clock);
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

  async inLog(): Promise<readonly UnitId[]> {
    return ((await this.log.page(CURSOR_START, ALL))?.units ?? []).map(({ id }) => id);
  }

  async expectDone({ tab, exchange }: Runner, units: readonly UnitId[]): Promise<void> {
    exchange.attemptNow();
    await vi.waitUntil(async () => {
      this.clock.advance(100);
      const { pendingUnits, position } = await tab.recorder.syncProgress();
      return exchange.status.value.state === 'live' && pendingUnits === 0 && position === (await this.log.head());
    }, PATIENCE);
    expect(await this.inLog()).toEqual(units);
    const { pendingUnits, setAsideUnits, lostUnits } = await tab.recorder.syncProgress();
    expect([pendingUnits, setAsideUnits, lostUnits]).toEqual([0, 0, 0]);
    expect(await tab.recorder.selectNotifications({ start: 1, limit: 100 })).toHaveLength(units.length);
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
