/**
 * A device of a real run: a Chromium on a profile of its own, its tabs, and its way to the server.
 *
 * @module
 */
import type { CDPSession, Page } from '@playwright/test';
import { BackgroundChromium } from '../../soak/background-chromium.js';
import type { ThrownAway } from '../../soak/background-chromium.js';
import type { SeededRandom } from '../../soak/seeded-random.js';
import type { Notification, StoredEvent } from '../../../src/persistence/stored-event.js';
import type { CheckedDevice } from '../checks/agreement.js';
import type { Survey } from '../checks/survey.js';
import { readEvent } from '../world/stock.js';
import type { Release } from '../world/stock.js';
import type { Wish } from '../world/wishes.js';
import type { RealConflicts, RealEvent, RealFulfilment, RealOpening, RealSurvey } from './real-messages.js';
import type { RealLink } from './real-link.js';

const TABS_MAX = 2;
const FOUND_AT_ONCE = 1_000;
const encoder = new TextEncoder();

interface RealTab {
  readonly page: Page;
  readonly devTools: CDPSession;
  readonly release: Release;
  isFrozen: boolean;
}

/** A device. What is asked of a browser that is killed meanwhile rejects. */
export class RealDevice implements CheckedDevice {
  readonly name: string;
  readonly subject: string;
  readonly link: RealLink;
  readonly random: SeededRandom;
  readonly wishes: Wish[] = [];
  release: Release = 1;
  readonly #options: RealDeviceOptions;
  readonly #browser: BackgroundChromium;
  #tabs: RealTab[] = [];
  #isRunning = true;
  #turn: Promise<void> = Promise.resolve();

  private constructor(options: RealDeviceOptions, browser: BackgroundChromium) {
    this.name = options.name;
    this.subject = options.subject;
    this.link = options.link;
    this.random = options.random;
    this.#options = options;
    this.#browser = browser;
  }

  static async start(options: RealDeviceOptions): Promise<RealDevice> {
    const device = new RealDevice(options, await BackgroundChromium.launch());
    await device.openTab();
    return device;
  }

  /** Tabs that can be asked. */
  get usable(): readonly RealTab[] {
    return this.#tabs.filter(({ isFrozen }) => !isFrozen);
  }

  async openTab(): Promise<void> {
    await this.#inTurn(() => this.#openTab());
  }

  async #openTab(): Promise<void> {
    if (!this.#isRunning) {
      await this.#browser.start();
      this.#isRunning = true;
    }
    if (this.#tabs.length >= TABS_MAX) return;
    const page = await this.#browser.context.newPage();
    const { subject, release, link } = this;
    const { siteUrl, onOpened } = this.#options;
    const devTools = await this.#browser.context.newCDPSession(page);
    await page.goto(`${siteUrl}/`);
    const options = { subject, release, url: link.url };
    await page.waitForFunction(() => globalThis.realTab !== undefined);
    onOpened(this, await page.evaluate((given) => globalThis.realTab!.open(given), options));
    this.#tabs.push({ page, devTools, release, isFrozen: false });
  }

  /** A tab is gone, with what it was doing. */
  async killTab(): Promise<void> {
    const tab = this.#tabs.splice(this.random.between(0, this.#tabs.length - 1), 1)[0];
    await tab?.page.close({ runBeforeUnload: false });
  }

  /** Whoever is asked to load the newer version does, and there is a tab. */
  async recover(): Promise<void> {
    this.release = 2;
    const old = this.#tabs.filter(({ release }) => release === 1);
    this.#tabs = this.#tabs.filter(({ release }) => release !== 1);
    for (const { page } of old) await page.close({ runBeforeUnload: false });
    if (this.#tabs.length === 0) await this.openTab();
  }

  /** SIGKILL. */
  async killBrowser(): Promise<void> {
    await this.#inTurn(() => this.#killBrowser());
  }

  async #killBrowser(): Promise<void> {
    if (!this.#isRunning) return;
    this.#tabs = [];
    this.#isRunning = false;
    await this.#browser.kill();
  }

  /** The browser is killed, and has thrown away what it kept. */
  async lose(what: ThrownAway): Promise<void> {
    await this.#inTurn(async () => {
      await this.#killBrowser();
      await this.#browser.lose(what);
    });
  }

  /** The browser is killed, and another device has a copy of its profile from then on. */
  async cloned(options: Pick<RealDeviceOptions, 'name' | 'link' | 'random'>): Promise<RealDevice> {
    let clone: RealDevice | undefined;
    await this.#inTurn(async () => {
      await this.#killBrowser();
      clone = new RealDevice({ ...this.#options, ...options }, await this.#browser.launchCopy());
      clone.release = this.release;
    });
    return clone as RealDevice;
  }

  /** Two that are started at once on one profile are none. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    await done;
  }

  /** Lets one tab stand still. @returns lets it go on */
  async freezeTab(): Promise<() => Promise<void>> {
    // The one in front cannot be frozen.
    const tab = this.#tabs.length < 2 ? undefined : this.#tabs[0];
    if (tab === undefined || tab.isFrozen) return () => Promise.resolve();
    tab.isFrozen = true;
    await this.#tabs.at(-1)?.page.bringToFront();
    await tab.devTools.send('Page.setWebLifecycleState', { state: 'frozen' });
    return async () => {
      if (!this.#tabs.includes(tab)) return;
      await tab.devTools.send('Page.setWebLifecycleState', { state: 'active' });
      tab.isFrozen = false;
    };
  }

  async fulfil(wish: Wish): Promise<RealFulfilment> {
    const { page } = this.random.pick(this.usable);
    return await page.evaluate((wanted) => globalThis.realTab!.fulfil(wanted), wish);
  }

  /** A person comes back to it. */
  async wake(): Promise<void> {
    for (const { page } of this.usable) await page.evaluate(() => dispatchEvent(new Event('online')));
  }

  async conflicts(): Promise<readonly RealConflicts[]> {
    return await Promise.all(
      this.usable.map(async ({ page }) => await page.evaluate(() => globalThis.realTab!.conflicts())),
    );
  }

  /** As one of its tabs says. */
  async survey(): Promise<RealSurvey> {
    return await this.#surveyOf(this.#anyPage());
  }

  async follow(): Promise<Survey> {
    const { events, setAside, progress } = await this.survey();
    const page = this.#anyPage();
    const [all, aside] = [events.map(toNotification), setAside.map(toSetAside)];
    return {
      ...{ events: all, setAside: aside, progress, bases: new Map() },
      intents: () => new Set([...all, ...aside.flatMap((unit) => unit.events)].map((event) => readEvent(event).intent)),
      async find(ids) {
        const found = [];
        for (let at = 0; at < ids.length; at += FOUND_AT_ONCE) {
          const some = ids.slice(at, at + FOUND_AT_ONCE);
          found.push(...(await page.evaluate((wanted) => globalThis.realTab!.find(wanted), some)));
        }
        return found;
      },
    };
  }

  async openAnew<T>(work: (found: Survey) => Promise<T>): Promise<T> {
    await this.killBrowser();
    await this.openTab();
    return await work(await this.follow());
  }

  async shown(): ReturnType<CheckedDevice['shown']> {
    return await Promise.all(
      this.usable.map(async ({ page }, at) => ({
        name: `${this.name}.${at}`,
        events: (await this.#surveyOf(page)).events.map(toNotification),
      })),
    );
  }

  async close(): Promise<void> {
    await this.link.down();
    await this.#browser.close();
  }

  #anyPage(): Page {
    const [tab] = this.usable;
    if (tab === undefined) throw new Error(`${this.name} has no tab.`);
    return tab.page;
  }

  async #surveyOf(page: Page): Promise<RealSurvey> {
    return await page.evaluate(() => globalThis.realTab!.survey());
  }
}

/** What a device is made of. */
export interface RealDeviceOptions {
  readonly name: string;
  readonly subject: string;
  readonly link: RealLink;
  readonly random: SeededRandom;
  readonly siteUrl: string;
  /** Told what came of each opening of its store. */
  readonly onOpened: (device: RealDevice, opening: RealOpening) => void;
}

function toEvent({ state, ...event }: RealEvent): StoredEvent {
  return { ...event, state: encoder.encode(state) };
}

function toNotification({ id, ...event }: RealSurvey['events'][number]): Notification {
  return { id, ...toEvent(event) };
}

function toSetAside({ events, ...unit }: RealSurvey['setAside'][number]): Survey['setAside'][number] {
  return { ...unit, events: events.map(toEvent) };
}
