import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeStore, encodeTold, encodeUnits, encodeUnsaved, encodeWitness, readEntries } from '../../../src/persistence/rescue/rescue-entry.js'; // prettier-ignore
import { readRescuedStores } from '../../../src/persistence/rescue/rescued-store.js';
import { unpackPendingUnits } from '../../../src/persistence/unit-batch.js';
import type { PendingUnit } from '../../../src/persistence/unit.js';

const STORE = '11111111-1111-4111-8111-111111111111';
const OTHER_STORE = '22222222-2222-4222-8222-222222222222';
const AGGREGATE = '33333333-3333-4333-8333-333333333333';
const BEFORE = '44444444-4444-4444-8444-444444444444';
const unitId = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

const unit = (number: number, state: Uint8Array = Uint8Array.of(number)): PendingUnit => ({
  id: unitId(number),
  events: [{ originatorId: AGGREGATE, originatorVersion: number, topic: 'Counted', state }],
  isCommutative: number % 2 === 0,
  scopes: number % 3 === 0 ? ['north'] : [],
  firstNotificationId: number,
  after: [number === 1 ? undefined : BEFORE],
});

const joined = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

const idsOf = (bytes: Uint8Array): readonly string[] =>
  readRescuedStores([bytes]).flatMap(({ units }) => units.map(({ id }) => id));

const WITNESS = {
  atMs: 1_700_000_000_000,
  largestId: 9,
  cursor: '7.abc',
  position: 7,
  pendingUnits: 2,
  pendingEvents: 3,
};

describe('the format', () => {
  test('gives back what was written', () => {
    const reasons = new Map([[unitId(2), { code: 'CONFLICT', message: 'é' }]]);
    const parts = [
      encodeStore(STORE),
      encodeUnits(5, [unit(1), unit(2)], reasons),
      encodeWitness(WITNESS),
      encodeUnsaved([{ id: unitId(3), events: 4 }], 2),
      encodeTold(OTHER_STORE),
    ];
    const { entries, end, damagedBytes } = readEntries(joined(...parts, new Uint8Array(100)));
    expect({ end, damagedBytes }).toEqual({ end: joined(...parts).length, damagedBytes: 0 });
    const [, units] = entries.map(({ content }) => content);
    expect(entries.map(({ content }) => ({ ...content, body: undefined }))).toEqual([
      { kind: 'store', replicaId: STORE },
      {
        kind: 'units',
        position: 5,
        units: [{ id: unitId(1), events: 1 }, { id: unitId(2), events: 1, reason: reasons.get(unitId(2)) }], // prettier-ignore
      },
      { kind: 'witness', ...WITNESS },
      { kind: 'unsaved', unnamed: 2, units: [{ id: unitId(3), events: 4 }] },
      { kind: 'told', replicaId: OTHER_STORE },
    ].map((content) => ({ ...content, body: undefined }))); // prettier-ignore
    expect(unpackPendingUnits((units as { body: Uint8Array }).body)).toEqual([unit(1), unit(2)]);
  });

  test('is pinned: files lie in browsers', () => {
    const bytes = joined(encodeStore(STORE), encodeUnits(5, [unit(2)]));
    const pinned = [
      '44425246b5584acb010100002500000000000000000000002431313131313131312d313131312d343131312d38313131',
      '2d313131313131313131313131444252465eeffa9e020100001400000046000000796daac00501000000000000400080',
      '000000000000020100010000000000004000800000000000000203010002010144444444444444448444444444444444',
      '000107436f756e746564013333333333334333833333333333333302000102',
    ].join('');
    expect(Buffer.from(bytes).toString('hex')).toBe(pinned);
  });
});

describe('a file that was cut off', () => {
  test('at any byte has every entry before it, and nothing is called damaged', () => {
    const [first, second, third] = [encodeStore(STORE), encodeUnits(1, [unit(1)]), encodeUnits(2, [unit(2)])];
    const whole = joined(first, second, third);
    for (let length = first.length; length <= whole.length; length++) {
      const torn = joined(whole.subarray(0, length), new Uint8Array(50));
      const expected = [unitId(1), unitId(2)].slice(
        0,
        length < first.length + second.length ? 0 : length < whole.length ? 1 : 2,
      );
      expect(idsOf(torn)).toEqual(expected);
      const [store] = readRescuedStores([torn]);
      expect(store).toMatchObject({ missing: [], isExact: true });
      const { end } = readEntries(torn);
      expect([first.length, first.length + second.length, whole.length]).toContain(end);
    }
  });
});

describe('a file that is damaged', () => {
  const parts = [
    encodeStore(STORE),
    ...[1, 2, 3, 4].map((number) => encodeUnits(number, [unit(number)])),
    encodeWitness(WITNESS),
  ];
  const whole = joined(...parts);
  const startOf = (index: number): number => joined(...parts.slice(0, index)).length;

  test('in the events of a unit: names it, and has all others', () => {
    const bytes = whole.slice();
    const at = startOf(3) - 1;
    bytes[at] = bytes[at]! ^ 1;
    const [store] = readRescuedStores([bytes]);
    expect(store?.units.map(({ id }) => id)).toEqual([1, 3, 4].map(unitId));
    expect(store).toMatchObject({ missing: [{ id: unitId(2), events: 1 }], isExact: true, witness: WITNESS });
    // Another file has it.
    const [both] = readRescuedStores([bytes, joined(parts[0]!, parts[2]!)]);
    expect(both).toMatchObject({ missing: [], isExact: true });
    expect(both?.units.map(({ id }) => id)).toEqual([1, 2, 3, 4].map(unitId));
  });

  test('anywhere: throws nothing, gives nothing that was not written, and says so when a unit is not there', () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = whole.slice();
        bytes[at] = bytes[at]! ^ change;
        const [store] = readRescuedStores([bytes]);
        // Without the first entry nobody knows whose the rest is.
        if (at < startOf(1)) return store === undefined || store.units.length === 0;
        const written = [1, 2, 3, 4].map((number) => unit(number));
        for (const found of store!.units) expect(written).toContainEqual({ ...found, reason: undefined });
        const known = new Set([...store!.units, ...store!.missing].map(({ id }) => id));
        return known.size === 4 || !store!.isExact;
      }),
      { numRuns: 1_000 },
    );
  });

  test('is of random bytes: nothing is read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readEntries(bytes).entries.length === 0),
      { numRuns: 500 },
    );
  });
});

describe('several files', () => {
  test('of two forms of a unit the later one counts, in whatever order they are read', () => {
    const [older, newer] = [unit(1, Uint8Array.of(1)), unit(1, Uint8Array.of(2))];
    const files = [
      joined(encodeStore(STORE), encodeUnits(3, [newer])),
      joined(encodeStore(STORE), encodeUnits(2, [older])),
    ];
    for (const order of [files, files.toReversed()]) {
      expect(readRescuedStores(order)[0]?.units.map(({ events }) => events[0]?.state)).toEqual([Uint8Array.of(2)]);
    }
  });

  test('of two stores: each has its own', () => {
    const bytes = joined(encodeStore(STORE), encodeUnits(1, [unit(1)]), encodeStore(OTHER_STORE), encodeUnits(1, [unit(2)]), encodeStore(STORE), encodeUnits(2, [unit(3)])); // prettier-ignore
    const stores = readRescuedStores([bytes]);
    expect(stores.map(({ replicaId, units }) => [replicaId, units.map(({ id }) => id)])).toEqual([
      [STORE, [unitId(1), unitId(3)]],
      [OTHER_STORE, [unitId(2)]],
    ]);
  });

  test('what one has no room for and another one has is not missing', () => {
    const unsaved = joined(encodeStore(STORE), encodeUnsaved([1, 2].map((number) => ({ id: unitId(number), events: 1 })), 0)); // prettier-ignore
    const [store] = readRescuedStores([unsaved, joined(encodeStore(STORE), encodeUnits(1, [unit(1)]))]);
    expect(store).toMatchObject({ missing: [{ id: unitId(2), events: 1 }], isExact: true });
  });
});

test('an entry of a later version is said to be one', () => {
  const bytes = encodeStore(STORE);
  const later = bytes.slice();
  later[9] = 2;
  // The checksum of what a later version writes is right.
  expect(readEntries(later)).toMatchObject({ entries: [], isNewer: false });
  const { entries, isNewer } = readEntries(withVersion(bytes, 2));
  expect({ entries, isNewer }).toEqual({ entries: [], isNewer: true });
});

function withVersion(entry: Uint8Array, version: number): Uint8Array {
  const bytes = entry.slice();
  bytes[9] = version;
  const view = new DataView(bytes.buffer);
  view.setUint32(4, crcOf(bytes.subarray(8)), true);
  return bytes;
}

function crcOf(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0xedb88320);
  }
  return ~crc >>> 0;
}
