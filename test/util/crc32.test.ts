import { buf } from 'crc-32';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 } from '../../src/util/crc32.js';

test('the check value of CRC-32', () => {
  expect(crc32(new TextEncoder().encode('123456789')) >>> 0).toBe(0xcbf43926);
});

test('of any bytes as the library that wrote the first journals', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => crc32(bytes) === buf(bytes)));
});
