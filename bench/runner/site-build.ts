/**
 * Builds what the browser loads: one script for each contender, so that none carries another's code.
 *
 * @module
 */
import { cp, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { rolldown } from 'rolldown';
import type { ContenderInfo } from './contender.js';

const PAGE_HTML = '<!doctype html><title>Daybook benchmark</title><script type="module" src="/page.js"></script>\n';
const PACKAGES = `${sep}node_modules${sep}`;

/** Where things lie. */
export interface SitePlaces {
  /** The folder `bench`. */
  readonly benchFolder: string;
  /** The package's own `dist`, of which the main-thread contender is made. */
  readonly packageDist: string;
  /** Written anew. */
  readonly siteFolder: string;
}

export async function buildSite(places: SitePlaces, contenders: readonly ContenderInfo[]): Promise<void> {
  const { benchFolder, packageDist, siteFolder } = places;
  await rm(siteFolder, { recursive: true, force: true });
  await mkdir(siteFolder, { recursive: true });
  const entries = contenders.map(
    ({ id }) => [`contenders/${id}`, join(benchFolder, 'contenders', `${id}.ts`)] as const,
  );
  // What belongs to packages is looked up as they export it, from where the contenders import them.
  const require = createRequire(join(benchFolder, 'contenders', 'x.js'));
  await bundle('page', join(benchFolder, 'runner/page.ts'), places);
  await bundle('contenders/livestore-leader', join(benchFolder, 'contenders/livestore/livestore-leader.ts'), places);
  // No module of ours: the package says that its modules do nothing when imported, and this one starts a worker.
  await bundle('contenders/livestore-shared', require.resolve('@livestore/adapter-web/shared-worker'), places);
  for (const [name, input] of entries) await bundle(name, input, places);
  await writeFile(join(siteFolder, 'index.html'), PAGE_HTML);
  for (const file of ['sql.js/dist/sql-wasm.wasm', '@livestore/wa-sqlite/dist/wa-sqlite-jspi.wasm']) {
    await copyFile(require.resolve(file), join(siteFolder, file.slice(file.lastIndexOf('/') + 1)));
  }
  // These look beside their script.
  for (const file of [
    '@sqlite.org/sqlite-wasm/sqlite3.wasm',
    '@livestore/wa-sqlite/dist/wa-sqlite.wasm',
    '@electric-sql/pglite/pglite.wasm',
    '@electric-sql/pglite/initdb.wasm',
    '@electric-sql/pglite/pglite.data',
  ]) {
    await copyFile(require.resolve(file), join(siteFolder, 'contenders', file.slice(file.lastIndexOf('/') + 1)));
  }
  await cp(packageDist, join(siteFolder, 'daybook'), { recursive: true });
}

async function bundle(name: string, input: string, { packageDist, siteFolder }: SitePlaces): Promise<void> {
  const build = await rolldown({
    input: { [name]: input },
    platform: 'browser',
    resolve: {
      alias: { daybook: join(packageDist, 'index.js') },
      extensionAlias: { '.js': ['.ts', '.js'] },
    },
    // Minified by nobody: both sides are compiled by the same engine, and profiles stay readable.
    logLevel: 'warn',
    // Packages are as they are: PGlite's has code for Node in it, which a browser never comes to.
    onLog: (level, log, report) => {
      if (log.id?.includes(PACKAGES) !== true) report(level, log);
    },
  });
  await build.write({ dir: siteFolder, format: 'esm', entryFileNames: '[name].js', codeSplitting: false });
  await build.close();
}
