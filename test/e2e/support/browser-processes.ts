/**
 * Finds the processes of a browser, which Playwright keeps to itself, so that a test can kill them as a crash would.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

interface RunningProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly commandLine: string;
}

const GONE_WAIT_MS = 10_000;
const GONE_CHECK_MS = 10;

/**
 * Kills a browser with SIGKILL: its main process, which has the profile on its command line, and all below it.
 * Resolves when none of them runs any more.
 */
export async function killBrowser(profileDir: string): Promise<void> {
  const all = await runningProcesses();
  const pids = withDescendants(
    all,
    all.filter(({ commandLine }) => commandLine.includes(profileDir)).map(({ pid }) => pid),
  );
  if (pids.size === 0) throw new Error(`No browser runs on ${profileDir}.`);
  for (const pid of pids) kill(pid);
  const deadline = performance.now() + GONE_WAIT_MS;
  while ((await runningProcesses()).some(({ pid }) => pids.has(pid))) {
    if (performance.now() > deadline) throw new Error(`Processes of ${profileDir} outlived SIGKILL.`);
    await sleep(GONE_CHECK_MS);
  }
}

function withDescendants(all: readonly RunningProcess[], roots: readonly number[]): ReadonlySet<number> {
  const found = new Set(roots);
  // Iterating over a set also visits what is added meanwhile.
  for (const pid of found) for (const child of all) if (child.parentPid === pid) found.add(child.pid);
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself when its parent did.
  }
}

async function runningProcesses(): Promise<readonly RunningProcess[]> {
  // Minimal systems have no ps, and other systems than Linux no /proc.
  return process.platform === 'linux' ? await readProc() : await askPs();
}

async function readProc(): Promise<readonly RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readProcEntry(pid).catch(() => undefined)));
  return found.filter((entry) => entry !== undefined);
}

/** Undefined for a zombie: it holds nothing any more, and goes when its parent looks. */
async function readProcEntry(pid: string): Promise<RunningProcess | undefined> {
  const [stat, commandLine] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/cmdline`, 'utf8'),
  ]);
  // The name, in brackets, may itself have brackets and spaces.
  const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : { pid: Number(pid), parentPid: Number(parentPid), commandLine };
}

async function askPs(): Promise<readonly RunningProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args=']);
  return [...stdout.matchAll(/^\s*(\d+)\s+(\d+)\s+([^Z]\S*)\s+(.*)$/gm)].map(([, pid, parentPid, , commandLine]) => ({
    pid: Number(pid),
    parentPid: Number(parentPid),
    commandLine: commandLine ?? '',
  }));
}
