/**
 * The soak: commits from three tabs, and everything that can happen to them, round after round.
 *
 * ```text
 * round: start the browser ─▶ open three tabs ─▶ survey ─▶ commit, disturb ─▶ SIGKILL            (most rounds)
 *                                                                       │        └─▶ throw every database away (some)
 *                                                                       └───▶ stop ─▶ survey     (the others)
 * ```
 *
 * What happens, and when, follows from the seed; what the browser makes of it does not.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserName } from '../support/browsers.js';
import { SeededRandom } from './seeded-random.js';
import { SoakBrowser } from './soak-browser.js';
import type { SoakTabHandle } from './soak-browser.js';
import { serveSoak } from './soak-site.js';
import { newWitnessCounts, Witness } from './witness.js';
import type { WitnessCounts } from './witness.js';

const TABS = 3;
// A store is given up after so many rounds, so that a round costs about the same in the end as in the beginning.
const ROUNDS_PER_STORE = 20;
const LOAD_MS_MAX = 1_200;
const DISTURBANCES_MAX = 4;
// A tab stays frozen for as long.
const FROZEN_MS_MAX = 600;
// About what a round writes at most: what it writes beyond this finds the quota used up.
const ROOM_BYTES_MAX = 2_000_000;
// Nothing here takes so long, unless it hangs.
const STEP_MS_MAX = 90_000;
// Chromium kills its own database, rarely, when it is killed between two writes to its log (docs/browsers.md). What no
// server has comes back from the files beside it; what has none of these, nobody can keep; but it must be said, and is counted.
const THROWN_AWAY = /StorageLostError.*damaged and threw it away/s;
// After so many kills that is done on purpose.
const LOSS_CHANCE = 0.15;
// More often than this, it is not that: of hundreds of kills, one was followed by it.
const KILLS_PER_LOSS_MIN = 50;

/** Options of {@link runSoak}. */
export interface SoakOptions {
  /** Where dist/ is, built. */
  readonly projectDir: string;
  readonly browserName: BrowserName;
  readonly rounds: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

/** What was counted. */
export interface SoakCounts extends WitnessCounts {
  rounds: number;
  kills: number;
  killsWhileOpening: number;
  terminatedWorkers: number;
  frozenTabs: number;
  reloads: number;
  narrowRounds: number;
  /** How often every database was thrown away between a kill and a start, on purpose. */
  lostDatabases: number;
  /** How often the browser found its own files damaged, threw everything away, and there was nothing to bring back. */
  thrownAway: number;
}

/** What came of a soak. */
export interface SoakOutcome {
  readonly counts: Readonly<SoakCounts>;
  /** What is wrong, in words. The soak ends with the round that finds something. */
  readonly problems: readonly string[];
  /** The browser's profile, kept for somebody to look at when something is wrong. */
  readonly profileDir?: string;
}

/** Runs all rounds, or until something is wrong. */
export async function runSoak(options: SoakOptions): Promise<SoakOutcome> {
  const soak = { current: undefined as Soak | undefined };
  await using site = await serveSoak(options.projectDir, (message) => soak.current?.hear(message));
  const browser = await SoakBrowser.launch(options.browserName, site.url);
  let isProfileWanted = false;
  try {
    soak.current = new Soak(options, browser);
    const outcome = await soak.current.run();
    isProfileWanted = outcome.problems.length > 0;
    return isProfileWanted ? { ...outcome, profileDir: await browser.closeKeeping() } : outcome;
  } finally {
    if (!isProfileWanted) await browser.close();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #browser: SoakBrowser;
  readonly #random: SeededRandom;
  readonly #counts: SoakCounts = {
    ...{ rounds: 0, kills: 0, killsWhileOpening: 0, terminatedWorkers: 0, frozenTabs: 0, reloads: 0, narrowRounds: 0 },
    ...{ lostDatabases: 0, thrownAway: 0 },
    ...newWitnessCounts(),
  };
  #witness: Witness;
  #isRunning = true;
  /** Whether the store has been opened: without any room, it could not even be made. */
  #isMade = false;
  /** Whether there is little room in this run of the browser: then there may be none for a copy. */
  #isNarrow = false;
  /** Whether every database was thrown away since the last look. */
  #isLost = false;
  /** What was done in this round, to say so. */
  #did: string[] = [];

  constructor(options: SoakOptions, browser: SoakBrowser) {
    this.#options = options;
    this.#browser = browser;
    this.#random = new SeededRandom(options.seed);
    this.#witness = this.#newWitness();
  }

  hear(message: Parameters<Witness['hear']>[0]): void {
    if (message.storeName === this.#witness.storeName) this.#witness.hear(message);
  }

  async run(): Promise<SoakOutcome> {
    const { rounds, log } = this.#options;
    for (let round = 1; round <= rounds; round++) {
      const startedAt = performance.now();
      const before = { ...this.#counts };
      this.#did = [];
      const problems = await this.#round().catch((error: unknown) => [String(error)]);
      this.#counts.rounds++;
      const { acknowledged, kills } = this.#counts;
      log(
        `round ${round}: ${acknowledged - before.acknowledged} commits, ${kills > before.kills ? 'killed' : 'stopped'}, ${this.#did.map((what) => `${what}, `).join('')}${Math.round(performance.now() - startedAt)} ms`,
      );
      if (problems.length > 0)
        return { counts: this.#counts, problems: problems.map((text) => `round ${round}: ${text}`) };
      if (round % ROUNDS_PER_STORE === 0 && round < rounds) {
        const left = await this.#changeStore().catch((error: unknown) => [String(error)]);
        if (left.length > 0) return { counts: this.#counts, problems: left };
      }
    }
    return { counts: this.#counts, problems: await this.#survey().catch((error: unknown) => [String(error)]) };
  }

  #newWitness(): Witness {
    return new Witness(`soak-${crypto.randomUUID()}`, this.#counts);
  }

  async #round(): Promise<readonly string[]> {
    if (this.#browser.tabs.length === 0 && this.#random.chance(0.2)) await this.#killWhileOpening();
    const problems = await this.#survey();
    if (problems.length > 0) return problems;
    for (const tab of this.#browser.tabs) await within('start', tab.start(this.#seed()));
    const isKill = this.#random.chance(0.75);
    const lifted = await this.#disturb(this.#random.between(100, LOAD_MS_MAX));
    if (isKill) {
      await this.#kill();
      return [];
    }
    for (const lift of lifted) await lift();
    await Promise.all(this.#browser.tabs.map((tab) => within('stop', tab.stop())));
    return await this.#survey();
  }

  /** Leaves the store with everything in it for a new one. */
  async #changeStore(): Promise<readonly string[]> {
    const problems = await this.#survey();
    await Promise.all(this.#browser.tabs.map((tab) => within('close', tab.close())));
    await this.#beginAnew();
    return problems;
  }

  async #beginAnew(): Promise<void> {
    this.#witness = this.#newWitness();
    this.#isMade = false;
    this.#isLost = false;
    // The quota of these tabs may be used up.
    await within('kill', this.#browser.kill());
    this.#isRunning = false;
  }

  /** Opens the store in every tab, and compares what is there with what was promised. */
  async #survey(): Promise<readonly string[]> {
    await this.#beOpen();
    const { order } = this.#witness;
    const surveys = this.#browser.tabs.map((tab) => within('survey', tab.survey(order)));
    return this.#witness.check(await Promise.all(surveys));
  }

  async #beOpen(): Promise<void> {
    await this.#beLoaded();
    // At once, as when a browser restores its tabs.
    const opening = this.#browser.tabs.map((tab) => within('open', tab.open(this.#witness.storeName)));
    const outcomes = await Promise.allSettled(opening);
    const restored = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? (outcome.value ?? []) : []));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.some((reason) => THROWN_AWAY.test(String(reason)))) {
      this.#counts.thrownAway++;
      if (this.#counts.thrownAway > 1 + this.#counts.kills / KILLS_PER_LOSS_MIN) throw failures[0];
      this.#did.push('the browser threw its storage away');
      await this.#beginAnew();
      await this.#beOpen();
    } else if (failures.length > 0) throw failures[0];
    if (restored[0] !== undefined || this.#isLost) {
      // Of a browser that was killed right after it had brought them back, nobody has heard how many.
      const units = restored[0]?.units ?? 0;
      this.#isLost = false;
      this.#witness.hearRescue(units);
      this.#did.push(`${units} units came back`);
    }
    this.#isMade = true;
  }

  async #beLoaded(): Promise<void> {
    if (!this.#isRunning) await within('start the browser', this.#browser.start());
    this.#isRunning = true;
    if (this.#browser.tabs.length > 0) return;
    // What is to be brought back needs room.
    const isNarrow = this.#isMade && !this.#isLost && this.#browser.hasDevTools && this.#random.chance(0.2);
    this.#isNarrow = isNarrow;
    const roomBytes = isNarrow ? this.#random.between(0, ROOM_BYTES_MAX) : undefined;
    if (isNarrow) this.#counts.narrowRounds++;
    await within('load', this.#browser.loadTabs(TABS, roomBytes));
  }

  async #killWhileOpening(): Promise<void> {
    await this.#beLoaded();
    for (const tab of this.#browser.tabs) tab.open(this.#witness.storeName).catch(() => undefined);
    await sleep(this.#random.between(0, 200));
    this.#counts.killsWhileOpening++;
    await this.#kill();
  }

  async #kill(): Promise<void> {
    this.#counts.kills++;
    await within('kill', this.#browser.kill());
    this.#isRunning = false;
    if (!this.#isMade || this.#isNarrow || !this.#browser.hasDevTools || !this.#random.chance(LOSS_CHANCE)) return;
    await this.#browser.loseDatabases();
    this.#isLost = true;
    this.#counts.lostDatabases++;
    this.#did.push('every database thrown away');
  }

  /**
   * Lets the tabs commit for a while, and does this and that to them.
   *
   * @returns what brings back to normal what is not
   */
  async #disturb(durationMs: number): Promise<readonly (() => Promise<void>)[]> {
    const endAt = performance.now() + durationMs;
    const moments = Array.from({ length: this.#random.between(0, DISTURBANCES_MAX) }, () => {
      const what = this.#disturbance();
      return {
        atMs: this.#random.between(0, durationMs),
        what,
        tab: what === 'freeze' ? this.#backTab() : this.#tab(),
      };
    }).sort((one, other) => one.atMs - other.atMs);
    const lifted: (() => Promise<void>)[] = [() => this.#tab().widen()];
    const frozen = new Set<SoakTabHandle>();
    for (const { atMs, tab, what } of moments) {
      await sleep(Math.max(0, endAt - durationMs + atMs - performance.now()));
      // Nothing can be asked of a frozen tab; and if it was frozen in the middle of a transaction, no other one can be opened.
      if (frozen.has(tab) || (what === 'reload' && frozen.size > 0)) continue;
      if (what === 'freeze') frozen.add(tab);
      this.#did.push(`${what} ${this.#browser.tabs.indexOf(tab) + 1}`);
      const lift = await within(what, this.#do(what, tab));
      if (lift === undefined) continue;
      lifted.push(lift);
      if (this.#random.chance(0.5)) continue;
      await sleep(this.#random.between(0, FROZEN_MS_MAX));
      this.#did.push('lift');
      await lift();
      frozen.delete(tab);
    }
    await sleep(Math.max(0, endAt - performance.now()));
    return lifted;
  }

  #disturbance(): Disturbance {
    const everywhere = [
      [3, 'terminate'],
      [3, 'grow'],
      [1, 'reload'],
    ] as const;
    const withDevTools = [
      [3, 'freeze'],
      [1, 'widen'],
    ] as const;
    return this.#random.weighted<Disturbance>(
      this.#browser.hasDevTools ? [...everywhere, ...withDevTools] : everywhere,
    );
  }

  /** @returns what brings it back to normal, where it does not do so by itself */
  async #do(what: Disturbance, tab: SoakTabHandle): Promise<(() => Promise<void>) | undefined> {
    switch (what) {
      case 'terminate':
        this.#counts.terminatedWorkers++;
        await tab.terminateWorker();
        return undefined;
      case 'grow':
        await tab.beginToGrowJournal();
        return undefined;
      case 'reload':
        this.#counts.reloads++;
        await tab.load();
        await tab.open(this.#witness.storeName);
        await tab.start(this.#seed());
        return undefined;
      case 'freeze':
        this.#counts.frozenTabs++;
        await tab.setFrozen(true);
        return () => tab.setFrozen(false);
      case 'widen':
        await tab.widen();
        return undefined;
    }
  }

  #tab(): SoakTabHandle {
    return this.#browser.tabs[this.#random.between(0, TABS - 1)]!;
  }

  #backTab(): SoakTabHandle {
    return this.#browser.tabs[this.#random.between(0, TABS - 2)]!;
  }

  #seed(): number {
    return this.#random.between(0, 2 ** 31);
  }
}

type Disturbance = 'terminate' | 'grow' | 'reload' | 'freeze' | 'widen';

async function within<T>(what: string, work: Promise<T>): Promise<T> {
  const giveUp = new AbortController();
  const tooLate = sleep(STEP_MS_MAX, undefined, { signal: giveUp.signal }).then(
    () => Promise.reject(new Error(`The soak could not ${what} within ${STEP_MS_MAX} ms.`)),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    giveUp.abort();
  }
}
