import { test } from '@playwright/test';
import { fileURLToPath } from 'node:url';
import { runSoak } from '../soak/soak-run.js';
import { BROWSER_NAMES } from '../support/browsers.js';
import { expect } from './support/patient-expect.js';

// As many as take a few seconds; Firefox needs longer to start after it was killed. `npm run soak` has more of them.
const ROUNDS = { chromium: 4, firefox: 2 };

test('random commits from three tabs of a browser that is killed again and again: nothing is lost, nothing twice', async ({
  browserName,
}, testInfo) => {
  const name = BROWSER_NAMES.find((known) => known === browserName)!;
  const seed = Date.now() % 2 ** 31;
  testInfo.annotations.push({ type: 'seed', description: String(seed) });
  const rounds = ROUNDS[name];
  console.log(`Soak of ${rounds} rounds in ${name}, --seed ${seed}`);
  const projectDir = fileURLToPath(new URL('../../', import.meta.url));
  const { problems, counts } = await runSoak({
    projectDir,
    browserName: name,
    rounds,
    seed,
    log: () => undefined,
  });
  expect(problems).toEqual([]);
  expect(counts.acknowledged).toBeGreaterThan(10);
});
