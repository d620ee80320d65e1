import { expect, test } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { RELEASE } from '../../../src/host/protocol/release.js';

test("page and worker tell each other the package's version", () => {
  expect(RELEASE).toBe(manifest.version);
});
