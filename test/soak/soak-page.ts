/**
 * A tab of the soak: opens a store, commits at random, says what it learnt.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { encodeState } from './commit-states.js';
import { RandomCommits } from './random-commits.js';
import { SeededRandom } from './seeded-random.js';
import { runLane } from './soak-lane.js';
import type { LaneTab } from './soak-lane.js';
import type {
  CommitReport,
  RestoredUnits,
  SoakTabCalls,
  StoreSurvey,
  SurveyOrder,
  WitnessMessage,
} from './soak-messages.js';
import { surveyStore } from './store-survey.js';

// Concurrent commits of one tab, so that groups form.
const LANES = 3;
// More than makes a checkpoint due, in events that can be pushed.
const GROW_EVENTS = 4;
const GROW_EVENT_BYTES = 300_000;

// A worker that is terminated before it runs is given up after this.
const OPEN_TIMEOUT_MS = 15_000;

class SoakTab implements SoakTabCalls, LaneTab {
  #storeName = '';
  #store: Promise<Daybook> | undefined;
  /** What the last opening has brought back, until somebody asks. */
  #restored: RestoredUnits | undefined;
  readonly #workers: Worker[] = [];
  /** All that writes, so that nothing does any more when the tab says that it has stopped. */
  #writing: Promise<unknown> = Promise.resolve();
  isStopping = false;

  constructor() {
    const noteWorker = (worker: Worker): void => void this.#workers.push(worker);
    const Original = globalThis.Worker;
    globalThis.Worker = class extends Original {
      constructor(...parameters: ConstructorParameters<typeof Worker>) {
        super(...parameters);
        noteWorker(this);
      }
    };
  }

  async open(storeName: string): Promise<RestoredUnits | undefined> {
    this.#storeName = storeName;
    await this.store();
    const restored = this.#restored;
    this.#restored = undefined;
    return restored;
  }

  async close(): Promise<void> {
    await this.stop();
    await (await this.#store)?.close();
    this.#store = undefined;
  }

  start(seed: number): void {
    this.isStopping = false;
    const random = new SeededRandom(seed);
    const lanes = Array.from({ length: LANES }, () => {
      return runLane(this, new RandomCommits(new SeededRandom(random.between(0, 2 ** 31))));
    });
    this.#writing = Promise.all([this.#writing, ...lanes]).catch((error: unknown) => this.#complain(error));
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.#writing;
  }

  terminateWorker(): void {
    this.#store = undefined;
    for (const worker of this.#workers.splice(0)) worker.terminate();
  }

  async growJournal(): Promise<void> {
    const growing = this.#growJournal();
    this.#writing = Promise.all([this.#writing, growing]);
    await growing;
  }

  async survey(order: SurveyOrder): Promise<StoreSurvey> {
    return surveyStore(await this.store(), order);
  }

  store(): Promise<Daybook> {
    this.#store ??= this.#openStore().catch((error: unknown) => {
      this.#store = undefined;
      throw error;
    });
    return this.#store;
  }

  async #openStore(): Promise<Daybook> {
    const store = await openDaybook({ name: this.#storeName, openTimeoutMs: OPEN_TIMEOUT_MS });
    // Who asks is going to synchronise, and so has a copy kept of what no server has. Nothing is recorded before there is one.
    await store.recorder.syncProgress();
    const until = performance.now() + OPEN_TIMEOUT_MS;
    while ((await store.storage.report()).rescue.state === 'off') {
      if (performance.now() > until) throw new Error('There is no rescue.');
    }
    const { state, failure } = (await store.storage.report()).rescue;
    // Where there is no room for a file, the run throws no database away.
    const isWithoutRoom = state === 'unavailable' && failure?.includes('QuotaExceededError') === true;
    if (state !== 'on' && !isWithoutRoom) throw new Error(`The rescue is ${state}: ${failure}`);
    this.#restored ??= store.restored && { units: store.restored.units };
    return store;
  }

  witness(reports: readonly CommitReport[]): Promise<void> {
    return this.#post({ storeName: this.#storeName, reports });
  }

  async #growJournal(): Promise<void> {
    const originatorId = crypto.randomUUID();
    for (let version = 1; version <= GROW_EVENTS && !this.isStopping; version++) {
      const commitId = crypto.randomUUID();
      const state = encodeState({ commitId, index: 0, size: 1, hasOwnRow: false }, GROW_EVENT_BYTES);
      try {
        const { recorder } = await this.store();
        const notificationIds = await recorder.insertEvents([
          { originatorId, originatorVersion: version, topic: 'large', state },
        ]);
        await this.witness([{ commitId, outcome: 'acknowledged', notificationIds, size: 1, lostReplies: 0 }]);
      } catch {
        // Whatever its fate: it is whole, or not there at all.
        return;
      }
    }
  }

  #complain(error: unknown): Promise<void> {
    const unexpected = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ''}` : String(error);
    return this.#post({ storeName: this.#storeName, reports: [], unexpected });
  }

  async #post(message: WitnessMessage): Promise<void> {
    const sent = await fetch('/witness', { method: 'POST', body: JSON.stringify(message) }).catch(() => undefined);
    // The page is being left: it has nothing more to do or to say.
    if (sent === undefined) return new Promise(() => undefined);
    if (!sent.ok) throw new Error('The witness did not write it down.');
  }
}

declare global {
  var soak: SoakTabCalls | undefined;
}
globalThis.soak = new SoakTab();
