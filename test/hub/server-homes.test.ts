/** One server in each of its homes: the same cases, over real HTTP, with real devices, and servers that are killed by the system. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { HOME_CASES, NOT_THERE } from '../support/homes/home-cases.js';
import { HomeScene } from '../support/homes/home-scene.js';
import { HOME_NAMES, ServerHome } from '../support/homes/server-homes.js';

describe.each(HOME_NAMES)('%s', (name) => {
  let home: ServerHome;
  beforeAll(async () => {
    home = await ServerHome.open(name);
  });
  afterAll(() => home.close());

  for (const [title, run] of Object.entries(HOME_CASES)) {
    const reason = NOT_THERE[title]?.[name];
    test.skipIf(reason !== undefined)(
      `${title}${reason === undefined ? '' : ` (not here: ${reason})`}`,
      { timeout: 180_000 },
      async () => {
        await using scene = await HomeScene.open(home);
        await run(scene);
      },
    );
  }
});
