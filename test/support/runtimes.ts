/**
 * Deno and Bun, from npm, and the package as it is built for them to load.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import type { RolldownOptions } from 'rolldown';
import { makeTemporaryFolder } from './temporary-folder.js';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAMS = join(ROOT, 'test/runtimes/programs');
const BUILD = pathToFileURL(join(ROOT, 'rolldown.config.mjs')).href;
const { resolve } = createRequire(import.meta.url);

/** What runs programs. */
export interface Runtime {
  readonly name: 'Node' | 'Deno' | 'Bun';
  /** Before the program. */
  readonly command: readonly string[];
  /** Why there is none here. */
  readonly missing: string | undefined;
}

/** Those that npm carries the programs of for this machine, and Node. */
export const RUNTIMES: Readonly<Record<Runtime['name'], Runtime>> = {
  Node: { name: 'Node', command: [process.execPath], missing: undefined },
  Deno: found(
    'Deno',
    `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`,
    'deno',
    ['run', '--allow-all', '--node-modules-dir=manual'],
  ),
  Bun: found('Bun', `@oven/bun-${bunPlatform()}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`, 'bin/bun', []),
};

/** Not by the packages `deno` and `bun`, whose scripts would have to be run for it: by those that have the programs. */
function found(name: Runtime['name'], carrier: string, program: string, args: readonly string[]): Runtime {
  let path: string;
  try {
    path = join(dirname(resolve(`${carrier}/package.json`)), process.platform === 'win32' ? `${program}.exe` : program);
  } catch {
    return {
      name,
      command: [],
      missing: `npm has no ${name} for ${process.platform} ${process.arch}, or did not install it`,
    };
  }
  // A processor may lack what it is compiled for.
  const { status, signal } = spawnSync(path, ['--version']);
  const missing = status === 0 ? undefined : `${name} does not run here (${signal ?? status ?? 'not found'})`;
  return { name, command: [path, ...args], missing };
}

function bunPlatform(): string {
  return process.platform === 'win32' ? 'windows' : process.platform;
}

/** A folder in which `daybook` is installed as it is built, with programs beside it. */
export interface InstalledPackage extends AsyncDisposable {
  /** Runs a program to its end. @returns the last line that it printed, which is JSON */
  run(runtime: Runtime, program: string, ...args: readonly string[]): Promise<unknown>;
  /** Starts one that prints a line of JSON, and ends with its standard input. */
  start(runtime: Runtime, program: string, ...args: readonly string[]): Promise<RunningProgram>;
  readonly folder: string;
}

/** A program that runs. */
export interface RunningProgram {
  readonly said: unknown;
  /** Lets it end. @returns how it ended */
  stop(): Promise<number | null>;
}

/** Builds the package, and installs it. */
export async function installPackage(): Promise<InstalledPackage> {
  const { path: folder, remove } = await makeTemporaryFolder();
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'daybook');
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
  const { libraryBuild } = (await import(BUILD)) as { readonly libraryBuild: RolldownOptions };
  const library = await rolldown(libraryBuild);
  await library.write({ ...(libraryBuild.output as object), sourcemap: false, dir: join(installed, 'dist') });
  await library.close();
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const others = [...Object.keys(dependencies), 'pg', 'sql.js'];
  for (const name of others) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  const asked = Object.fromEntries(['daybook', ...others].map((name) => [name, '*']));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies: asked }));
  for (const program of ['conformance.mjs', 'server.mjs']) copyFileSync(join(PROGRAMS, program), join(folder, program));
  await buildDevice(join(folder, 'device.mjs'));
  const begin = (runtime: Runtime, program: string, args: readonly string[]): ChildProcessWithoutNullStreams => {
    const [command = '', ...before] = runtime.command;
    return spawn(command, [...before, program, ...args], { cwd: folder, stdio: 'pipe' });
  };
  return {
    folder,
    async run(runtime, program, ...args) {
      const child = begin(runtime, program, args);
      child.stdin.end();
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return parsed(out.trim().split('\n').at(-1), `${runtime.name} ${program}`, err);
    },
    async start(runtime, program, ...args) {
      const child = begin(runtime, program, args);
      const errors = text(child.stderr);
      const ended = once(child, 'exit') as Promise<[number | null]>;
      const lines = createInterface({ input: child.stdout });
      const [line] = (await Promise.race([once(lines, 'line'), once(lines, 'close').then(() => [])])) as [string?];
      const said = parsed(line, `${runtime.name} ${program}`, line === undefined ? await errors : '');
      return {
        said,
        async stop() {
          child.stdin.end();
          return (await ended)[0];
        },
      };
    },
    [Symbol.asyncDispose]: remove,
  };
}

function parsed(line: string | undefined, what: string, errors: string): unknown {
  try {
    return JSON.parse(line ?? '') as unknown;
  } catch {
    throw new Error(`${what} said no JSON, but ${line ?? 'nothing'}.\n${errors}`);
  }
}

/** The device of the tests of synchronisation, in one file: a store as a browser has it, whose journal is in memory. */
async function buildDevice(file: string): Promise<void> {
  const vitest = join(PROGRAMS, 'waiting.ts');
  const device = await rolldown({
    input: join(PROGRAMS, 'device.ts'),
    platform: 'node',
    logLevel: 'silent',
    treeshake: { moduleSideEffects: false },
    resolve: { alias: { vitest } },
    external: ['sql.js'],
  });
  await device.write({ file, format: 'esm' });
  await device.close();
}
