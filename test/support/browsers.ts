/**
 * Which browsers the tests run in: what the set-up script found, for Vitest and Playwright alike.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import type { LaunchOptions } from 'playwright';

/** The engines that everything is tested in. */
export const BROWSER_NAMES = ['chromium', 'firefox'] as const;
/** One of {@link BROWSER_NAMES}. */
export type BrowserName = (typeof BROWSER_NAMES)[number];

interface Remembered {
  readonly browsers: Partial<Readonly<Record<BrowserName, { readonly path: string }>>>;
}

const VARIABLES: Readonly<Record<BrowserName, string>> = { chromium: 'CHROMIUM_PATH', firefox: 'FIREFOX_PATH' };
// A fresh profile would otherwise talk to the outside while tests cut the network.
const CHROMIUM_ARGS = [
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * How Playwright starts a browser here: also for `launchPersistentContext`.
 *
 * @param name - the engine
 */
export function browserLaunchOptions(name: BrowserName): LaunchOptions {
  const executablePath = browserPath(name);
  return {
    headless: true,
    ...(executablePath === '' ? {} : { executablePath }),
    ...(name === 'chromium' ? { args: CHROMIUM_ARGS } : {}),
    // A Firefox that Playwright did not build speaks WebDriver BiDi only, which Playwright calls a channel.
    ...(name === 'firefox' && executablePath !== '' ? { channel: 'moz-firefox' } : {}),
  };
}

/** The program, or an empty text for Playwright's own. */
function browserPath(name: BrowserName): string {
  return process.env[VARIABLES[name]] ?? rememberedPath(name) ?? '';
}

// For who starts Vitest or Playwright directly, without `npm test`.
function rememberedPath(name: BrowserName): string | undefined {
  try {
    const file = readFileSync(new URL('../../.cache/browsers.json', import.meta.url), 'utf8');
    return (JSON.parse(file) as Remembered).browsers[name]?.path;
  } catch {
    return undefined;
  }
}
