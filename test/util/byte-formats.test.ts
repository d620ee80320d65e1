import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBase64, toBase64 } from '../../src/util/base64.js';
import { ByteReader } from '../../src/util/byte-reader.js';
import { ByteWriter } from '../../src/util/byte-writer.js';

describe('ByteWriter and ByteReader', () => {
  test('integers up to 2^53 - 1, texts and bytes come back', () => {
    const item = fc.oneof(
      fc.record({ kind: fc.constant('varint' as const), value: fc.maxSafeNat() }),
      fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
      fc.record({ kind: fc.constant('sized' as const), value: fc.uint8Array() }),
    );
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const writer = new ByteWriter(1);
        for (const { kind, value } of items) {
          if (kind === 'varint') writer.varint(value);
          else if (kind === 'text') writer.text(value);
          else writer.sized(value);
        }
        const reader = new ByteReader(writer.finish());
        for (const { kind, value } of items) {
          if (kind === 'varint') expect(reader.varint()).toBe(value);
          else if (kind === 'text') expect(reader.text()).toBe(value);
          else expect(new Uint8Array(reader.sized())).toEqual(new Uint8Array(value));
        }
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  test.each([
    ['nothing', []],
    ['an integer that does not end', [0x80]],
    ['an integer beyond 2^53 - 1', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes)).varint()).toThrow(RangeError);
  });

  test('a mark of the byte order is kept, at the start as anywhere', () => {
    const writer = new ByteWriter();
    writer.text('\u{feff}stock\u{feff}');
    expect(new ByteReader(writer.finish()).text()).toBe('\u{feff}stock\u{feff}');
  });

  test('refuses a length beyond the end, and text that is not UTF-8', () => {
    expect(() => new ByteReader(Uint8Array.of(3, 1)).sized()).toThrow(RangeError);
    expect(() => new ByteReader(Uint8Array.of(1, 0xff)).text()).toThrow(TypeError);
  });
});

describe('base64', () => {
  test('agrees with the platform, with and without its own methods', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(text)).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  test('large arrays do not overflow the stack', () => {
    const bytes = new Uint8Array(1_000_000).fill(7);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });
});
