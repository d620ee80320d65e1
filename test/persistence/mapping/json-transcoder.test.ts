import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DateTime } from '../../../src/domain/date-time.js';
import { Decimal } from '../../../src/domain/decimal.js';
import { UUID } from '../../../src/domain/uuid.js';
import { DataError } from '../../../src/persistence/errors.js';
import { JSONTranscoder } from '../../../src/persistence/mapping/json-transcoder.js';
import type { Transcoding } from '../../../src/persistence/mapping/transcoder.js';
import {
  BytesAsBase64,
  DatetimeAsISO,
  DecimalAsStr,
  MapAsItems,
  SetAsItems,
  UUIDAsHex,
} from '../../../src/persistence/mapping/transcodings.js';

interface Vector {
  readonly label: string;
  readonly utf8: string;
  readonly hex: string;
  readonly roundtrip_equal: boolean;
}
const { transcoder: vectors } = JSON.parse(
  readFileSync(new URL('../../vectors/python-eventsourcing.json', import.meta.url), 'utf8'),
) as { transcoder: Vector[] };

const pythonTranscoder = (): JSONTranscoder =>
  new JSONTranscoder().register(new UUIDAsHex()).register(new DatetimeAsISO()).register(new DecimalAsStr());
const fullTranscoder = (): JSONTranscoder =>
  pythonTranscoder().register(new BytesAsBase64()).register(new MapAsItems()).register(new SetAsItems());

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (json: string): Uint8Array => new TextEncoder().encode(json);

describe('bytes that Python wrote', () => {
  // A float with an integral value comes back as an integer: JavaScript does not tell them apart.
  const same = vectors.filter(({ roundtrip_equal, label }) => roundtrip_equal && label !== 'float');
  test.each(same.map((vector) => [vector.label, vector] as const))(
    '%s: the same after decoding and encoding',
    (_label, vector) => {
      const transcoder = pythonTranscoder();
      const encoded = transcoder.encode(transcoder.decode(Buffer.from(vector.hex, 'hex')));
      expect(text(encoded)).toBe(vector.utf8);
      expect(Buffer.from(encoded).toString('hex')).toBe(vector.hex);
    },
  );

  test('a float with an integral value becomes an integer', () => {
    expect(text(pythonTranscoder().encode(pythonTranscoder().decode(bytes('1.0'))))).toBe('1');
  });
});

describe('numbers', () => {
  // Left: JavaScript's value; right: what Python's json module writes for it.
  test.each<[number | bigint, string]>([
    [0, '0'],
    [-0, '-0.0'],
    [9_007_199_254_740_991, '9007199254740991'],
    [9_007_199_254_740_992, '9007199254740992.0'],
    [123_456_789_012_345_678_901_234_567_890n, '123456789012345678901234567890'],
    [-1n, '-1'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [1e16, '1e+16'],
    [1.2345678901234568e20, '1.2345678901234568e+20'],
    [1e100, '1e+100'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ])('%s is written %s', (value, written) => {
    const transcoder = new JSONTranscoder();
    expect(text(transcoder.encode(value))).toBe(written);
    if (typeof value === 'number') expect(transcoder.decode(bytes(written))).toBe(value);
  });

  test('integers beyond 2^53 are found wherever they stand', () => {
    for (let before = 0; before < 40; before++) {
      for (let after = 0; after < 20; after++) {
        const [left, right] = ['x'.repeat(before), '7'.repeat(after)];
        const text = `["${left}",9007199254740993,"${right}",-9007199254740993]`;
        const read = new JSONTranscoder().decode(new TextEncoder().encode(text));
        expect(read).toEqual([left, 9007199254740993n, right, -9007199254740993n]);
      }
    }
  });

  test('integers beyond 2^53 are bigints, also within data; texts that look like numbers stay texts', () => {
    const json = '{"a":[9223372036854775807,-9007199254740993,12],"b":"9223372036854775807 NaN","NaN":NaN}';
    const value = new JSONTranscoder().decode(bytes(json));
    expect(value).toEqual({
      a: [9_223_372_036_854_775_807n, -9_007_199_254_740_993n, 12],
      b: '9223372036854775807 NaN',
      NaN: Number.NaN,
    });
    expect(text(new JSONTranscoder().encode(value))).toBe(json);
  });

  test('any number comes back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger()), (value) => {
        const transcoder = new JSONTranscoder();
        expect(transcoder.decode(transcoder.encode(value))).toBe(value);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('values of other types', () => {
  test('nested custom types, in the bytes that the reference document shows', () => {
    class DateOnly {
      readonly iso: string;
      constructor(iso: string) {
        this.iso = iso;
      }
    }
    class SimpleCustomValue {
      readonly id: UUID;
      readonly date: DateOnly;
      constructor(id: UUID, date: DateOnly) {
        this.id = id;
        this.date = date;
      }
    }
    class ComplexCustomValue {
      readonly value: SimpleCustomValue;
      constructor(value: SimpleCustomValue) {
        this.value = value;
      }
    }
    const dateAsIso: Transcoding<DateOnly, string> = {
      name: 'date_iso',
      is: (value) => value instanceof DateOnly,
      encode: ({ iso }) => iso,
      decode: (iso) => new DateOnly(iso),
    };
    const simple: Transcoding<SimpleCustomValue, { id: UUID; date: DateOnly }> = {
      name: 'simple_custom_value',
      is: (value) => value instanceof SimpleCustomValue,
      encode: ({ id, date }) => ({ id, date }),
      decode: ({ id, date }) => new SimpleCustomValue(id, date),
    };
    const complex: Transcoding<ComplexCustomValue, SimpleCustomValue> = {
      name: 'complex_custom_value',
      is: (value) => value instanceof ComplexCustomValue,
      encode: ({ value }) => value,
      decode: (value) => {
        expect(value).toBeInstanceOf(SimpleCustomValue);
        return new ComplexCustomValue(value);
      },
    };
    const transcoder = pythonTranscoder().register(dateAsIso).register(simple).register(complex);
    const value = new ComplexCustomValue(
      new SimpleCustomValue(UUID.parse('b2723fe2c01a40d2875ea3aac6a09ff5'), new DateOnly('2000-02-20')),
    );
    const encoded = transcoder.encode(value);
    expect(text(encoded)).toBe(
      '{"_type_":"complex_custom_value","_data_":{"_type_":"simple_custom_value","_data_":{"id":{"_type_":"uuid_hex","_data_":"b2723fe2c01a40d2875ea3aac6a09ff5"},"date":{"_type_":"date_iso","_data_":"2000-02-20"}}}}',
    );
    const decoded = transcoder.decode(encoded) as ComplexCustomValue;
    expect(decoded).toBeInstanceOf(ComplexCustomValue);
    expect(decoded.value.id.equals(value.value.id)).toBe(true);
  });

  test('a Date is written as Python writes an aware datetime, and read as a DateTime or a Date', () => {
    const date = new Date('2024-02-07T15:32:51.120Z');
    const encoded = pythonTranscoder().encode(date);
    expect(text(encoded)).toBe('{"_type_":"datetime_iso","_data_":"2024-02-07T15:32:51.120000+00:00"}');
    expect((pythonTranscoder().decode(encoded) as DateTime).toDate()).toEqual(date);
    const toDates = new JSONTranscoder().register(new DatetimeAsISO({ decodesTo: 'Date' }));
    expect(toDates.decode(encoded)).toEqual(date);
    expect(() =>
      toDates.decode(bytes('{"_type_":"datetime_iso","_data_":"2024-02-07T15:32:51.123456+00:00"}')),
    ).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }));
    expect(() => toDates.decode(bytes('{"_type_":"datetime_iso","_data_":"2024-02-07T15:32:51"}'))).toThrow(
      expect.objectContaining({ code: 'DATA_ERROR' }),
    );
  });

  test('bytes, maps and sets come back, with whatever is in them', () => {
    const value = {
      bytes: Uint8Array.of(0, 255, 128),
      map: new Map<unknown, unknown>([
        ['a', new Set([1, 2n ** 70n])],
        [2, Uint8Array.of(1)],
      ]),
    };
    expect(fullTranscoder().decode(fullTranscoder().encode(value))).toEqual(value);
  });

  test('transcodings can be registered as classes, and a later one replaces an earlier one', () => {
    const transcoder = new JSONTranscoder().register(UUIDAsHex).register(UUIDAsHex);
    expect(text(transcoder.encode(UUID.parse('{B2723FE2-C01A-40D2-875E-A3AAC6A09FF5}')))).toBe(
      '{"_type_":"uuid_hex","_data_":"b2723fe2c01a40d2875ea3aac6a09ff5"}',
    );
  });

  test('what has no transcoding is refused with a TypeError, nested too', () => {
    class Dog {}
    const refused: [unknown, string][] = [
      [new Date(0), 'Date'],
      [{ dogs: [new Dog()] }, 'Dog'],
      [undefined, 'undefined'],
      [{ a: undefined }, 'undefined'],
      [[1, , 2], 'undefined'],
      [() => 1, 'function'],
      [Symbol('s'), 'symbol'],
    ];
    for (const [value, type] of refused) {
      const encode = (): unknown => new JSONTranscoder().encode(value);
      expect(encode).toThrow(TypeError);
      expect(encode).toThrow(
        `Object of type ${type} is not serializable. Please define and register a custom transcoding for this type.`,
      );
    }
  });

  test('a name without a transcoding is refused with a TypeError', () => {
    const decode = (): unknown => new JSONTranscoder().decode(bytes('[{"_type_":"decimal_str","_data_":"1"}]'));
    expect(decode).toThrow(TypeError);
    expect(decode).toThrow(
      "Data serialized with name 'decimal_str' is not deserializable. Please register a custom transcoding for this type.",
    );
  });
});

describe('hostile and reserved shapes', () => {
  test.each([
    [{ _type_: 'uuid_hex', _data_: 'x' }],
    [{ _data_: 1, _type_: { _type_: 2, _data_: 3 } }],
    [{ _type_: 'object_as_items', _data_: [['a', 1]] }],
    [{ _type_: 'only' }],
    [{ _type_: 'uuid_hex', _data_: 'x', more: 1 }],
  ])('user data in the reserved shape comes back as it was: %j', (value) => {
    const decoded = pythonTranscoder().decode(pythonTranscoder().encode(value));
    expect(decoded).toEqual(value);
    expect(Object.keys(decoded as object)).toEqual(Object.keys(value));
  });

  test('two reserved keys among more, or one alone, are written as they are', () => {
    expect(text(new JSONTranscoder().encode({ _type_: 1 }))).toBe('{"_type_":1}');
  });

  test('the key __proto__ is data, and changes no prototype', () => {
    const json = '{"__proto__":{"_type_":"uuid_hex","_data_":"b2723fe2c01a40d2875ea3aac6a09ff5"}}';
    const decoded = pythonTranscoder().decode(bytes(json)) as object;
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(text(pythonTranscoder().encode(decoded))).toBe(json);
  });

  test('too deep data is refused, on both ways, and so is a loop', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(() => new JSONTranscoder().decode(bytes(deep))).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }));
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => new JSONTranscoder().encode(loop)).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }));
  });

  test.each([
    ['nothing', ''],
    ['half a value', '{"a":'],
    ['a comment', '[1] // one'],
    ['a byte order mark', '\ufeff1'],
    ['Python, not JSON', "{'a': True}"],
    ['a name that is not a text', '{"_type_":1,"_data_":2}'],
    ['data of the wrong type', '{"_type_":"uuid_hex","_data_":[]}'],
    ['data of the wrong form', '{"_type_":"decimal_str","_data_":"twelve"}'],
    ['a date that does not exist', '{"_type_":"datetime_iso","_data_":"2023-02-30T00:00:00"}'],
    ['an escape with broken items', '{"_type_":"object_as_items","_data_":7}'],
  ])('%s gives a typed error', (_what, json) => {
    expect(() => pythonTranscoder().decode(bytes(json))).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }));
  });

  test.each([
    ['a text', 'cut \ud83d'],
    ['the other half', '\udc08 cut'],
    ['both, the wrong way round', '\udc08\ud83d'],
    ['a key', { '\ud800': 1 }],
    ['a text within', { list: [1, { text: 'x\ud800"' }] }],
    ['a text of a transcoding', new Map([['\ud800', 1]])],
  ])('half a surrogate pair is refused before it is stored: %s', (_what, value) => {
    const transcoder = new JSONTranscoder().register({
      name: 'map',
      is: (candidate) => candidate instanceof Map,
      encode: (map) => [...(map as Map<string, number>)],
      decode: (pairs) => new Map(pairs as [string, number][]),
    });
    expect(() => transcoder.encode(value)).toThrow(DataError);
    expect(() => transcoder.encode(value)).toThrow(/half of a surrogate pair.*toWellFormed/);
    // What stands there from earlier, or from elsewhere, can be read.
    expect(transcoder.decode(new TextEncoder().encode('"\\ud800"'))).toBe('\ud800');
    expect(transcoder.decode(transcoder.encode('\ud83d\udc08 "\u0000'))).toBe('🐈 "\u0000');
  });

  test('bytes that are not UTF-8 give a typed error', () => {
    expect(() => new JSONTranscoder().decode(Uint8Array.of(34, 0xff, 34))).toThrow(
      expect.objectContaining({ code: 'DATA_ERROR' }),
    );
  });
});

describe('fuzzing', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt().filter((value) => !Number.isSafeInteger(Number(value))),
    fc.boolean(),
    fc.constant(null),
    fc.uuid().map((uuid) => UUID.parse(uuid)),
    fc.uint8Array({ maxLength: 20 }),
    fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => DateTime.fromDate(date)),
    fc
      .tuple(fc.bigInt(), fc.integer({ min: -400, max: 400 }))
      .map(([digits, exponent]) => Decimal.parse(`${digits}E${exponent}`)),
  );
  const key = fc.oneof(fc.string(), fc.constantFrom('_type_', '_data_', '__proto__', 'NaN', 'constructor'));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries) as unknown),
      fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    ),
  }));

  test('any value of any registered types comes back, and is written the same again', () => {
    fc.assert(
      fc.property(value, (original) => {
        const transcoder = fullTranscoder();
        const encoded = transcoder.encode(original);
        const decoded = transcoder.decode(encoded);
        expect(text(transcoder.encode(decoded))).toBe(text(encoded));
        expect(decoded).toEqual(original);
      }),
      { numRuns: 1_000 },
    );
  });

  test('any JSON text gives what JSON.parse gives, where JavaScript can hold it', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'medium' }), (json) => {
        fc.pre(!/_type_|\d{16}/.test(json));
        expect(new JSONTranscoder().decode(bytes(json))).toEqual(JSON.parse(json));
      }),
    );
  });

  test('any bytes give a value or a typed error', () => {
    const almostJson = fc
      .array(
        fc.constantFrom('{', '}', '[', ']', '"_type_"', '"_data_"', ':', ',', '"uuid_hex"', '1', '-', 'NaN', '"', 'e5'),
      )
      .map((parts) => bytes(parts.join('')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), almostJson), (input) => {
        try {
          fullTranscoder().decode(input);
        } catch (error) {
          expect(['DATA_ERROR', 'TRANSCODING_NOT_REGISTERED']).toContain((error as { code?: string }).code);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
