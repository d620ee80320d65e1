import { vi } from 'vitest';
import { Exchange } from '../../src/sync/exchange/exchange.js';
import type { Direction } from '../../src/sync/exchange/exchange-work.js';

import type { SyncState, SyncStatus } from '../../src/sync/sync-status.js';
import type { SyncTransport } from '../../src/sync/exchange/transport.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { NaiveLog } from './naive-log.js';
import { NaiveUnits } from './naive-units.js';

type Request = Exclude<keyof SyncTransport, 'limits'>;
/** What becomes of a request: before it reaches the log, or after. */
export interface Fault {
  readonly before?: () => void | Promise<void>;
  readonly after?: () => void | Promise<void>;
}

/** One device, whose network a test scripts. */
export class ExchangeDevice {
  readonly clock = new ManualClock();
  readonly store = new NaiveUnits();
  readonly requests: Request[] = [];
  readonly states: SyncState[] = [];
  /** What becomes of the next requests; when none is left, `otherwise`. */
  readonly faults: Fault[] = [];
  /** What becomes of those that no script speaks of. */
  otherwise: Fault = {};
  isOffline = false;
  /** A bound for a loaded machine; what is waited for usually takes a millisecond. */
  patienceMs = 10_000;
  readonly exchange: Exchange;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(log: NaiveLog, direction: Direction = 'both', random: () => number = () => 0.999_999) {
    this.exchange = new Exchange({
      recorder: this.store,
      transport: this.#faulty(log),
      direction,
      isOffline: () => this.isOffline,
      clock: this.clock,
      random,
    });
    this.exchange.status.subscribe(({ state }) => {
      if (this.states.at(-1) !== state) this.states.push(state);
    });
    devices.push(this);
  }

  start(): this {
    this.#running = this.exchange.run(this.#stop.signal);
    return this;
  }

  /** Records a unit of events, each the next of its aggregate. */
  record(...originatorIds: readonly string[]): string {
    const drafts = originatorIds.map((originatorId, index) => {
      const earlier = originatorIds.slice(0, index).filter((other) => other === originatorId).length;
      const last = [...this.store.versions(originatorId).keys()].at(-1) ?? 0;
      return { originatorId, originatorVersion: last + earlier + 1, topic: 'Counted', state: newState() };
    });
    const { id } = this.store.record(drafts);
    this.exchange.noteCommit();
    return id;
  }

  async until(condition: (status: SyncStatus) => boolean): Promise<SyncStatus> {
    await vi.waitUntil(() => condition(this.exchange.status.value), { interval: 1, timeout: this.patienceMs });
    return this.exchange.status.value;
  }

  /** Until nothing is left to do, also of what others have recorded up to now. */
  async settled(): Promise<SyncStatus> {
    const before = this.requests.length;
    this.exchange.attemptNow();
    return this.until(({ state, pending }) => this.requests.length > before && state === 'live' && pending === 0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** The log as it is reached over the network: what a test says happens to the next requests. */
  #faulty(log: NaiveLog): SyncTransport {
    const through = async <T>(request: Request, work: () => Promise<T>): Promise<T> => {
      this.requests.push(request);
      const fault = this.faults.shift() ?? this.otherwise;
      await fault.before?.();
      const answer = await work();
      await fault.after?.();
      return answer;
    };
    return {
      get limits() {
        return log.limits;
      },
      push: (units) => through('push', () => log.push(units)),
      page: (after, limits) => through('page', () => log.page(after, limits)),
      common: (marks) => through('common', () => log.common(marks)),
      heal: (units) => through('heal', () => log.heal(units)),
    };
  }
}

let states = 0;

/** A state that no other event has, so that the same event is known wherever it is, and under whatever id. */
function newState(): Uint8Array {
  states++;
  return new TextEncoder().encode(String(states));
}

const devices: ExchangeDevice[] = [];

/** Ends what the test began; for `afterEach`. */
export async function stopDevices(): Promise<void> {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
}

export { NaiveLog };
