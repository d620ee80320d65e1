/**
 * The rules of the house (`.dependency-cruiser.cjs`) find what they are for: each is shown a house with one fault in it.
 * That this repository has none is checked by `npm run check`.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const ROOT = join(import.meta.dirname, '../..');
const RULES = '.dependency-cruiser.cjs';
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
const MANIFEST = { name: 'house', type: 'module', dependencies: { pg: '*' } };

interface House {
  /** What each file imports, by path. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** The rules that it breaks, each once, in alphabetical order. */
  readonly breaks: readonly string[];
}

const HOUSES: Readonly<Record<string, House>> = {
  'imports that go down break nothing': {
    files: {
      'src/util/clock.ts': [],
      'src/persistence/recorder.ts': ['../util/clock.js'],
      'src/persistence/sql/sql-recorder.ts': ['../recorder.js'],
      'src/persistence/postgres/postgres-recorder.ts': ['../recorder.js', '../sql/sql-recorder.js', 'pg'],
    },
    breaks: [],
  },
  'an import that goes up is found': {
    files: { 'src/util/clock.ts': ['../domain/errors.js'], 'src/domain/errors.ts': [] },
    breaks: ['layer: util'],
  },
  'an import from one engine into another is found': {
    files: {
      'src/persistence/postgres/postgres-rows.ts': ['../sqlite/sqlite-rows.js'],
      'src/persistence/sqlite/sqlite-rows.ts': [],
    },
    breaks: ['layer: persistence/postgres'],
  },
  'files that import each other are found': {
    files: { 'src/util/one.ts': ['./two.js'], 'src/util/two.ts': ['./one.js'] },
    breaks: ['no cycles'],
  },
  'folders that import each other are found, though no two files do, and within one room': {
    files: {
      'src/application/log/one/a.ts': ['../two/b.js'],
      'src/application/log/two/b.ts': [],
      'src/application/log/two/c.ts': ['../one/d.js'],
      'src/application/log/one/d.ts': [],
    },
    breaks: ['no cycles of folders'],
  },
  'a second door to a third party is found': {
    files: { 'src/server/push-handler.ts': ['pg'] },
    breaks: ['door: pg'],
  },
  'a folder that has no place among the layers is found': {
    files: { 'src/attic/chest.ts': [], 'src/attic/attic.ts': ['./chest.js'] },
    breaks: ['no file outside the rooms', 'no import into a file outside the rooms'],
  },
};

async function rulesBrokenBy({ files }: House): Promise<string[]> {
  const folder = await makeTemporaryFolder();
  try {
    const write = async (path: string, text: string): Promise<void> => {
      await mkdir(dirname(join(folder.path, path)), { recursive: true });
      await writeFile(join(folder.path, path), text);
    };
    await copyFile(join(ROOT, RULES), join(folder.path, RULES));
    await copyFile(join(ROOT, 'tsconfig.json'), join(folder.path, 'tsconfig.json'));
    await write('package.json', JSON.stringify(MANIFEST));
    await write('node_modules/pg/package.json', JSON.stringify({ name: 'pg', main: 'index.js' }));
    await write('node_modules/pg/index.js', '');
    for (const [path, imports] of Object.entries(files)) {
      await write(path, `${imports.map((path) => `import '${path}';\n`).join('')}export {};\n`);
    }
    return await brokenRules(folder.path);
  } finally {
    await folder.remove();
  }
}

async function brokenRules(folder: string): Promise<string[]> {
  const command = [CRUISER, '--config', RULES, '--output-type', 'json', 'src'];
  // It ends with the number of faults.
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder, maxBuffer: 1 << 24 }).catch(
    (error: unknown) => error as { stdout: string },
  );
  const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))].sort();
}

for (const [name, house] of Object.entries(HOUSES)) {
  test(name, { timeout: 60_000 }, async () => {
    expect(await rulesBrokenBy(house)).toEqual(house.breaks);
  });
}
