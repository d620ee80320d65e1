import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ASSETS } from '../../src/assets/copy-assets.js';
import manifest from '../../package.json' with { type: 'json' };
import { installedCommand } from '../support/installed-command.js';

/** The command as it is installed, with what it copies beside it. */
async function installed(): ReturnType<typeof installedCommand> {
  const command = await installedCommand();
  for (const name of ASSETS) await writeFile(join(command.folder, 'build', name), `the new ${name}`);
  return command;
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
