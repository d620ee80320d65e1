/** What the benchmark of moving does, with little: both ways have all of it, and the file's has equal hashes. */
import { expect, inject, onTestFinished, test } from 'vitest';
import { buildOldHouse, moveByFiles, moveByHand } from '../../bench/load/moving-house.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

test(`events move from PostgreSQL to SQLite and back, by a file and by hand (SEED=${SEED})`, async () => {
  const { path, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  const admin = await createPgPool({ connectionString: inject('pgUrl') });
  onTestFinished(() => admin.end());
  const name = uniqueName();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(inject('pgUrl'));
  url.pathname = name;
  const house = await buildOldHouse(url.href, { seed: SEED, events: 2_500 });
  try {
    for (const move of [moveByFiles, moveByHand, moveByFiles]) {
      const { thereMs, backMs } = await move(house, path);
      expect(Math.min(thereMs, backMs)).toBeGreaterThan(0);
    }
  } finally {
    await house.close();
  }
});
