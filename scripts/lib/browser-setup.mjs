// Finds, or installs, one Chromium and one Firefox, in this order: what the environment names; Playwright's own, where
// they are installed or can be downloaded; the system's; Debian's packages, for root. Each is tried before it is taken:
// a browser may be there and lack a library. What was found is remembered, so that this is paid for once.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from './find-program.mjs';
import { BIN, CACHE, childEnvironment, isRoot, NODE_MODULES, run, systemPath } from './project.mjs';

const BROWSERS = {
  chromium: {
    variable: 'CHROMIUM_PATH',
    systemNames: ['chromium', 'chromium-browser', 'google-chrome'],
    debianPackage: 'chromium',
  },
  firefox: { variable: 'FIREFOX_PATH', systemNames: ['firefox-esr', 'firefox'], debianPackage: 'firefox-esr' },
};
const NAMES = Object.keys(BROWSERS);
const REMEMBERED = join(CACHE, 'browsers.json');
const TRY_SCRIPT = fileURLToPath(new URL('try-browser.mjs', import.meta.url));
const PROBE_SCRIPT = fileURLToPath(new URL('probe-download.mjs', import.meta.url));
const TRY_TIMEOUT_MS = 60_000;
// No answer within this means that there is no way out of here: waiting longer would be paid by every fresh clone.
const PROBE_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const APT_TIMEOUT_MS = 300_000;
/** Stands for the browser that Playwright installed itself. */
const PLAYWRIGHTS_OWN = '';

/**
 * Makes both browsers available.
 *
 * @returns {Promise<{ CHROMIUM_PATH: string, FIREFOX_PATH: string }>} for the environment of test runners; an empty path
 *   stands for Playwright's own browser. `test/support/browsers.ts` reads them.
 * @throws when a browser cannot be had
 */
export async function ensureBrowsers() {
  const remembered = readRemembered();
  const found = {};
  for (const name of NAMES) found[name] = fromEnvironment(name) ?? remembered[name];
  const missing = () => NAMES.filter((name) => found[name] === undefined);
  for (const find of [installedByPlaywright, downloadedByPlaywright, ofTheSystem, fromDebian]) {
    if (missing().length > 0) await find(missing(), found);
  }
  if (missing().length > 0) {
    const variables = missing().map((name) => BROWSERS[name].variable);
    throw new Error(`No ${missing().join(' and no ')} could be found or installed. Set ${variables.join(' and ')}.`);
  }
  remember(found);
  return Object.fromEntries(NAMES.map((name) => [BROWSERS[name].variable, found[name].path]));
}

function fromEnvironment(name) {
  const { variable } = BROWSERS[name];
  const path = process.env[variable];
  if (path && !existsSync(path)) throw new Error(`${variable} names ${path}, which does not exist.`);
  return path === undefined ? undefined : { path };
}

async function installedByPlaywright(names, found) {
  for (const name of names) found[name] = await tryBrowser(name, PLAYWRIGHTS_OWN);
}

async function downloadedByPlaywright(names, found) {
  const probe = await run(join(BIN, 'node'), [PROBE_SCRIPT], {
    quiet: true,
    timeoutMs: PROBE_TIMEOUT_MS,
    // Makes Node's fetch respect HTTPS_PROXY, as Playwright's download does.
    env: childEnvironment({ NODE_USE_ENV_PROXY: '1' }),
  });
  if (probe.code !== 0) return;
  console.log(`Downloading ${names.join(' and ')} …`);
  await run(join(BIN, 'playwright'), ['install', ...names], { quiet: true, timeoutMs: DOWNLOAD_TIMEOUT_MS });
  await installedByPlaywright(names, found);
}

async function ofTheSystem(names, found) {
  for (const name of names) {
    for (const path of BROWSERS[name].systemNames.map(which)) {
      if (path !== undefined) found[name] ??= await tryBrowser(name, path);
    }
  }
}

async function fromDebian(names, found) {
  if (!isRoot || which('apt-get') === undefined) return;
  const packages = names.map((name) => BROWSERS[name].debianPackage);
  console.log(`Installing ${packages.join(' and ')} (apt-get) …`);
  const options = {
    capture: true,
    timeoutMs: APT_TIMEOUT_MS,
    env: childEnvironment({ DEBIAN_FRONTEND: 'noninteractive' }),
  };
  const update = await run('apt-get', ['update'], options);
  const install = await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], options);
  if (install.code !== 0) console.error(`${update.output}\n${install.output}`);
  await ofTheSystem(names, found);
}

/** @returns the path, and the program that was really started; undefined when it does not start */
async function tryBrowser(name, path) {
  const { code, output } = await run(join(BIN, 'node'), [TRY_SCRIPT, name, path], {
    capture: true,
    timeoutMs: TRY_TIMEOUT_MS,
  });
  if (code === 0) return { path, program: output.trim() };
  if (path !== PLAYWRIGHTS_OWN) console.error(`${path} does not start: ${output.trim()}`);
  return undefined;
}

function which(program) {
  return findProgram(program, [systemPath()]);
}

/** What was found before, by name; nothing after an update of Playwright, and with it of what it can drive. */
function readRemembered() {
  try {
    const { playwright, browsers } = JSON.parse(readFileSync(REMEMBERED, 'utf8'));
    if (playwright !== playwrightVersion()) return {};
    return Object.fromEntries(Object.entries(browsers).filter(([, { program }]) => existsSync(program)));
  } catch {
    return {};
  }
}

// What the environment names is left out: it says so again, or means to say so no more.
function remember(found) {
  const browsers = Object.fromEntries(Object.entries(found).filter(([, { program }]) => program !== undefined));
  mkdirSync(dirname(REMEMBERED), { recursive: true });
  writeFileSync(REMEMBERED, `${JSON.stringify({ playwright: playwrightVersion(), browsers }, null, 2)}\n`);
}

function playwrightVersion() {
  return JSON.parse(readFileSync(join(NODE_MODULES, 'playwright', 'package.json'), 'utf8')).version;
}
