/**
 * Programs with all that they start: a browser is many processes, of which only the first one is ours to see.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** What a group is started with. */
export interface ProcessGroupOptions {
  /** Added to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether file descriptor 3 of the program is a pipe to us; see {@link ProcessGroup.firstLine}. */
  readonly isAnswering?: boolean;
}

const running = new Set<ProcessGroup>();
let isWatching = false;

/** One program in a process group of its own, ended as a whole. */
export class ProcessGroup {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = Promise.race([once(child, 'exit'), once(child, 'error')]);
    this.#ended.catch(() => undefined);
  }

  /** Starts a program. It does not outlive this process, unless that is killed. */
  static start(program: string, args: readonly string[], options: ProcessGroupOptions = {}): ProcessGroup {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'ignore', 'ignore', ...(options.isAnswering === true ? (['pipe'] as const) : [])],
      detached: true,
    });
    const group = new ProcessGroup(child);
    running.add(group);
    watchOwnEnd();
    return group;
  }

  /** Whether the program still runs. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  /**
   * The first line that the program writes to file descriptor 3.
   *
   * @throws when it ends before
   */
  async firstLine(): Promise<string> {
    const answers = this.#child.stdio[3];
    if (answers === null || answers === undefined || !('setEncoding' in answers)) {
      throw new Error('The program was not started to answer.');
    }
    let text = '';
    for await (const chunk of answers.setEncoding('utf8')) {
      text += String(chunk);
      if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
    }
    throw new Error(`${this.#child.spawnfile} ended without an answer.`);
  }

  /** Ends one process of the group, by the beginning of its name, with SIGKILL. Linux only. */
  killMember(namePrefix: string): void {
    const members = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => isMember(pid, this.#child.pid, namePrefix));
    if (members.length === 0) throw new Error(`The group has no process ${namePrefix}.`);
    for (const pid of members) process.kill(Number(pid), 'SIGKILL');
  }

  /** Ends the program and all that it started with SIGKILL. Resolves when the program is gone. */
  async kill(): Promise<void> {
    this.killNow();
    if (this.#child.pid !== undefined) await this.#ended;
  }

  /** As {@link ProcessGroup.kill}, without waiting. */
  killNow(): void {
    running.delete(this);
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nothing of it was left.
    }
  }
}

function isMember(pid: string, groupId: number | undefined, namePrefix: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const nameEnd = stat.lastIndexOf(')');
    const [state, , ownGroupId] = stat.slice(nameEnd + 2).split(' ');
    const name = stat.slice(stat.indexOf('(') + 1, nameEnd);
    return Number(ownGroupId) === groupId && state !== 'Z' && name.startsWith(namePrefix);
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

function watchOwnEnd(): void {
  if (isWatching) return;
  isWatching = true;
  const killAll = (): void => {
    for (const group of running) group.killNow();
  };
  process.on('exit', killAll);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    // Raised once more without this listener, so that it still ends what it was meant to end.
    process.once(signal, () => {
      killAll();
      process.kill(process.pid, signal);
    });
  }
}
