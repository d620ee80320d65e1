/**
 * A Chromium in which a tab in the background is one: Playwright makes every page that it launches look as if it were in
 * front, and such a page cannot be frozen. So the browser is started here, and Playwright is connected to it.
 *
 * @module
 */
import { chromium } from '@playwright/test';
import type { BrowserContext } from '@playwright/test';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killBrowser } from '../e2e/support/browser-processes.js';
import { browserLaunchOptions } from '../support/browsers.js';

// The browser writes down where it listens as soon as it does.
const PORT_FILE = 'DevToolsActivePort';
const START_WAIT_MS = 30_000;
const START_CHECK_MS = 20;
const PROFILE_PREFIX = 'daybook-soak-profile-';
// By these a browser knows that another one runs on its profile.
const OF_RUNNING = /^Singleton|^DevToolsActivePort$/;
const DATABASES = ['IndexedDB'];
const FILES = [...DATABASES, 'File System'];

/**
 * What a browser may throw away of what its origins keep: the databases alone, which it does where they are damaged; the
 * files with them, which it does where room is needed; and what says that there was something, which people do.
 */
export type ThrownAway = 'databases' | 'databases and files' | 'everything';

const FOLDERS: Readonly<Record<ThrownAway, readonly string[]>> = {
  databases: DATABASES,
  'databases and files': FILES,
  everything: [...FILES, 'Local Storage'],
};

/** The browser, on a profile of its own, which outlives it. */
export class BackgroundChromium {
  readonly #profileDir: string;
  #context: BrowserContext | undefined;

  private constructor(profileDir: string) {
    this.#profileDir = profileDir;
  }

  /** Makes an empty profile and starts a browser on it. */
  static async launch(): Promise<BackgroundChromium> {
    const browser = new BackgroundChromium(await mkdtemp(join(tmpdir(), PROFILE_PREFIX)));
    await browser.start();
    return browser;
  }

  /** Starts another browser on a copy of the profile. To be called while this one does not run. */
  async launchCopy(): Promise<BackgroundChromium> {
    const copy = new BackgroundChromium(await mkdtemp(join(tmpdir(), PROFILE_PREFIX)));
    const filter = (from: string): boolean => !OF_RUNNING.test(basename(from));
    await cp(this.#profileDir, copy.#profileDir, { recursive: true, filter });
    await copy.start();
    return copy;
  }

  /** The running browser's only context. */
  get context(): BrowserContext {
    if (this.#context === undefined) throw new Error('The browser does not run.');
    return this.#context;
  }

  /** Starts the browser on the same profile again. */
  async start(): Promise<void> {
    // What an earlier browser wrote, which was killed, is not to be taken for this one's.
    await rm(join(this.#profileDir, PORT_FILE), { force: true });
    const { args = [], executablePath = chromium.executablePath() } = browserLaunchOptions('chromium');
    const ownArgs = ['--headless', '--no-sandbox', '--remote-debugging-port=0', `--user-data-dir=${this.#profileDir}`];
    const child = spawn(executablePath, [...args, ...ownArgs, 'about:blank'], { stdio: 'ignore' });
    child.once('error', () => undefined);
    const port = await this.#port();
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
    this.#context = browser.contexts()[0];
  }

  /** Kills all processes of the browser with SIGKILL. Resolves when they are gone. */
  async kill(): Promise<void> {
    this.#context = undefined;
    await killBrowser(this.#profileDir);
  }

  /** Deletes what it keeps. To be called while it does not run. */
  async lose(what: ThrownAway): Promise<void> {
    // What is not there yet is nothing to lose.
    for (const name of FOLDERS[what])
      await rm(join(this.#profileDir, 'Default', name), { recursive: true, force: true });
  }

  /** Ends the browser, if it runs, and leaves the profile for somebody to look at. @returns where it is */
  async closeKeeping(): Promise<string> {
    if (this.#context !== undefined) await this.kill();
    return this.#profileDir;
  }

  /** Ends the browser, if it runs, and deletes the profile. */
  async close(): Promise<void> {
    await this.closeKeeping();
    await rm(this.#profileDir, { recursive: true, force: true, maxRetries: 5 });
  }

  async #port(): Promise<string> {
    const deadline = performance.now() + START_WAIT_MS;
    while (performance.now() < deadline) {
      const text = await readFile(join(this.#profileDir, PORT_FILE), 'utf8').catch(() => '');
      const [port = '', rest] = text.split('\n');
      if (rest !== undefined) return port;
      await sleep(START_CHECK_MS);
    }
    throw new Error(`The browser did not start within ${START_WAIT_MS} ms.`);
  }
}
