import { expect, onTestFinished, test } from 'vitest';
import { PageServer } from './page-server.js';
import type { AcknowledgedEvent } from './page-server.js';
import { openDisplay } from './webkit-display.js';
import { deleteProfile, newProfile, openOnProfile } from './webkit-window.js';
import type { ProfileWindow } from './webkit-window.js';

const KILLS = 5;
const STEP_MAX_MS = 30_000;

interface Device {
  readonly server: PageServer;
  /** Opens the page in a browser on the same profile. */
  open(): ProfileWindow;
}

async function newDevice(): Promise<Device> {
  const server = await PageServer.start();
  onTestFinished(() => server.close());
  const display = await openDisplay();
  onTestFinished(() => display.close());
  const profileDir = await newProfile();
  onTestFinished(() => deleteProfile(profileDir));
  const open = (): ProfileWindow => {
    const browser = openOnProfile(display, server.address, profileDir);
    // Ended before what it stands on: the last of these is the first to be done.
    onTestFinished(() => browser.close());
    return browser;
  };
  return { server, open };
}

/** Runs the page through some deaths; after each one, what was acknowledged before must be there, once. */
async function dieAndLookAgain(server: PageServer, die: () => Promise<void>): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    // Another number every time, so that the kill comes at another moment of the store's life.
    await server.moreAcknowledged(1 + kill * 37, AbortSignal.timeout(STEP_MAX_MS));
    const finding = server.nextFound(AbortSignal.timeout(STEP_MAX_MS));
    await die();
    const acknowledged = server.acknowledged.map(line);
    const found = await finding;
    const lines = new Set(found.map(line));
    expect(acknowledged.filter((event) => !lines.has(event))).toEqual([]);
    expect(found.map(({ id }) => id)).toEqual(found.map((_, index) => index + 1));
  }
}

const line = ({ id, originatorId, originatorVersion }: AcknowledgedEvent): string =>
  `${id} ${originatorId} ${originatorVersion}`;

test('what WebKit has acknowledged is there, once, after the browser is killed', { timeout: 180_000 }, async () => {
  const { server, open } = await newDevice();
  let browser = open();
  await dieAndLookAgain(server, async () => {
    await browser.close();
    browser = open();
  });
});

test('and after the process that stores for it is killed', { timeout: 180_000 }, async () => {
  const { server, open } = await newDevice();
  const browser = open();
  await dieAndLookAgain(server, async () => {
    browser.killStorage();
  });
});
