import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sha256Now } from '../../src/util/sha256-now.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('sha256Now', () => {
  test('gives the digests of the standard', () => {
    expect(hex(sha256Now(new TextEncoder().encode('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(hex(sha256Now(new Uint8Array(0)))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  test('agrees with the platform at every length of two blocks and more, whatever the bytes', () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 251 + length * 7) & 255);
      expect(hex(sha256Now(bytes)), `${length} bytes`).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });
});
