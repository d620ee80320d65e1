// Where things lie, and how other programs are run. Only what Node 20 has by itself: this runs before anything is installed.
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');
export const NODE_MODULES = join(ROOT, 'node_modules');
export const BIN = join(NODE_MODULES, '.bin');
export const CACHE = join(ROOT, '.cache');
export const DIST = join(ROOT, 'dist');

const ORPHAN_CHECK_INTERVAL_MS = 500;

// Set when this script was told to end: what it would have run next is not started any more.
let isStopping = false;

const isWindows = process.platform === 'win32';
export const isRoot = process.getuid?.() === 0;

// PostgreSQL refuses to run as root, so for root it runs as another user, who must be able to read what was installed
// and what is written for it.
if (isRoot) process.umask(0o022);

/** The first variable wins, so that the pinned Node is found before the system's. */
export function ownPath() {
  return [BIN, systemPath()].join(delimiter);
}

/** PATH without this project's programs: `npm ci` deletes those while it runs. */
export function systemPath() {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== BIN)
    .join(delimiter);
}

/** The environment of every child: the pinned Node first, and a temporary folder that PostgreSQL's user can enter. */
export function childEnvironment(extra = {}) {
  return { ...process.env, PATH: ownPath(), ...(isRoot ? { TMPDIR: sharedTmp() } : {}), ...extra };
}

/** A temporary folder that every user can enter. */
export function sharedTmp() {
  return [tmpdir(), '/tmp', '/var/tmp'].find((folder) => existsSync(folder) && isTraversable(folder)) ?? tmpdir();
}

/** Whether any user may pass through a folder and all folders above it. */
export function isTraversable(folder) {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === parse(at).root) return true;
  }
}

const collected = new AsyncLocalStorage();

/** Does work, and keeps what the programs print that it runs, instead of showing it. */
export async function collectingOutput(work) {
  const parts = [];
  const value = await collected.run(parts, work);
  return { value, output: parts.join('') };
}

/**
 * Runs a program of this project (or of the system) to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string | undefined>, cwd?: string, capture?: boolean, quiet?: boolean, timeoutMs?: number }} options
 *   `capture` keeps the output instead of showing it, `quiet` drops it
 * @returns {Promise<{ code: number, output: string }>} code 1 also for a program that is missing or was stopped
 */
export async function run(command, args = [], options = {}) {
  if (isStopping) return { code: 1, output: 'not started: told to end' };
  const { capture = false, quiet = false, timeoutMs } = options;
  const shown = collected.getStore();
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? childEnvironment(),
    stdio: ['ignore', ...(capture || quiet || shown !== undefined ? ['pipe', 'pipe'] : ['inherit', 'inherit'])],
    // On Windows npm's programs are .cmd files, which only a shell runs.
    shell: isWindows,
    // A group of its own, so that a time-out ends the grandchildren too.
    detached: timeoutMs !== undefined && !isWindows,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      if (capture) output += chunk;
      else if (!quiet) shown?.push(chunk);
    });
  }
  const stopForwarding = forwardSignals(child);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          output += `\nstopped after ${timeoutMs} ms`;
          if (isWindows) child.kill();
          else process.kill(-child.pid, 'SIGKILL');
        }, timeoutMs);
  try {
    const [code] = await once(child, 'close');
    return { code: code ?? 1, output };
  } catch (error) {
    return { code: 1, output: `${output}\n${error.message}` };
  } finally {
    clearTimeout(timer);
    stopForwarding();
  }
}

// Without this a child would outlive a script that is told to end. A terminal sends its Ctrl-C to the whole group by
// itself, and a second one means "at once" to many programs, so it is not sent twice.
function forwardSignals(child) {
  const signals = ['SIGTERM', 'SIGHUP', ...(process.stdin.isTTY ? [] : ['SIGINT'])];
  const noteStop = () => {
    isStopping = true;
  };
  const forward = (signal) => {
    noteStop();
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  if (process.stdin.isTTY) process.on('SIGINT', noteStop);
  const orphanWatch = watchForOrphaning(() => forward('SIGTERM'));
  return () => {
    clearInterval(orphanWatch);
    for (const signal of signals) process.off(signal, forward);
    process.off('SIGINT', noteStop);
  };
}

// npm hands a SIGTERM to the shell in between, which dies of it and tells nobody. Scripts that npm did not start may
// well be meant to outlive the shell that did.
function watchForOrphaning(onOrphaned) {
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onOrphaned();
  }, ORPHAN_CHECK_INTERVAL_MS);
  return timer.unref();
}

/** As {@link run}, but anything except success is an error. */
export async function runOrFail(command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new Error(`${[basename(command), ...args].join(' ')} ended with ${code}\n${output}`.trimEnd());
  return output;
}

/** Whether a module is the one that was started, rather than imported. */
export function isMain(moduleUrl) {
  return process.argv[1] !== undefined && fileURLToPath(moduleUrl) === process.argv[1];
}

/** Runs the work of a script; an error is printed as its message and ends the process with 1. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    console.error(process.env.DEBUG ? error : `error: ${error.message}`);
    process.exitCode = 1;
  }
}
