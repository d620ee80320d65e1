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

/** Builds a page for each of some contenders. Rivals need {@link addFilesOfRivals} as well. */
export async function buildSite(places: SitePlaces, contenders: readonly ContenderInfo[]): Promise<void> {
  const { benchFolder, packageDist, siteFolder } = places;
  await rm(siteFolder, { recursive: true, force: true });
  await mkdir(siteFolder, { recursive: true });
  const entries = contenders.map(
    ({ id }) => [`contenders/${id}`, join(benchFolder, 'contenders', `${id}.ts`)] as const,
  );
  await bundle('page', join(benchFolder, 'runner/page.ts'), places);
  for (const [name, input] of entries) await bundle(name, input, places);
  await writeFile(join(siteFolder, 'index.html'), PAGE_HTML);
  await copyFile(join(packageDist, 'sql-wasm.wasm'), join(siteFolder, 'sql-wasm.wasm'));
  await cp(packageDist, join(siteFolder, 'daybook'), { recursive: true });
}

/** Adds what rivals load beside their scripts. */
export async function addFilesOfRivals(places: SitePlaces): Promise<void> {
  const { benchFolder, siteFolder } = places;
  // What belongs to packages is looked up as they export it, from where the contenders import them.
  const require = createRequire(join(benchFolder, 'contenders', 'x.js'));
  await bundle('contenders/livestore-leader', join(benchFolder, 'contenders/livestore/livestore-leader.ts'), places);
  // No module of ours: the package says that its modules do nothing when imported, and this one starts a worker.
  await bundle('contenders/livestore-shared', require.resolve('@livestore/adapter-web/shared-worker'), places);
  const copy = async (file: string, folder: string): Promise<void> => {
    await copyFile(require.resolve(file), join(folder, file.slice(file.lastIndexOf('/') + 1)));
  };
  await copy('@livestore/wa-sqlite/dist/wa-sqlite-jspi.wasm', siteFolder);
  // These look beside their script.
  for (const file of [
    '@sqlite.org/sqlite-wasm/sqlite3.wasm',
    '@livestore/wa-sqlite/dist/wa-sqlite.wasm',
    '@electric-sql/pglite/pglite.wasm',
    '@electric-sql/pglite/initdb.wasm',
    '@electric-sql/pglite/pglite.data',
  ]) {
    await copy(file, join(siteFolder, 'contenders'));
  }
}

async function bundle(name: string, input: string, { packageDist, siteFolder }: SitePlaces): Promise<void> {
  const build = await rolldown({
    input: { [name]: input },
    platform: 'browser',
    resolve: {
      alias: {
        'daybook/application': join(packageDist, 'application.js'),
        'daybook/live': join(packageDist, 'live.js'),
        'daybook/states': join(packageDist, 'states.js'),
        'daybook/sync': join(packageDist, 'sync.js'),
        daybook: join(packageDist, 'index.js'),
      },
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
