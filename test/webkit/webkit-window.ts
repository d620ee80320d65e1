/**
 * WebKitGTK's own small browser, in the two ways in which it can be had.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessGroup } from './process-group.js';
import type { WebKitDisplay } from './webkit-display.js';

/** One window of a browser of its own. */
export interface WebKitWindow {
  /** Ends the browser with SIGKILL, all its processes. */
  close(): Promise<void>;
}

/** A window of {@link openOnProfile}. */
export interface ProfileWindow extends WebKitWindow {
  /** Ends the process that does all storing, and all requests, with SIGKILL; WebKit starts another one. */
  killStorage(): void;
}

// As Linux cuts it off.
const STORAGE_PROCESS = 'WebKitNetworkPr';
const DRIVER_START_MAX_MS = 20_000;
const DRIVER_CHECK_INTERVAL_MS = 50;

// `navigator.storage`, which Safari has and WebKitGTK leaves off unless it is told.
const AS_IN_SAFARI = '--features=+StorageAPI,+StorageAPIEstimate';

/** The program; it lies in no folder of PATH, so the set-up script names it. */
function miniBrowser(): string {
  const path = process.env['MINIBROWSER_PATH'];
  if (path === undefined) throw new Error('MINIBROWSER_PATH names no MiniBrowser. Start with `npm run test:webkit`.');
  return path;
}

/**
 * Opens a page by WebDriver. Such a session is ephemeral: as in a private window, storage is in memory.
 *
 * @throws when the driver refuses the session
 */
export async function openByDriver(display: WebKitDisplay, url: string): Promise<WebKitWindow> {
  const port = await freePort();
  const driver = ProcessGroup.start('WebKitWebDriver', [`--port=${port}`], { env: display.env });
  try {
    const base = `http://127.0.0.1:${port}`;
    await driverStarted(driver, base);
    const session = await call<{ readonly sessionId: string }>(`${base}/session`, {
      capabilities: {
        alwaysMatch: { 'webkitgtk:browserOptions': { binary: miniBrowser(), args: ['--automation'] } },
      },
    });
    await call(`${base}/session/${session.sessionId}/url`, { url });
  } catch (error) {
    await driver.kill();
    throw error;
  }
  return { close: () => driver.kill() };
}

/** Opens a page in an ordinary window, which keeps what it stores in a folder. */
export function openOnProfile(display: WebKitDisplay, url: string, profileDir: string): ProfileWindow {
  const browser = ProcessGroup.start(miniBrowser(), [AS_IN_SAFARI, url], {
    env: {
      ...display.env,
      XDG_DATA_HOME: join(profileDir, 'data'),
      XDG_CACHE_HOME: join(profileDir, 'cache'),
      XDG_CONFIG_HOME: join(profileDir, 'config'),
    },
  });
  return {
    close: () => browser.kill(),
    killStorage: () => browser.killMember(STORAGE_PROCESS),
  };
}

/** Makes an empty folder for {@link openOnProfile}. */
export async function newProfile(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'daybook-webkit-'));
}

/** Deletes a profile, whose browser does not run any more. */
export async function deleteProfile(profileDir: string): Promise<void> {
  await rm(profileDir, { recursive: true, force: true, maxRetries: 5 });
}

// A second session on the port of one that has just ended hangs, so every driver has another one.
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function driverStarted(driver: ProcessGroup, base: string): Promise<void> {
  const deadline = performance.now() + DRIVER_START_MAX_MS;
  for (;;) {
    const isReady = await fetch(`${base}/status`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    if (!driver.isRunning || performance.now() > deadline) throw new Error('WebKitWebDriver did not start.');
    await sleep(DRIVER_CHECK_INTERVAL_MS);
  }
}

async function call<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const { value } = (await response.json()) as { value: T };
  if (!response.ok) throw new Error(`WebKitWebDriver answered ${response.status}: ${JSON.stringify(value)}`);
  return value;
}
