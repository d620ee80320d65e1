import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DateTime } from '../../src/domain/date-time.js';
import { Decimal } from '../../src/domain/decimal.js';
import { UUID } from '../../src/domain/uuid.js';

describe('UUID', () => {
  test.each([
    'b2723fe2c01a40d2875ea3aac6a09ff5',
    'B2723FE2-C01A-40D2-875E-A3AAC6A09FF5',
    '{b2723fe2-c01a-40d2-875e-a3aac6a09ff5}',
    'urn:uuid:b2723fe2-c01a-40d2-875e-a3aac6a09ff5',
  ])('reads %s', (written) => {
    expect(String(UUID.parse(written))).toBe('b2723fe2-c01a-40d2-875e-a3aac6a09ff5');
  });

  test.each(['', 'dog', 'b2723fe2c01a40d2875ea3aac6a09ff', 'g2723fe2c01a40d2875ea3aac6a09ff5'])(
    'refuses %j',
    (written) => {
      expect(() => UUID.parse(written)).toThrow(TypeError);
    },
  );

  test('takes versions that no RFC knows, as Python does', () => {
    const one = UUID.parse('00000000000000000000000000000001');
    expect(one.bytes.at(-1)).toBe(1);
    expect(one.hex).toBe('00000000000000000000000000000001');
  });

  test('is the same for the same name', () => {
    const fido = UUID.fromName(UUID.NAMESPACE_URL, '/dogs/Fido');
    expect(fido.equals(UUID.fromName(UUID.NAMESPACE_URL, '/dogs/Fido'))).toBe(true);
    // uuid.uuid5(uuid.NAMESPACE_URL, '/dogs/Fido') in Python
    expect(String(fido)).toBe('1e1d7398-8986-57af-bb01-11a89b2f8b02');
  });

  test('in time order sorts by time', () => {
    const made = Array.from({ length: 50 }, () => String(UUID.timeOrdered()));
    expect([...made].sort()).toEqual(made);
  });
});

describe('Decimal', () => {
  // What Python's str(Decimal(left)) gives.
  test.each([
    ['12.50', '12.50'],
    ['0.00', '0.00'],
    ['-0.00', '-0.00'],
    ['007.10', '7.10'],
    ['1E+3', '1E+3'],
    ['1e3', '1E+3'],
    ['1E-7', '1E-7'],
    ['0.000001', '0.000001'],
    ['0.0000001', '1E-7'],
    ['123.456E5', '1.23456E+7'],
    ['123456E-10', '0.0000123456'],
    ['0E-10', '0E-10'],
    ['0E+5', '0E+5'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['+5', '5'],
    ['1_000', '1000'],
    ['nan', 'NaN'],
    ['-NaN123', '-NaN123'],
    ['sNaN', 'sNaN'],
    ['inf', 'Infinity'],
    ['-Infinity', '-Infinity'],
    ['1E+999999', '1E+999999'],
  ])('%s is written %s', (written, shown) => {
    expect(String(Decimal.parse(written))).toBe(shown);
    expect(String(Decimal.parse(shown))).toBe(shown);
  });

  test.each(['', '.', 'e5', '1e', '1.2.3', '0x10', 'twelve', '1 2'])('refuses %j', (written) => {
    expect(() => Decimal.parse(written)).toThrow(TypeError);
  });

  test('knows its parts', () => {
    expect(Decimal.parse('-12.50')).toMatchObject({
      negative: true,
      coefficient: 1_250n,
      exponent: -2,
      isFinite: true,
    });
    expect(Decimal.parse('12.50').toNumber()).toBe(12.5);
    expect(Decimal.parse('NaN').toNumber()).toBeNaN();
    expect(Decimal.parse('12.50').equals(Decimal.parse('12.5'))).toBe(false);
  });

  test('any written form is stable', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: -1_000, max: 1_000 }), (digits, exponent) => {
        const decimal = Decimal.parse(`${digits}E${exponent}`);
        expect(Decimal.parse(String(decimal)).equals(decimal)).toBe(true);
        expect(decimal.exponent).toBe(exponent);
      }),
    );
  });
});

describe('DateTime', () => {
  test.each([
    '2021-12-31T23:59:59',
    '2021-12-31T23:59:59+00:00',
    '2024-02-07T15:32:51.123456+00:00',
    '2021-01-01T00:00:00-03:30',
    '0001-01-01T00:00:00.000001',
    '9999-12-31T23:59:59.999999-23:59',
    '1890-01-01T00:00:00+00:19:32',
    '1890-01-01T00:00:00-00:19:32.500000',
    '1969-12-31T23:59:59.999999+00:00',
  ])('%s comes back', (iso) => {
    expect(String(DateTime.parse(iso))).toBe(iso);
  });

  test.each([
    ['2024-02-07T15:32:51Z', '2024-02-07T15:32:51+00:00'],
    ['2024-02-07 15:32:51.5', '2024-02-07T15:32:51.500000'],
    ['2024-02-07T15:32', '2024-02-07T15:32:00'],
    ['2024-02-07T15:32:51.123456000Z', '2024-02-07T15:32:51.123456+00:00'],
    ['2024-02-07T15:32:51+0530', '2024-02-07T15:32:51+05:30'],
  ])('%s is read as %s', (written, shown) => {
    expect(String(DateTime.parse(written))).toBe(shown);
  });

  test.each([
    '2023-02-29T00:00:00',
    '2023-13-01T00:00:00',
    '2023-01-01T24:00:00',
    '2023-01-01T00:60:00',
    '0000-01-01T00:00:00',
    '2023-01-01',
    '2023-01-01T00:00:00.1234567',
    '2023-01-01T00:00:00+24:00',
    '2023-01-01T00:00:00+01:60',
    'yesterday',
  ])('refuses %s', (written) => {
    expect(() => DateTime.parse(written)).toThrow(TypeError);
  });

  test('names the instant that it means', () => {
    expect(DateTime.parse('2021-01-01T00:00:00-03:30').toDate()).toEqual(new Date('2021-01-01T03:30:00Z'));
    expect(DateTime.parse('1969-12-31T23:59:59.999999+00:00').toDate()).toEqual(new Date(-1));
    expect(() => DateTime.parse('2021-01-01T00:00:00').toDate()).toThrow(TypeError);
  });

  test('any Date comes back', () => {
    const dates = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        expect(DateTime.parse(String(DateTime.fromDate(date))).toDate()).toEqual(date);
      }),
    );
  });

  test('an invalid Date is refused', () => {
    expect(() => DateTime.fromDate(new Date(Number.NaN))).toThrow(TypeError);
  });

  test('reads the form that it writes, which has a way of its own, as it reads every other form', () => {
    const two = (max: number): fc.Arbitrary<string> =>
      fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, '0'));
    const year = fc.oneof(fc.constantFrom('0000', '0001', '0099', '0100', '1900', '2000', '2024', '9999', '20x4'));
    const fraction = fc.constantFrom('', '.000001', '.999999', '.123456', '.12345x', ',123456');
    const parts = fc.tuple(year, two(14), two(33), two(25), two(61), two(61), fraction);
    const read = (text: string): string | undefined => {
      try {
        return String(DateTime.parse(text));
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(parts, ([y, month, day, hour, minute, second, rest]) => {
        const text = `${y}-${month}-${day}T${hour}:${minute}:${second}${rest}`;
        expect(read(`${text}+00:00`)).toBe(read(`${text}Z`));
      }),
      { numRuns: 2_000 },
    );
    expect(read('2024-02-29T00:00:00+00:00')).toBe('2024-02-29T00:00:00+00:00');
    expect(read('2023-02-29T00:00:00+00:00')).toBeUndefined();
  });
});
