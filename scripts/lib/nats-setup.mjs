// Finds, or installs, a nats-server for the tests of the NATS publisher: what NATS_SERVER_PATH names, the system's, or
// Debian's package, for root. Without one those tests are skipped, and say why: nobody who works on something else is to
// install a broker for it.
import { existsSync } from 'node:fs';
import { childEnvironment, isRoot, run, systemPath } from './project.mjs';
import { findProgram } from './find-program.mjs';

const PROGRAM = 'nats-server';
const APT_TIMEOUT_MS = 300_000;

/**
 * Makes nats-server available.
 *
 * @returns {Promise<{ NATS_SERVER_PATH: string }>} for the environment of test runners; an empty path when there is none
 */
export async function ensureNatsServer() {
  const named = process.env.NATS_SERVER_PATH;
  if (named && !existsSync(named)) throw new Error(`NATS_SERVER_PATH names ${named}, which does not exist.`);
  const path = named ?? ofTheSystem() ?? (await fromDebian());
  if (path === undefined)
    console.log(`There is no ${PROGRAM}, and only root can install it: tests with it are skipped.`);
  return { NATS_SERVER_PATH: path ?? '' };
}

// Debian's lies in a folder that is not on the path of every user.
function ofTheSystem() {
  return findProgram(PROGRAM, [systemPath(), '/usr/sbin', '/usr/local/sbin']);
}

async function fromDebian() {
  if (!isRoot || findProgram('apt-get', [systemPath()]) === undefined) return undefined;
  console.log(`Installing ${PROGRAM} (apt-get) …`);
  const options = {
    capture: true,
    timeoutMs: APT_TIMEOUT_MS,
    env: childEnvironment({ DEBIAN_FRONTEND: 'noninteractive' }),
  };
  const update = await run('apt-get', ['update'], options);
  const install = await run('apt-get', ['install', '-y', '--no-install-recommends', PROGRAM], options);
  if (install.code !== 0) console.error(`${update.output}\n${install.output}`);
  return ofTheSystem();
}
