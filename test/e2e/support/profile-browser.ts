import { chromium, firefox } from '@playwright/test';
import type { BrowserContext } from '@playwright/test';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browserLaunchOptions } from '../../support/browsers.js';
import type { BrowserName } from '../../support/browsers.js';
import { killBrowser } from './browser-processes.js';

const BROWSER_TYPES = { chromium, firefox };
// A browser's own cache may be emptied at any time, so it must not be what makes the page open without a network.
const NO_CACHE_ARGS = { chromium: ['--disk-cache-size=1'], firefox: [] };
const NO_CACHE_PREFERENCES = { 'browser.cache.disk.enable': false, 'browser.cache.memory.enable': false };
// What says that a browser runs on a profile: left behind by one that was killed, and no part of what somebody copies.
const LOCKS = /\/(?:Singleton\w+|lock|\.parentlock)$/;
// Wide enough to show items, events and books at once.
const VIEWPORT = { width: 1280, height: 900 };

/** A browser on a profile of its own, which outlives the browser: somebody's device. */
export class ProfileBrowser {
  readonly #browserName: BrowserName;
  readonly #profileDir: string;
  #context: BrowserContext | undefined;

  private constructor(browserName: BrowserName, profileDir: string) {
    this.#browserName = browserName;
    this.#profileDir = profileDir;
  }

  /** Makes an empty profile and starts a browser on it. */
  static async launch(browserName: BrowserName): Promise<ProfileBrowser> {
    const profileDir = await mkdtemp(join(tmpdir(), 'daybook-e2e-profile-'));
    const browser = new ProfileBrowser(browserName, profileDir);
    await browser.start();
    return browser;
  }

  /** Makes a copy of the profile, as a backup that is restored on another machine is. This browser must not run meanwhile. */
  async copied(): Promise<ProfileBrowser> {
    if (this.#context !== undefined) throw new Error('The browser runs.');
    const profileDir = await mkdtemp(join(tmpdir(), 'daybook-e2e-profile-'));
    await cp(this.#profileDir, profileDir, { recursive: true, filter: (path) => !LOCKS.test(path) });
    return new ProfileBrowser(this.#browserName, profileDir);
  }

  /** The running browser's only context. */
  get context(): BrowserContext {
    if (this.#context === undefined) throw new Error('The browser does not run.');
    return this.#context;
  }

  /** Starts the browser on the same profile again. */
  async start(): Promise<void> {
    const browserName = this.#browserName;
    const { args = [], ...options } = browserLaunchOptions(browserName);
    this.#context = await BROWSER_TYPES[browserName].launchPersistentContext(this.#profileDir, {
      ...options,
      args: [...args, ...NO_CACHE_ARGS[browserName]],
      ...(browserName === 'firefox' ? { firefoxUserPrefs: NO_CACHE_PREFERENCES } : {}),
      viewport: VIEWPORT,
    });
  }

  /** Kills all processes of the browser with SIGKILL. Resolves when they are gone. */
  async kill(): Promise<void> {
    const closed = this.context.waitForEvent('close');
    await killBrowser(this.#profileDir);
    await closed;
    this.#context = undefined;
  }

  /** What each tab shows; nothing when the browser does not run. */
  async screenshots(): Promise<readonly Buffer[]> {
    return await Promise.all(this.#context?.pages().map((page) => page.screenshot()) ?? []);
  }

  /** Closes the browser, if it runs, and leaves the profile for somebody to look at. @returns where it is */
  async closeKeeping(): Promise<string> {
    await this.#context?.close();
    this.#context = undefined;
    return this.#profileDir;
  }

  /** Closes the browser, if it runs, and deletes the profile. */
  async close(): Promise<void> {
    await this.closeKeeping();
    await rm(this.#profileDir, { recursive: true, force: true, maxRetries: 5 });
  }
}
