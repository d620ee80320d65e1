// Finds, or installs, the servers of others that tests run against: what a variable names, the system's, or Debian's package,
// for root. Without one its tests are skipped, and say why: nobody who works on something else is to install a broker for it.
import { existsSync } from 'node:fs';
import { childEnvironment, isRoot, run, systemPath } from './project.mjs';
import { findProgram } from './find-program.mjs';

const PROGRAMS = { NATS_SERVER_PATH: 'nats-server', REDIS_SERVER_PATH: 'redis-server' };
const APT_TIMEOUT_MS = 300_000;

/**
 * Makes the servers available.
 *
 * @returns {Promise<Record<keyof typeof PROGRAMS, string>>} for the environment of test runners; an empty path where there is
 *   none
 */
export async function ensureServers() {
  const found = {};
  for (const [variable, program] of Object.entries(PROGRAMS)) {
    const named = process.env[variable];
    if (named && !existsSync(named)) throw new Error(`${variable} names ${named}, which does not exist.`);
    found[variable] = named ?? ofTheSystem(program);
  }
  const missing = Object.keys(PROGRAMS).filter((variable) => found[variable] === undefined);
  if (missing.length > 0) await fromDebian(missing.map((variable) => PROGRAMS[variable]));
  for (const variable of missing) {
    const program = PROGRAMS[variable];
    found[variable] = ofTheSystem(program) ?? '';
    if (found[variable] === '')
      console.log(`There is no ${program}, and only root can install it: tests with it are skipped.`);
  }
  return found;
}

// Debian's lie in a folder that is not on the path of every user.
function ofTheSystem(program) {
  return findProgram(program, [systemPath(), '/usr/sbin', '/usr/local/sbin']);
}

async function fromDebian(programs) {
  if (!isRoot || findProgram('apt-get', [systemPath()]) === undefined) return;
  console.log(`Installing ${programs.join(' and ')} (apt-get) …`);
  const options = {
    capture: true,
    timeoutMs: APT_TIMEOUT_MS,
    env: childEnvironment({ DEBIAN_FRONTEND: 'noninteractive' }),
  };
  const update = await run('apt-get', ['update'], options);
  // Each by itself: that one cannot be had is no reason to have no other.
  for (const program of programs) {
    const install = await run('apt-get', ['install', '-y', '--no-install-recommends', program], options);
    if (install.code !== 0) console.error(`${update.output}\n${install.output}`);
  }
}
