import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'rolldown';
import { expect, onTestFinished, test } from 'vitest';
import { ASSETS } from '../../src/assets/copy-assets.js';
import manifest from '../../package.json' with { type: 'json' };
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const ROOT = join(import.meta.dirname, '../..');

/** The command as it is installed: one file, with what it copies beside it. */
async function installed(): Promise<{ readonly folder: string; run(...args: string[]): Promise<Ran> }> {
  const { path: folder, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  const cli = join(folder, 'build/daybook.mjs');
  await build({
    input: join(ROOT, 'src/cli/daybook.ts'),
    platform: 'node',
    external: (id) => /^[^./]/.test(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'silent',
    output: { file: cli, format: 'esm', codeSplitting: false },
  });
  for (const name of ASSETS) await writeFile(join(folder, 'build', name), `the new ${name}`);
  return { folder, run: (...args) => ranNode([cli, ...args], folder) };
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ranNode(args: readonly string[], cwd: string): Promise<Ran> {
  const running = promisify(execFile)(process.execPath, args, { cwd });
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) => error as Ran,
  );
}

test('copies the three files, over those of an older release, into a folder that it makes', async () => {
  const { folder, run } = await installed();
  const { code, stdout } = await run('copy-assets', 'public/daybook');
  expect(code).toBe(0);
  for (const name of ASSETS) {
    expect(stdout).toContain(join('public/daybook', name));
    expect(await readFile(join(folder, 'public/daybook', name), 'utf8')).toBe(`the new ${name}`);
    await writeFile(join(folder, 'public/daybook', name), 'old');
  }
  expect((await run('copy-assets', 'public/daybook')).code).toBe(0);
  for (const name of ASSETS) {
    expect(await readFile(join(folder, 'public/daybook', name), 'utf8')).toBe(`the new ${name}`);
  }
});

test('says what is wrong', async () => {
  const { folder, run } = await installed();
  await writeFile(join(folder, 'file'), '');
  expect(await run('copy-assets', 'file/below')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('file'),
  });
  for (const args of [['copy-assets'], ['copy-assets', 'a', 'b'], ['copy-assets', '--force']]) {
    expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining('One folder is needed.') });
  }
  expect(await run('copy-assets', '--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Usage: daybook copy-assets'),
  });
});

test('every file that it copies is in the package', () => {
  for (const name of ASSETS) expect(Object.keys(manifest.exports)).toContain(`./${name}`);
  expect(manifest.bin.daybook).toBe('./dist/daybook.js');
});
