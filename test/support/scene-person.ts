/** Somebody with a device and an application of their own, who synchronises when told to. */
import { vi } from 'vitest';
import type { Application } from '../../src/application/application.js';
import type { RebasedUnit } from '../../src/application/commands/rebased-unit.js';
import { startSync } from '../../src/sync/tabs/start-sync.js';
import type { Sync } from '../../src/sync/tabs/start-sync-options.js';
import type { Scene, SceneTab } from './sync-scene.js';
import { WAIT } from './sync-scene.js';

export class ScenePerson<App extends Application = Application> {
  readonly rebased: RebasedUnit[] = [];
  readonly app: App;
  readonly tab: SceneTab;
  readonly scene: Scene;
  /** The network. */
  fetch: typeof globalThis.fetch;
  #sync: Sync | undefined;

  constructor(scene: Scene, tab: SceneTab, app: App) {
    this.scene = scene;
    this.tab = tab;
    this.app = app;
    this.fetch = scene.fetch;
  }

  /** Goes online until nothing is left to do. */
  async synchronise(): Promise<Sync> {
    this.#sync ??= startSync({
      ...{ store: this.tab.store, application: this.app, url: 'http://books.test', getToken: () => 'secret' },
      ...{ live: false, clock: this.scene.clock, random: () => 0.999_999, fetch: this.fetch },
      onRebased: (units) => this.rebased.push(...units),
    });
    const { status } = this.#sync;
    const { lastSuccessAtMs } = status.value;
    this.scene.clock.advance(1);
    this.#sync.syncNow();
    await vi.waitUntil(() => {
      const { state, pending, lastSuccessAtMs: last } = status.value;
      if (state === 'live' && pending === 0 && last !== lastSuccessAtMs) return true;
      // Who has lost to others waits for a moment.
      this.scene.clock.advance(1);
      return false;
    }, WAIT);
    return this.#sync;
  }

  async offline(): Promise<void> {
    await this.#sync?.close();
    this.#sync = undefined;
  }
}
