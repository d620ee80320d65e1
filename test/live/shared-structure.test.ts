/** Results that have of the one before what is the same in both. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UUID } from '../../src/domain/uuid.js';
import { keyBy, shared } from '../../src/live/shared-structure.js';

const byPlace = keyBy(undefined);

test('keeps what has not changed, as the same objects, and nothing else', () => {
  const row = (id: number, place: string) => ({ id, place, at: new Date(id), tags: ['a', { deep: [id] }] });
  const before = { rows: [row(2, 'device'), row(1, 'books')], sets: [], more: false };
  expect(shared(before, structuredClone(before), byPlace)).toBe(before);
  const after = shared(before, { ...before, rows: [row(3, 'device'), row(2, 'books'), row(1, 'books')] }, byPlace);
  expect(after.rows).toEqual([row(3, 'device'), row(2, 'books'), row(1, 'books')]);
  expect(after.rows[1]).not.toBe(before.rows[0]);
  expect(after.rows[1]?.tags).toBe(before.rows[0]?.tags);
  expect(after.rows[2]).toBe(before.rows[1]);
  expect(after.sets).toBe(before.sets);
  expect(shared(before, { ...before, rows: [row(2, 'device')] }, byPlace).rows).toEqual([row(2, 'device')]);
});

test('knows rows again by another field, or by their place', () => {
  const before = [
    { sku: 'a', n: [1] },
    { sku: 'b', n: [2] },
  ];
  const moved = [
    { sku: 'b', n: [2] },
    { sku: 'a', n: [1] },
  ];
  expect(shared(before, moved, keyBy('sku'))[0]).toBe(before[1]);
  expect(shared(before, moved, byPlace)[0]).not.toBe(before[1]);
  // Two of one key are what they are.
  const twice = [...before, { sku: 'a', n: [3] }];
  expect(shared(twice, structuredClone(twice), keyBy('sku'))).toEqual(twice);
});

test('compares values that are no plain data by what they say themselves, and takes no two others for one', () => {
  const id = UUID.fromName(UUID.NAMESPACE_URL, '/a');
  const same = [[new Date(1), new Date(1)], [Uint8Array.of(1), Uint8Array.of(1)], [new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])], [id, UUID.fromName(UUID.NAMESPACE_URL, '/a')]]; // prettier-ignore
  for (const [before, after] of same) expect(shared(before, after, byPlace)).toBe(before);
  class Other {
    readonly n = 1;
  }
  const others = [[new Date(1), new Date(2)], [Uint8Array.of(1), Uint8Array.of(2)], [new Map([['a', 1]]), new Map([['a', 2]])], [id, UUID.fromName(UUID.NAMESPACE_URL, '/b')], [new Other(), new Other()], [{ n: 1 }, new Other()], [[], {}], [null, {}], [{ a: undefined }, {}], [{ a: undefined }, { b: undefined }]]; // prettier-ignore
  for (const [before, after] of others) {
    expect(shared<unknown>(before, after, byPlace)).not.toBe(before);
    expect(shared<unknown>(before, after, byPlace)).toStrictEqual(after);
  }
});

test('is always equal to what came, and the same as what was there exactly where that is equal', () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, value, (before, after) => {
      expect(shared(before, structuredClone(after), byPlace)).toEqual(after);
      const again = structuredClone(before);
      if (typeof before === 'object' && before !== null) expect(shared(before, again, byPlace)).toBe(before);
    }),
  );
});
