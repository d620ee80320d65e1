import { describe, expect, test } from 'vitest';
import { derivedUnitId } from '../../src/persistence/derived-unit-id.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';

const EVENT: StoredEvent = {
  originatorId: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  originatorVersion: 1,
  topic: 'stock:Item.Counted',
  state: new TextEncoder().encode('{"count":12}'),
};

// Of other devices, servers and releases: they never change. Made by Python:
// hashlib.sha256(text(id) + varint(version) + text(topic) + state).digest()[:16], with version 8 and the variant.
const VECTORS: readonly (readonly [string, StoredEvent, string])[] = [
  ['a plain event', EVENT, 'd21afc6c-0aab-8c35-85af-3eaad564a496'],
  ['a large version', { ...EVENT, originatorVersion: 2 ** 53 - 1 }, '05ced74c-5456-88f8-9975-5414af92ff20'],
  [
    'version 0, no state',
    { ...EVENT, originatorVersion: 0, state: new Uint8Array(0) },
    'ccbc0f55-911f-8fcd-88c1-ed8682e645b7',
  ],
  ['a topic beyond ASCII', { ...EVENT, topic: 'lager:Zählung.Gezählt📦' }, 'c395232e-5ed5-8259-b7fd-f1fbc936a84b'],
  [
    'a state of 1,000 bytes',
    { ...EVENT, state: new Uint8Array(1_000).fill(255) },
    '41ebb368-a8b9-83c5-8a00-a1570bf5b5c6',
  ],
];

describe('derivedUnitId', () => {
  test.each(VECTORS)('derives what it always has: %s', (_what, event, id) => {
    expect(derivedUnitId(event)).toBe(id);
  });

  test('tells apart what is written alike when it is put together', () => {
    const a = derivedUnitId({ ...EVENT, topic: 'ab', state: new TextEncoder().encode('c') });
    const b = derivedUnitId({ ...EVENT, topic: 'a', state: new TextEncoder().encode('bc') });
    expect(a).not.toBe(b);
  });
});
