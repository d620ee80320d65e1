import { afterEach, expect, test, vi } from 'vitest';
import { randomUuid } from '../../src/util/random-uuid.js';

afterEach(() => vi.unstubAllGlobals());

const VERSION_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('is a random UUID where there is nothing but getRandomValues', () => {
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  vi.stubGlobal('crypto', { getRandomValues });
  const made = Array.from({ length: 1_000 }, randomUuid);
  for (const uuid of made) expect(uuid).toMatch(VERSION_4);
  expect(new Set(made).size).toBe(made.length);
});
