import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AESCipher } from '../../../src/persistence/mapping/aes-cipher.js';
import type { CipherPlace } from '../../../src/persistence/mapping/cipher.js';
import { JSONTranscoder } from '../../../src/persistence/mapping/json-transcoder.js';
import { KeyRingCipher } from '../../../src/persistence/mapping/key-ring-cipher.js';
import { Mapper } from '../../../src/persistence/mapping/mapper.js';

const place: CipherPlace = {
  originatorId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5',
  originatorVersion: 3,
  topic: 'Item:Counted',
  mayMove: false,
};
const keys = { one: AESCipher.createKey(16), two: AESCipher.createKey(32) };
const plaintext = new TextEncoder().encode('twelve');
const DECRYPTION = expect.objectContaining({ code: 'DECRYPTION_ERROR' }) as unknown;

describe('a key ring', () => {
  test('decrypts what it encrypted, where it stands', async () => {
    const cipher = await KeyRingCipher.fromKeys({ keys, current: 'two' });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.uuid(),
        fc.string(),
        fc.nat(),
        fc.boolean(),
        async (bytes, originatorId, topic, originatorVersion, mayMove) => {
          const where = { originatorId, topic, originatorVersion, mayMove };
          expect(await cipher.decrypt(await cipher.encrypt(bytes, where), where)).toEqual(bytes);
          expect(await cipher.decrypt(await cipher.encrypt(bytes))).toEqual(bytes);
        },
      ),
      { numRuns: 50 },
    );
  });

  test.each<[string, Partial<CipherPlace> | undefined]>([
    ['another aggregate', { originatorId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff6' }],
    ['another topic', { topic: 'Item:Counte' }],
    ['another version', { originatorVersion: 4 }],
    [
      'characters that moved from one part to the other',
      { originatorId: `${place.originatorId}I`, topic: 'tem:Counted' },
    ],
    ['no place', undefined],
  ])('does not decrypt at %s', async (_title, elsewhere) => {
    const cipher = await KeyRingCipher.fromKeys({ keys, current: 'one' });
    const bytes = await cipher.encrypt(plaintext, place);
    const other = elsewhere === undefined ? undefined : { ...place, ...elsewhere };
    await expect(cipher.decrypt(bytes, other)).rejects.toEqual(DECRYPTION);
  });

  test('does not take for an event what was encrypted for no place', async () => {
    const cipher = await KeyRingCipher.fromKeys({ keys, current: 'one' });
    await expect(cipher.decrypt(await cipher.encrypt(plaintext), place)).rejects.toEqual(DECRYPTION);
  });

  test('lets the version of what may move be another one, and nothing else', async () => {
    const cipher = await KeyRingCipher.fromKeys({ keys, current: 'one' });
    const bytes = await cipher.encrypt(plaintext, { ...place, mayMove: true });
    expect(await cipher.decrypt(bytes, { ...place, originatorVersion: 17 })).toEqual(plaintext);
    await expect(cipher.decrypt(bytes, { ...place, topic: 'Item:Named' })).rejects.toEqual(DECRYPTION);
  });

  test('is not fooled by any bit that is changed', async () => {
    const cipher = await KeyRingCipher.fromKeys({ keys, current: 'one' });
    const bytes = await cipher.encrypt(plaintext, { ...place, mayMove: true });
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      await expect(cipher.decrypt(changed, place), `bit ${bit}`).rejects.toEqual(DECRYPTION);
    }
    for (let length = 0; length < bytes.length; length += 1) {
      await expect(cipher.decrypt(bytes.subarray(0, length), place)).rejects.toEqual(DECRYPTION);
    }
  });

  test('rotates: all keys decrypt, the current one encrypts', async () => {
    const old = await KeyRingCipher.fromKeys({ keys: { one: keys.one }, current: 'one' });
    const both = await KeyRingCipher.fromKeys({ keys, current: 'two' });
    expect(await both.decrypt(await old.encrypt(plaintext, place), place)).toEqual(plaintext);
    const bytes = await both.encrypt(plaintext, place);
    await expect(old.decrypt(bytes, place)).rejects.toMatchObject({
      code: 'DECRYPTION_ERROR',
      message: 'The key two is not in the key ring.',
    });
  });

  test('reads what was encrypted before there was one, where it is told by what', async () => {
    const before = await AESCipher.fromKey(keys.one);
    const bytes = await before.encrypt(plaintext);
    const told = await KeyRingCipher.fromKeys({ keys, current: 'two', before });
    expect(await told.decrypt(bytes, place)).toEqual(plaintext);
    const untold = await KeyRingCipher.fromKeys({ keys, current: 'two' });
    await expect(untold.decrypt(bytes, place)).rejects.toEqual(DECRYPTION);
  });

  test.each([
    ['the current key is not among them', { keys, current: 'three' }],
    ['there is none', { keys: {}, current: 'one' }],
    ['an id is no id', { keys: { ä: keys.one }, current: 'ä' }],
    ['an id is too long', { keys: { ['k'.repeat(64)]: keys.one }, current: 'k'.repeat(64) }],
    ['a key is not base64', { keys: { one: '???' }, current: 'one' }],
    ['a key is too short', { keys: { one: btoa('short') }, current: 'one' }],
  ])('is refused where %s', async (_title, ring) => {
    await expect(KeyRingCipher.fromKeys(ring)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});

test('a state that somebody copies to another aggregate in the database is not read there', async () => {
  const cipher = await KeyRingCipher.fromKeys({ keys, current: 'two' });
  const mapper = new Mapper({ transcoder: new JSONTranscoder(), cipher });
  const { originatorId, originatorVersion } = place;
  const stored = await mapper.toStoredEvent({ originatorId, originatorVersion, type: 'Paid', data: { amount: 1 } });
  expect(await mapper.toDomainEvent(stored)).toMatchObject({ data: { amount: 1 } });
  const moved = { ...stored, originatorId: '00000000-0000-4000-8000-000000000001' };
  await expect(mapper.toDomainEvent(moved)).rejects.toMatchObject({ code: 'MAPPER_DESERIALISATION_ERROR' });
});
