/**
 * The Python library `eventsourcing` itself, where there is one: `DAYBOOK_PYTHON` (by default `python3`) finds it, and
 * psycopg, by its own search path, such as `PYTHONPATH`.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

const PYTHON = process.env['DAYBOOK_PYTHON'] ?? 'python3';
const FOLDER = fileURLToPath(new URL('python', import.meta.url));

/** Something that the application is to do: a method of `School` in `python/dogschool.py`, and its arguments. */
export interface PythonStep {
  readonly do: string;
  readonly with?: object;
}

/** @returns why there is none; `undefined` when there is one */
export function whyNoPythonLibrary(): string | undefined {
  const { status, stderr, error } = spawnSync(PYTHON, ['-c', 'import eventsourcing.postgres'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? '';
  return `${PYTHON} cannot import eventsourcing.postgres: ${why}`;
}

/** Lets an application of the library do something, in a process of its own. @returns what came of each step */
export async function inPython(url: string, name: string, steps: readonly PythonStep[]): Promise<readonly unknown[]> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const env = {
    PERSISTENCE_MODULE: 'eventsourcing.postgres',
    POSTGRES_DBNAME: pathname.slice(1),
    POSTGRES_HOST: hostname,
    POSTGRES_PORT: port,
    POSTGRES_USER: decodeURIComponent(username),
    POSTGRES_PASSWORD: decodeURIComponent(password),
  };
  const pythonPath = [FOLDER, process.env['PYTHONPATH'] ?? ''].filter(Boolean).join(delimiter);
  const child = spawn(PYTHON, ['-c', 'import dogschool; dogschool.main()'], {
    env: { ...process.env, PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: '1' },
  });
  child.stdin.end(JSON.stringify({ name, env, steps }));
  const [out, err, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ]);
  if (code !== 0) throw new Error(`Python ended with ${code}: ${err}`);
  return JSON.parse(out) as readonly unknown[];
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
