/**
 * BroadcastChannels between simulated tabs.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import { currentProcess } from './sim-process.js';
import type { SimProcess } from './sim-process.js';

const LATENCY_MS_MAX = 3;

interface Member {
  readonly owner: SimProcess;
  hear(data: unknown): void;
}

/** All channels of a run. Those of one name hear each other, in the order in which something was said. */
export class SimChannels {
  /** To be put in the place of the platform's. */
  readonly channelClass: typeof BroadcastChannel;
  readonly #members = new Map<string, Set<Member>>();
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
    const join = (name: string, member: Member): (() => void) => this.#join(name, member);
    const post = (name: string, from: Member, data: unknown): void => this.#post(name, from, data);
    class SimChannel extends EventTarget implements Member {
      readonly owner = currentProcess();
      readonly name: string;
      readonly #leave: () => void;

      constructor(name: string) {
        super();
        this.name = name;
        this.#leave = join(name, this);
      }

      postMessage(data: unknown): void {
        post(this.name, this, data);
      }

      hear(data: unknown): void {
        this.dispatchEvent(new MessageEvent('message', { data }));
      }

      close(): void {
        this.#leave();
      }
    }
    this.channelClass = SimChannel as unknown as typeof BroadcastChannel;
  }

  #join(name: string, member: Member): () => void {
    const members = this.#members.get(name) ?? new Set();
    this.#members.set(name, members.add(member));
    const leave = (): void => void members.delete(member);
    member.owner.onDeath(leave);
    return leave;
  }

  #post(name: string, from: Member, data: unknown): void {
    const latencyMs = this.#random.between(0, LATENCY_MS_MAX);
    for (const member of this.#members.get(name) ?? []) {
      if (member === from) continue;
      const copy: unknown = structuredClone(data);
      member.owner.after(latencyMs, () => {
        if (this.#members.get(name)?.has(member) === true) member.hear(copy);
      });
    }
  }
}
