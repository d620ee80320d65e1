/**
 * A device of somebody: a browser with its storage, its network, its clock and its tabs.
 *
 * @module
 */
import { SeededRandom } from '../../soak/seeded-random.js';
import type { RebasedUnit } from '../../../src/application/commands/rebased-unit.js';
import type { Durability } from '../../../src/persistence/journal/journal.js';
import type { CheckedDevice } from '../checks/agreement.js';
import { Observer } from '../checks/observer.js';
import { survey, surveyOf } from '../checks/survey.js';
import type { Survey } from '../checks/survey.js';
import type { Link, SimNetwork } from '../machine/sim-network.js';
import { SimProcess } from '../machine/sim-process.js';
import type { Scheduler } from '../machine/scheduler.js';
import type { SimServers } from '../machine/sim-server.js';
import { SimStorage } from '../machine/sim-storage.js';
import type { StorageImage, WrapJournal } from '../machine/sim-storage.js';
import { uuidOf } from '../machine/platform.js';
import { SimTab } from './sim-tab.js';
import type { WrapTab } from './sim-tab.js';
import type { DeviceTraits } from './plan.js';
import type { Release } from './stock.js';
import type { Wish } from './wishes.js';

const TABS_MAX = 3;

/** What all devices of a run have in common. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly servers: SimServers;
  readonly wrap: WrapTab & { readonly journal?: WrapJournal | undefined };
  readonly note: (line: string) => void;
  readonly onRebased: (units: readonly RebasedUnit[]) => void;
  /** Which the devices have in the end. */
  readonly releaseLast: Release;
}

/** A device. */
export class SimDevice implements CheckedDevice {
  readonly name: string;
  readonly subject: string;
  readonly random: SeededRandom;
  readonly storage: SimStorage;
  readonly link: Link = { isUp: true, faultShare: 0 };
  /** Of whoever checks what it has. */
  readonly observer: Observer;
  release: Release;
  readonly bootstrap: boolean;
  /** Whether there may be units in the log that it sees, and does not know any more. */
  lacksHistory: boolean;
  offsetMs = 0;
  /** Whether the browser says so while there is no network. */
  saysOffline = true;
  saved: StorageImage | undefined;
  /** The last ones of its people. */
  readonly wishes: Wish[] = [];
  replicaId: string;
  readonly #surroundings: Surroundings;
  readonly #live: boolean;
  #tabs: SimTab[] = [];
  #opened = 0;
  #token: string | undefined;

  constructor(name: string, subject: string, seed: number, traits: DeviceTraits, surroundings: Surroundings) {
    this.name = name;
    this.subject = subject;
    this.release = traits.release;
    this.bootstrap = traits.bootstrap;
    this.lacksHistory = traits.bootstrap;
    this.random = new SeededRandom(seed);
    const durability: Durability = this.random.chance(0.7) ? 'strict' : 'relaxed';
    this.storage = new SimStorage(durability, this.random, surroundings.wrap.journal);
    this.observer = new Observer(this.storage);
    this.replicaId = uuidOf(this.random);
    this.#live = this.random.chance(0.8);
    this.#surroundings = surroundings;
  }

  /** Tabs that a person can use. */
  get usable(): readonly SimTab[] {
    return this.tabs.filter(({ isOpen, process }) => isOpen && !process.isFrozen);
  }

  /** Tabs that are there. */
  get tabs(): readonly SimTab[] {
    this.#tabs = this.#tabs.filter(({ process }) => !process.isDead);
    return this.#tabs;
  }

  openTab(): void {
    if (this.tabs.length >= TABS_MAX) return;
    const { scheduler, network, wrap, note, onRebased } = this.#surroundings;
    const name = `${this.name}.${++this.#opened}`;
    const process = new SimProcess(name, scheduler, () => this.offsetMs);
    const tab: SimTab = new SimTab({
      ...{ name: this.name, replicaId: this.replicaId, storage: this.storage, process, random: this.random },
      ...{ release: this.release, live: this.#live, bootstrap: this.bootstrap, wrap, onRebased },
      fetch: network.fetchOf(process, this.link, this.random),
      getToken: ({ force }) => this.#getToken(force, process),
      saysOffline: () => !this.link.isUp && this.saysOffline,
      onAppended: (position) => this.#tell(tab, position),
    });
    this.#tabs.push(tab);
    const opened = process.run(() => tab.open());
    opened.catch((error: unknown) => {
      note(`${name} could not open: ${String(error)}`);
      process.kill();
    });
  }

  /** All tabs are gone at once. */
  killTabs(): void {
    for (const { process } of this.tabs) process.kill();
  }

  /** Another device with the same content. */
  cloned(name: string, seed: number): SimDevice {
    const { release, bootstrap } = this;
    const clone = new SimDevice(name, this.subject, seed, { release, bootstrap }, this.#surroundings);
    clone.storage.setBack(this.storage.image());
    clone.replicaId = this.replicaId;
    clone.lacksHistory = this.lacksHistory;
    return clone;
  }

  /** Without a line nobody tells it of news, and it asks twice a minute: unless somebody looks at it. */
  lookAtNews(): void {
    if (!this.#live) for (const tab of this.usable) tab.process.run(() => tab.wake());
  }

  async follow(): Promise<Survey> {
    return await surveyOf(await this.observer.current());
  }

  async openAnew<T>(work: (found: Survey) => Promise<T>): Promise<T> {
    return await survey(this.storage.journal, work);
  }

  async shown(): ReturnType<CheckedDevice['shown']> {
    const found: { readonly name: string; readonly events: Survey['events'] }[] = [];
    for (const { process, recorder } of this.usable) {
      found.push({ name: process.name, events: (await surveyOf(recorder)).events });
    }
    return found;
  }

  /** Everything is in order again. */
  recover(): void {
    this.link.isUp = true;
    this.link.faultShare = 0;
    this.storage.faultShare = 0;
    this.release = this.#surroundings.releaseLast;
    // Whoever is asked to load the newer version does.
    for (const { process, release } of this.tabs) if (release < this.release) process.kill();
    for (const tab of this.tabs) if (tab.process.isFrozen) tab.process.run(() => tab.thaw());
    if (this.tabs.length === 0) this.openTab();
    for (const tab of this.usable) {
      tab.process.run(() => {
        tab.setPaused(false);
        tab.wake();
      });
    }
  }

  #tell(from: SimTab, position: number): void {
    for (const tab of this.tabs) {
      if (tab !== from) tab.process.after(this.random.between(0, 3), () => tab.noteHead(position));
    }
  }

  #getToken(force: boolean, { clock }: SimProcess): string {
    if (force || this.#token === undefined) {
      this.#token = undefined;
      this.#token = this.#surroundings.servers.token(this.subject, clock.nowMs() - this.offsetMs);
    }
    return this.#token;
  }
}
