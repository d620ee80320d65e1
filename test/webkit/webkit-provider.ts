/**
 * Runs Vitest's browser tests in WebKitGTK, which Playwright cannot start.
 *
 * @module
 */
import { playwright } from '@vitest/browser-playwright';
import type { BrowserCommands } from 'vitest/browser';
import type { BrowserProvider, BrowserProviderOption, TestProject } from 'vitest/node';
import { openDisplay } from './webkit-display.js';
import type { WebKitDisplay } from './webkit-display.js';
import { deleteProfile, newProfile, openByDriver, openOnProfile } from './webkit-window.js';
import type { WebKitWindow } from './webkit-window.js';

/** Where a window keeps what it stores: in memory, as private windows do, or in a folder. */
export type WebKitStorage = 'in memory' | 'on disk';

/**
 * For `browser.instances` of Vitest.
 *
 * @param storage - of the windows that the tests run in
 */
export function webkit(storage: WebKitStorage): BrowserProviderOption {
  return {
    name: 'webkitgtk',
    options: {},
    // The server side of Vitest's browser mode is the same for all; Playwright's door leads to it.
    serverFactory: playwright().serverFactory,
    providerFactory: (project) => new WebKitProvider(project, storage),
  };
}

// Vitest's own, which its types do not name.
const VIEWPORT_COMMAND = '__vitest_viewport' as keyof BrowserCommands;

class WebKitProvider implements BrowserProvider {
  readonly name = 'webkitgtk';
  readonly supportsParallelism = false;
  readonly #storage: WebKitStorage;
  readonly #windows = new Map<string, WebKitWindow>();
  readonly #profiles: string[] = [];
  #display: Promise<WebKitDisplay> | undefined;

  constructor(project: TestProject, storage: WebKitStorage) {
    this.#storage = storage;
    // Vitest gives every test file a window size. None of ours looks at it.
    project.browser?.registerCommand(VIEWPORT_COMMAND, async () => undefined);
  }

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(sessionId: string, url: string): Promise<void> {
    await this.#windows.get(sessionId)?.close();
    this.#windows.set(sessionId, await this.#open(url));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#windows.values()].map((window) => window.close()));
    this.#windows.clear();
    await Promise.all(this.#profiles.splice(0).map(deleteProfile));
    await (await this.#display)?.close();
    this.#display = undefined;
  }

  async #open(url: string): Promise<WebKitWindow> {
    this.#display ??= openDisplay();
    const display = await this.#display;
    if (this.#storage === 'in memory') return await openByDriver(display, url);
    const profileDir = await newProfile();
    this.#profiles.push(profileDir);
    return openOnProfile(display, url, profileDir);
  }
}
