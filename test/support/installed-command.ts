import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { on, once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from 'rolldown';
import { onTestFinished } from 'vitest';
import { makeTemporaryFolder } from './temporary-folder.js';

const ROOT = join(import.meta.dirname, '../..');

/** What came of a command. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in its folder. */
export interface RunCommand {
  (...args: string[]): Promise<Ran>;
  /** The same, with something on its standard input. */
  with(input: string): (...args: string[]) => Promise<Ran>;
  /** Begins it, for somebody who may end it at any moment. */
  begin(...args: string[]): Begun;
}

/** A command that runs. */
export interface Begun {
  /** As it is ended by the system, which asks nobody. */
  kill(): Promise<void>;
  /** Until something of this kind is on its standard error. */
  said(what: RegExp): Promise<void>;
  readonly ended: Promise<Ran>;
}

/** The command `daybook` as it is installed: in `build/` of a folder of its own, in which it runs. */
export async function installedCommand(): Promise<{ readonly folder: string; readonly run: RunCommand }> {
  const { path: folder, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  const dir = join(folder, 'build');
  await build({
    input: { daybook: join(ROOT, 'src/cli/daybook.ts') },
    platform: 'node',
    logLevel: 'silent',
    // Found from here, as it is found beside the installed package.
    plugins: [
      { name: 'pg', resolveId: (id) => (id === 'pg' ? { id: import.meta.resolve('pg'), external: true } : null) },
    ],
    output: { dir, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
  });
  const cli = join(dir, 'daybook.mjs');
  const begin = (input: string, args: readonly string[]): Begun => beginNode([cli, ...args], folder, input);
  const run = (input: string, args: readonly string[]): Promise<Ran> => begin(input, args).ended;
  return {
    folder,
    run: Object.assign((...args: string[]) => run('', args), {
      with:
        (input: string) =>
        (...args: string[]) =>
          run(input, args),
      begin: (...args: string[]) => begin('', args),
    }),
  };
}

function beginNode(args: readonly string[], cwd: string, input: string): Begun {
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  // A command that does not read has ended.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = ranOf(child);
  return {
    ended,
    async said(what) {
      for await (const [bytes] of on(child.stderr, 'data') as AsyncIterable<[Buffer]>) {
        if (what.test(bytes.toString())) return;
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function ranOf(child: ChildProcessWithoutNullStreams): Promise<Ran> {
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  // Of one that was killed there is none.
  const [code] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await outputs;
  return { code: code ?? -1, stdout, stderr };
}
