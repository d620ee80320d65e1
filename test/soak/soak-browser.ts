/**
 * A browser on a profile that outlives it, with the tabs of the soak, and what can be done to them.
 *
 * @module
 */
import type { CDPSession, Page } from '@playwright/test';
import type { BrowserName } from '../support/browsers.js';
import { ProfileBrowser } from '../e2e/support/profile-browser.js';
import { BackgroundChromium } from './background-chromium.js';
import type { RestoredUnits, StoreSurvey, SurveyOrder } from './soak-messages.js';

/** One tab. What is called on a frozen one waits until it thaws. */
export class SoakTabHandle {
  readonly #page: Page;
  readonly #url: string;
  readonly #devTools: CDPSession | undefined;

  constructor(page: Page, url: string, devTools: CDPSession | undefined) {
    this.#page = page;
    this.#url = url;
    this.#devTools = devTools;
  }

  /** Loads the page, also again. What it did is forgotten, as in a reload. */
  async load(): Promise<void> {
    await this.#page.goto(this.#url);
  }

  async open(storeName: string): Promise<RestoredUnits | undefined> {
    return await this.#page.evaluate((name) => globalThis.soak!.open(name), storeName);
  }

  async close(): Promise<void> {
    await this.#page.evaluate(() => globalThis.soak!.close());
  }

  async start(seed: number): Promise<void> {
    await this.#page.evaluate((number) => globalThis.soak!.start(number), seed);
  }

  async stop(): Promise<void> {
    await this.#page.evaluate(() => globalThis.soak!.stop());
  }

  async terminateWorker(): Promise<void> {
    await this.#page.evaluate(() => globalThis.soak!.terminateWorker());
  }

  /** Writes so much that a checkpoint becomes due. */
  async growJournal(): Promise<void> {
    await this.#page.evaluate(() => globalThis.soak!.growJournal());
  }

  /** The same, and resolves when it has begun. */
  async beginToGrowJournal(): Promise<void> {
    await this.#page.evaluate(() => void globalThis.soak!.growJournal());
  }

  async survey(order: SurveyOrder): Promise<StoreSurvey> {
    return await this.#page.evaluate((wanted) => globalThis.soak!.survey(wanted), order);
  }

  /** Stops the page and its worker where they are, or lets them go on. Chromium only, and not the tab in front. */
  async setFrozen(isFrozen: boolean): Promise<void> {
    await this.#devTools?.send('Page.setWebLifecycleState', { state: isFrozen ? 'frozen' : 'active' });
  }

  /**
   * Leaves the origin only so much room beyond what it takes now. To be called before the page is loaded: from then on
   * the browser believes for half a minute what it was told. Chromium only.
   */
  async narrow(roomBytes: number): Promise<void> {
    const origin = new URL(this.#url).origin;
    const usage = await this.#devTools?.send('Storage.getUsageAndQuota', { origin });
    const quotaSize = (usage?.usage ?? 0) + roomBytes;
    await this.#devTools?.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
  }

  /** Gives the origin as much room as ever. */
  async widen(): Promise<void> {
    await this.#devTools?.send('Storage.overrideQuotaForOrigin', { origin: new URL(this.#url).origin });
  }
}

/** The browser. */
export class SoakBrowser {
  readonly #browser: ProfileBrowser | BackgroundChromium;
  readonly #url: string;
  readonly #hasDevTools: boolean;
  #tabs: readonly SoakTabHandle[] | undefined;

  private constructor(browser: ProfileBrowser | BackgroundChromium, url: string, hasDevTools: boolean) {
    this.#browser = browser;
    this.#url = url;
    this.#hasDevTools = hasDevTools;
  }

  /** Starts a browser on an empty profile. */
  static async launch(browserName: BrowserName, url: string): Promise<SoakBrowser> {
    const hasDevTools = browserName === 'chromium';
    const browser = hasDevTools ? await BackgroundChromium.launch() : await ProfileBrowser.launch(browserName);
    return new SoakBrowser(browser, url, hasDevTools);
  }

  /** Whether tabs can be frozen, and the room for them be narrowed. */
  get hasDevTools(): boolean {
    return this.#hasDevTools;
  }

  /** The tabs that are loaded; none when the browser does not run, or was started only. The last one is in front. */
  get tabs(): readonly SoakTabHandle[] {
    return this.#tabs ?? [];
  }

  /** Starts the browser again, after it was killed. */
  async start(): Promise<void> {
    await this.#browser.start();
  }

  /**
   * Loads as many tabs.
   *
   * @param roomBytes - see {@link SoakTabHandle.narrow}; nothing is narrowed without it
   */
  async loadTabs(count: number, roomBytes?: number): Promise<void> {
    const tabs: SoakTabHandle[] = [];
    for (let index = 0; index < count; index++) {
      const { context } = this.#browser;
      const page = context.pages()[index] ?? (await context.newPage());
      const devTools = this.#hasDevTools ? await context.newCDPSession(page) : undefined;
      tabs.push(new SoakTabHandle(page, `${this.#url}/`, devTools));
    }
    if (roomBytes !== undefined) await tabs[0]?.narrow(roomBytes);
    await this.#browser.context.pages()[count - 1]?.bringToFront();
    await Promise.all(tabs.map((tab) => tab.load()));
    this.#tabs = tabs;
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<void> {
    this.#tabs = undefined;
    await this.#browser.kill();
  }

  /**
   * Throws every database of the origin away, as the browser does by itself when it finds them damaged: while it does not
   * run. Chromium only.
   */
  async loseDatabases(): Promise<void> {
    if (this.#browser instanceof BackgroundChromium) await this.#browser.lose('databases');
  }

  /** Ends it, and leaves the profile for somebody to look at. @returns where it is */
  async closeKeeping(): Promise<string> {
    this.#tabs = undefined;
    return await this.#browser.closeKeeping();
  }

  /** Ends it, and deletes the profile. */
  async close(): Promise<void> {
    await this.#browser.close();
  }
}
