import { expect, test } from 'vitest';
import { validateStoreName } from '../../../src/host/protocol/store-name.js';

test('a store may be called anything of 1 to 200 characters', () => {
  for (const name of ['a', 'user:7', 'Käse 🧀', 'x'.repeat(200)]) expect(() => validateStoreName(name)).not.toThrow();
});

test('but not half a character: two such names would be one lock and one channel', () => {
  for (const name of ['\ud83e', 'a\uddc0', '\uddc0\ud83e', '', 'x'.repeat(201), 7 as unknown as string]) {
    expect(() => validateStoreName(name)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  }
});
