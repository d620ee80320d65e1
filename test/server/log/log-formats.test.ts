/** What devices keep for years, and show again: it must stay readable, byte by byte. */
import { createHash, createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { chainHash, chainHashAnywhere, platformChainHash } from '../../../src/server/log/chain-hash.js';
import { CHAIN_START, fromCursor, nextChain, toCursor } from '../../../src/server/log/log-chain.js';
import { indexesOfSeal } from '../../../src/server/log/part-indexes.js';
import { macAnywhere, macOf, platformMac } from '../../../src/server/log/seal-mac.js';
import { UnitSeals } from '../../../src/server/log/unit-seals.js';

const UNIT = {
  id: '11111111-1111-4111-8111-111111111111',
  isCommutative: true,
  scopes: ['north'],
  after: ['22222222-2222-4222-8222-222222222222', undefined],
  events: [
    { originatorId: 'a', originatorVersion: 7, topic: 'é', state: Uint8Array.of(0, 255) },
    { originatorId: 'b', originatorVersion: -1, topic: 't', state: new Uint8Array(0) },
  ],
};
const EDITION = '33333333-3333-e333-8333-333333333333';
const text = (value: string): Buffer => Buffer.concat([Buffer.of(Buffer.byteLength(value)), Buffer.from(value)]);
const STATEMENT = Buffer.concat([
  text(UNIT.id),
  text(UNIT.id),
  Buffer.of(1, 1),
  text('north'),
  Buffer.of(2),
  text('22222222-2222-4222-8222-222222222222'),
  text(''),
  ...[text('a'), text('7'), text('é'), Buffer.of(2, 0, 255)],
  ...[text('b'), text('-1'), text('t'), Buffer.of(0)],
]);

it('the chain is a hash of the chain before, and of all that a unit says', () => {
  const expected = (before: string): string =>
    createHash('sha256').update(text(before)).update(STATEMENT).digest('hex').slice(0, 32);
  const first = nextChain(CHAIN_START, UNIT);
  expect(first).toBe(expected('00000000000000000000000000000000'));
  expect(nextChain(first, UNIT)).toBe(expected(first));
  expect(first).toBe('515faefe3e6c9f6813f239198f3f4cdb');
  const moved = Buffer.concat([text(UNIT.id), text(EDITION), STATEMENT.subarray(2 * text(UNIT.id).length)]);
  expect(nextChain(CHAIN_START, { ...UNIT, edition: EDITION })).toBe(
    createHash('sha256')
      .update(text('00'.repeat(16)))
      .update(moved)
      .digest('hex')
      .slice(0, 32),
  );
});

it('the chain is the same by the platform and without it', () => {
  const byPlatform = platformChainHash()!;
  for (const length of [0, 1, 55, 56, 64, 119, 120, 1_000, 70_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 131) % 256);
    const expected = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
    expect([chainHashAnywhere(bytes), byPlatform(bytes), chainHash(bytes)], `${length}`).toEqual(
      Array(3).fill(expected),
    );
  }
});

it('a cursor says its version, its position, its chain, and what is visible', () => {
  const place = { position: 90_112, chain: 'ab'.repeat(16) };
  expect(toCursor({ position: 0, chain: CHAIN_START }, '')).toBe('0');
  expect(toCursor(place, '')).toBe(`1.90112.${'ab'.repeat(16)}`);
  expect(toCursor(place, 'north')).toBe(`1.90112.${'ab'.repeat(16)}.north`);
  expect(fromCursor('0')).toEqual({ position: 0, chain: CHAIN_START, visibility: undefined });
  expect(fromCursor(`1.90112.${'ab'.repeat(16)}`)).toEqual({ ...place, visibility: '' });
  expect(fromCursor(`1.90112.${'ab'.repeat(16)}.north`)).toEqual({ ...place, visibility: 'north' });
  for (const other of ['1.0.', '1.01.', '1.-1.', '1.1e3.', '01.1.']) {
    expect(fromCursor(`${other}${'ab'.repeat(16)}`), other).toBeUndefined();
  }
});

it('a seal is a MAC of who recorded it, when, where, and of all that a unit says', async () => {
  const key = new Uint8Array(32).fill(9);
  const seals = new UnitSeals({ keys: [key] }, 'acme');
  const sealed = { ...UNIT, position: 300, total: 2, origin: { author: 'ann', recordedAtMs: 5 } };
  const mac = createHmac('sha256', key)
    .update(text('daybook: a unit of a log'))
    .update(text('acme'))
    .update(Buffer.of(0xac, 0x02, 2))
    .update(text('ann'))
    .update(Buffer.of(5))
    .update(STATEMENT)
    .digest();
  const seal = await seals.seal(sealed);
  expect(Buffer.from(seal)).toEqual(Buffer.concat([Buffer.of(1), mac.subarray(0, 16)]));
  expect(await seals.isSound(sealed, seal)).toBe(true);
  expect(await seals.isSound(sealed, Uint8Array.of(2, ...seal.subarray(1)))).toBe(false);
});

it('a MAC is the same by the platform and by WebCrypto', async () => {
  const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => index % 256);
  for (const length of [32, 64, 65, 200]) {
    const key = Uint8Array.from({ length }, (_, index) => (index * 7) % 256);
    const expected = createHmac('sha256', key).update(bytes).digest('hex');
    for (const make of [macAnywhere, platformMac()!, macOf]) {
      expect(Buffer.from(await make(key)(bytes)).toString('hex'), `${length}`).toBe(expected);
    }
  }
});

it('a seal of a part says which events of the unit it has', async () => {
  const key = new Uint8Array(32).fill(9);
  const seals = new UnitSeals({ keys: [key] }, 'acme');
  const part = { ...UNIT, position: 300, total: 11, origin: { author: 'ann', recordedAtMs: 5 } };
  const bits = Buffer.of(0b0000_0010, 0b0000_0100);
  const mac = createHmac('sha256', key)
    .update(text('daybook: a part of a unit of a log'))
    .update(Buffer.of(2))
    .update(bits)
    .update(text('acme'))
    .update(Buffer.of(0xac, 0x02, 11))
    .update(text('ann'))
    .update(Buffer.of(5))
    .update(STATEMENT)
    .digest();
  const seal = await seals.seal(part, [1, 10]);
  expect(Buffer.from(seal)).toEqual(Buffer.concat([Buffer.of(2), mac.subarray(0, 16), bits]));
  expect(indexesOfSeal(seal, 11)).toEqual([1, 10]);
  expect(await seals.isSound(part, seal)).toBe(true);
  const withBits = (...bytes: readonly number[]): Uint8Array => Uint8Array.of(...seal.subarray(0, 17), ...bytes);
  for (const [what, other] of Object.entries({
    'other events': withBits(0b0000_0001, 0b0000_0100),
    'fewer events': withBits(0b0000_0010, 0),
    'an event that there is not': withBits(0b0000_0010, 0b0000_1000),
    'too few bits': withBits(0b0000_0010),
    'too many': withBits(0b0000_0010, 0b0000_0100, 0),
    'of a whole unit': Uint8Array.of(1, ...seal.subarray(1, 17)),
    nothing: new Uint8Array(0),
  })) {
    expect(await seals.isSound(part, other), what).toBe(false);
  }
  // Of before parts said so.
  expect(await seals.isSound(part, await seals.seal(part))).toBe(true);
});
