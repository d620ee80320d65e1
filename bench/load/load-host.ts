/**
 * A server under load: the Node host with a PostgreSQL of its own that keeps its promises, and all of its defaults.
 *
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNodeHost } from '../../src/server/hosts/index.js';
import type { NodeHost } from '../../src/server/hosts/index.js';

/**
 * Runs work beside a host, whose tokens name their subjects.
 *
 * @param corsOrigins - of pages that may ask it
 */
export async function withLoadHost<T>(
  work: (host: NodeHost) => Promise<T>,
  corsOrigins: readonly string[] = [],
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
  // PostgreSQL does not run as root, whoever runs the benchmark.
  await chmod(folder, 0o755);
  try {
    const host = await startNodeHost({
      port: 0,
      corsOrigins,
      databaseDir: join(folder, 'postgres'),
      verifyToken: (token) => ({ subject: token }),
      // A line for each request would be measured as well.
      log: (message, error) => process.stderr.write(`${message} ${String(error)}\n`),
    });
    try {
      return await work(host);
    } finally {
      await host.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
