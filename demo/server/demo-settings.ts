import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The demo is for this machine only: it asks nobody who they are. */
export const HOSTNAME = '127.0.0.1';

const PORT_DEFAULT = 4173;
// Somebody with more demos than this running wants to hear of it.
const PORTS_TRIED_MAX = 20;
const PORT_MAX = 65_535;
const OTHERS_MAY_ENTER = 0o001;

/** Where the demo keeps the warehouse's books. */
export interface DataPlace {
  /** A PostgreSQL that runs already; undefined for the one that the demo starts. */
  readonly databaseUrl: string | undefined;
  /** Folder of the PostgreSQL that the demo starts. */
  readonly databaseDir: string;
  /** Why the folder is not in the project; undefined when it is, or when somebody chose it. */
  readonly remark: string | undefined;
}

/** Reads `DATABASE_URL` and `DAYBOOK_DEMO_DATA`; an empty value counts as none. */
export function dataPlace(projectDir: string, env: NodeJS.ProcessEnv): DataPlace {
  const databaseUrl = env['DATABASE_URL'] || undefined;
  const chosenDir = env['DAYBOOK_DEMO_DATA'] || undefined;
  if (chosenDir !== undefined) return { databaseUrl, databaseDir: chosenDir, remark: undefined };
  const ownDir = join(projectDir, '.daybook', 'demo-postgres');
  if (process.getuid?.() !== 0 || isEnterableByOthers(ownDir)) {
    return { databaseUrl, databaseDir: ownDir, remark: undefined };
  }
  // Named by the project's path, so that the next start finds the same books and another clone has its own.
  const name = createHash('sha256').update(projectDir).digest('hex').slice(0, 12);
  const remark = 'PostgreSQL does not run as root, and its user cannot enter the folder of this project.';
  return { databaseUrl, databaseDir: join(tmpdir(), `daybook-demo-${name}`), remark };
}

/** Where the object of the edge keeps the books: `DAYBOOK_DEMO_DATA`, or a folder of the project. */
export function edgeDir(projectDir: string, env: NodeJS.ProcessEnv): string {
  return env['DAYBOOK_DEMO_DATA'] || join(projectDir, '.daybook', 'demo-edge');
}

/** Folders that are missing are made by this process, and made enterable. */
function isEnterableByOthers(path: string): boolean {
  const parent = dirname(path);
  const enterable = !existsSync(path) || (statSync(path).mode & OTHERS_MAY_ENTER) !== 0;
  return enterable && (parent === path || isEnterableByOthers(parent));
}

/**
 * Finds a port to listen on: `PORT`, or the default, or the next free one after it; any free one for `PORT=0`.
 *
 * @throws RangeError when `PORT` is no port, or when no free one was found
 */
export async function freePort(env: NodeJS.ProcessEnv): Promise<number> {
  const first = env['PORT'] ? Number(env['PORT']) : PORT_DEFAULT;
  if (!Number.isInteger(first) || first < 0 || first > PORT_MAX)
    throw new RangeError(`PORT is not a port: ${env['PORT']}`);
  const last = Math.min(first + PORTS_TRIED_MAX - 1, PORT_MAX);
  for (let port = first; port <= last; port++) {
    const free = await tryPort(port);
    if (free !== undefined) return free;
  }
  throw new RangeError(`No port from ${first} to ${last} is free. Set PORT to another one.`);
}

// Looked up before the start, because starting PostgreSQL only to find the port taken would waste seconds.
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(undefined))
      .listen(port, HOSTNAME, () => {
        const { port: found } = probe.address() as AddressInfo;
        probe.close(() => resolve(found));
      });
  });
}
