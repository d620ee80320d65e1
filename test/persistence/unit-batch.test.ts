import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packEvents, unpackEvents } from '../../src/persistence/event-batch.js';
import { historyDigest } from '../../src/persistence/history-digest.js';
import {
  packConfirmedUnits,
  packLostUnits,
  packPage,
  packPendingUnits,
  unpackConfirmedUnits,
  unpackLostUnits,
  unpackPage,
  unpackPendingUnits,
} from '../../src/persistence/unit-batch.js';
import type { BootstrapAggregate, ConfirmedUnit, LostUnit, PendingUnit, UnitPage } from '../../src/persistence/unit.js';
import { SeededRandom } from '../soak/seeded-random.js';
import {
  CONFIRMED_VECTORS,
  DIGEST_VECTORS,
  EVENTS_VECTORS,
  LOST_VECTORS,
  PAGE_VECTORS,
  PENDING_VECTORS,
  REFUSED_PENDING,
} from '../vectors/sync-protocol.js';
import type { UnitsVector } from '../vectors/sync-protocol.js';

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const MUTATIONS = 30_000;

describe('the wire does not change', () => {
  const rows = <T>(
    vectors: readonly UnitsVector<T>[],
    pack: (value: T) => Uint8Array,
    unpack: (bytes: Uint8Array) => T,
  ): [string, () => void][] =>
    vectors.map(({ name, hex, value }) => [
      name,
      () => {
        const bytes = bytesOf(hex.join(''));
        expect(hexOf(pack(value))).toBe(hexOf(bytes));
        expect(unpack(bytes)).toEqual(value);
      },
    ]);
  it.each([
    ...rows(PENDING_VECTORS, packPendingUnits, unpackPendingUnits),
    ...rows(CONFIRMED_VECTORS, packConfirmedUnits, unpackConfirmedUnits),
    ...rows(LOST_VECTORS, packLostUnits, unpackLostUnits),
    ...rows(PAGE_VECTORS, packPage, unpackPage),
    ...rows(EVENTS_VECTORS, packEvents, unpackEvents),
  ])('%s', (_name, check) => check());

  it.each(DIGEST_VECTORS)('the digest of %i events', (count, digest) => {
    expect(historyDigest(EVENTS_VECTORS[1]!.value.slice(0, count))).toBe(digest);
  });

  it('a part of a bootstrap with a flag that nobody knows is refused', () => {
    const part = PAGE_VECTORS[2]!.hex.join('').replace('bbb 02', 'bbb 0a');
    expect(() => unpackPage(bytesOf(part))).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }));
  });

  it.each(REFUSED_PENDING)('what is no pending unit is refused: %s', (_why, hex) => {
    expect(() => unpackPendingUnits(bytesOf(hex))).toThrow(expect.objectContaining({ code: 'DATA_ERROR' }));
  });

  it('one kind is not taken for the other', () => {
    const pending = bytesOf(PENDING_VECTORS[0]!.hex.join(''));
    const confirmed = bytesOf(CONFIRMED_VECTORS[0]!.hex.join(''));
    expect(() => unpackConfirmedUnits(pending)).toThrow(/packed units/);
    expect(() => unpackPendingUnits(confirmed)).toThrow(/packed units/);
    expect(() => unpackLostUnits(confirmed)).toThrow(/packed units/);
    expect(() => unpackConfirmedUnits(bytesOf(LOST_VECTORS[0]!.hex.join('')))).toThrow(/packed units/);
  });

  it('a confirmed unit has no more events than its total, and none before the first position', () => {
    const [unit] = CONFIRMED_VECTORS[0]!.value as [ConfirmedUnit];
    for (const wrong of [
      { ...unit, total: 1 },
      { ...unit, position: 2, total: 3 },
    ]) {
      expect(() => unpackConfirmedUnits(packConfirmedUnits([wrong]))).toThrow(/packed units/);
    }
  });
});

const uuid = fc.uuid();
const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed());
const event = fc.record({
  originatorId: fc.constantFrom(...Array.from({ length: 4 }, () => crypto.randomUUID())),
  originatorVersion: fc.maxSafeNat(),
  topic: text,
  state: fc.uint8Array({ maxLength: 40 }),
});
const unit = {
  id: uuid,
  events: fc.array(event, { minLength: 1, maxLength: 5 }),
  isCommutative: fc.boolean(),
  scopes: fc.array(text, { maxLength: 20 }),
};
const pendingUnits: fc.Arbitrary<PendingUnit[]> = fc.array(
  fc
    .record({
      ...unit,
      firstNotificationId: fc.maxSafeNat(),
      befores: fc.array(fc.option(uuid, { nil: undefined }), { minLength: 4, maxLength: 4 }),
    })
    .map(({ befores, ...rest }) => ({
      ...rest,
      after: befores.slice(0, new Set(rest.events.map(({ originatorId }) => originatorId)).size),
    })),
  { maxLength: 5 },
);
const origin = fc.record({ author: text, recordedAtMs: fc.maxSafeNat(), seal: fc.uint8Array({ maxLength: 64 }) });
const confirmedUnits: fc.Arbitrary<ConfirmedUnit[]> = fc.array(
  fc.record({ ...unit, position: fc.integer({ min: 100 }), total: fc.integer({ min: 5, max: 100 }), origin }),
  { maxLength: 5 },
);
const lostUnits: fc.Arbitrary<LostUnit[]> = fc.tuple(confirmedUnits, pendingUnits).map(([confirmed, pending]) =>
  confirmed.slice(0, pending.length).map((one, index) => {
    const { events, after } = pending[index]!;
    return { ...one, events, after };
  }),
);

const base = fc
  .record({
    ...{ version: fc.maxSafeNat().map((version) => Math.min(version, Number.MAX_SAFE_INTEGER - 1)), edition: uuid },
    ...{ digest: uuid, position: fc.maxSafeNat(), eventId: text, aggregateType: text, stateVersion: fc.maxSafeNat() },
    ...{ takenAtMs: fc.maxSafeNat(), state: fc.uint8Array({ maxLength: 64 }) },
  })
  .map(({ version, edition, digest, position, ...state }) => ({
    ...{ version, edition, digest, position },
    snapshot: { ...state, originatorVersion: version + 1 },
  }));
const aggregate: fc.Arbitrary<BootstrapAggregate> = fc
  .tuple(uuid, fc.boolean(), fc.option(fc.maxSafeNat(), { nil: undefined }), fc.option(base, { nil: undefined }))
  .map(([originatorId, continues, upTo, of]) => ({
    ...{ originatorId, continues },
    ...(upTo === undefined ? {} : { upTo }),
    ...(of === undefined ? {} : { base: { ...of, snapshot: { ...of.snapshot, originatorId } } }),
  }));
const page: fc.Arbitrary<UnitPage> = fc
  .record({
    // A cursor is never empty.
    from: text.map((from) => from || '0'),
    to: text,
    position: fc.maxSafeNat(),
    head: fc.maxSafeNat(),
    units: confirmedUnits,
    part: fc.option(
      fc.record({ position: fc.maxSafeNat(), isEnd: fc.boolean(), aggregates: fc.array(aggregate, { maxLength: 4 }) }),
      { nil: undefined },
    ),
  })
  .map(({ part, ...rest }) => (part === undefined ? rest : { ...rest, bootstrap: part }));

describe('what is packed', () => {
  it('comes back as it was', () => {
    const comesBack = <T>(
      value: fc.Arbitrary<T>,
      pack: (value: T) => Uint8Array,
      unpack: (bytes: Uint8Array) => T,
    ): void =>
      fc.assert(
        fc.property(value, (one) => {
          expect(unpack(pack(one))).toEqual(one);
        }),
      );
    comesBack(pendingUnits, packPendingUnits, unpackPendingUnits);
    comesBack(confirmedUnits, packConfirmedUnits, unpackConfirmedUnits);
    comesBack(lostUnits, packLostUnits, unpackLostUnits);
    comesBack(page, packPage, unpackPage);
  });

  it('is read when it was changed, or refused as no units, and never costs more than its bytes', () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    const random = new SeededRandom(seed);
    const seeds = [
      ...fc.sample(pendingUnits, { numRuns: 40, seed }).map(packPendingUnits),
      ...fc.sample(confirmedUnits, { numRuns: 40, seed }).map(packConfirmedUnits),
      ...fc.sample(lostUnits, { numRuns: 40, seed }).map(packLostUnits),
      ...fc.sample(page, { numRuns: 40, seed }).map(packPage),
    ];
    let [refused, read] = [0, 0];
    for (let round = 0; round < MUTATIONS; round++) {
      const bytes = mutated(seeds[round % seeds.length]!, random);
      for (const unpack of [unpackPendingUnits, unpackConfirmedUnits, unpackLostUnits, unpackPage]) {
        const before = `seed ${seed}, round ${round}, ${unpack.name}: ${hexOf(bytes)}`;
        try {
          expect(partsOf(unpack(bytes)), before).toBeLessThanOrEqual(bytes.length);
          read++;
        } catch (error) {
          expect(error, before).toMatchObject({ code: 'DATA_ERROR' });
          refused++;
        }
      }
    }
    // Both happen, or the mutations would be good for nothing.
    expect([refused > MUTATIONS, read > MUTATIONS / 20], `seed ${seed}: ${refused} refused, ${read} read`).toEqual([
      true,
      true,
    ]);
  });
});

describe('limits', () => {
  const many = (count: number): PendingUnit[] =>
    Array.from({ length: count }, (_, index) => ({
      id: crypto.randomUUID(),
      isCommutative: false,
      scopes: [],
      firstNotificationId: index + 1,
      after: [undefined],
      events: [{ originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 't', state: new Uint8Array(0) }],
    }));

  it('more events than are allowed are told apart from what is no units', () => {
    const eventsMax = (units: number): number => (units === 1 ? 5 : 3);
    expect(unpackPendingUnits(packPendingUnits(many(3)), eventsMax)).toHaveLength(3);
    expect(() => unpackPendingUnits(packPendingUnits(many(4)), eventsMax)).toThrow(
      expect.objectContaining({ code: 'DATA_ERROR', details: { reason: 'eventsMax', eventsMax: 3, unit: 3 } }),
    );
    const events = many(6).flatMap((one) => one.events.map((each) => ({ ...each, originatorId: crypto.randomUUID() })));
    const alone = (count: number): Uint8Array =>
      packPendingUnits([
        { ...many(1)[0]!, events: events.slice(0, count), after: events.slice(0, count).map(() => undefined) },
      ]);
    expect(unpackPendingUnits(alone(5), eventsMax)[0]?.events).toHaveLength(5);
    expect(() => unpackPendingUnits(alone(6), eventsMax)).toThrow(
      expect.objectContaining({ details: { reason: 'eventsMax', eventsMax: 5, unit: 0 } }),
    );
  });

  // A megabyte of them would keep everybody else waiting for a second.
  it.each([
    ['units', (bytes: Uint8Array) => bytes.fill(0).fill(0xff, 0, 3)],
    ['topics', (bytes: Uint8Array) => bytes.set(bytesOf(`01${'1'.repeat(32)} 02 01 00 01 01 00 00 ffff3f`))],
    ['scopes', (bytes: Uint8Array) => bytes.set(bytesOf(`01${'1'.repeat(32)} 02 01 ffff3f`))],
    ['places', (bytes: Uint8Array) => bytes.set(bytesOf(`01${'1'.repeat(32)} 02 01 00 01 ffff3f`))],
  ])('%s are not read where they are more than there can be', (_what, fill) => {
    const bytes = new Uint8Array(8_000_000);
    fill(bytes);
    const startMs = performance.now();
    for (let round = 0; round < 20; round++) expect(() => unpackPendingUnits(bytes, () => 10_000)).toThrow(/packed/);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});

function mutated(original: Uint8Array, random: SeededRandom): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let left = random.chance(0.7) ? 1 : random.between(1, 4); left > 0; left--) {
    const at = random.between(0, Math.max(0, bytes.length - 1));
    const kind = random.between(0, 8);
    if (kind === 0) bytes = bytes.slice(0, at);
    else if (kind === 1) bytes = Uint8Array.of(...bytes, ...bytes.subarray(at));
    else if (kind === 2) bytes = Uint8Array.of(...bytes.subarray(0, at), random.between(0, 255), ...bytes.subarray(at));
    else if (kind === 3) bytes = Uint8Array.of(...bytes.subarray(0, at), 0xff, 0xff, 0xff, 0x7f, ...bytes.subarray(at));
    else bytes[at] = random.between(0, 255);
  }
  return bytes;
}

/** About as many objects as were made. */
function partsOf(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>(
    (sum, part) => sum + partsOf(part),
    Array.isArray(value) ? value.length : 0,
  );
}
