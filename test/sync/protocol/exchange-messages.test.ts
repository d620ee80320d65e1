import { describe, expect, it } from 'vitest';
import { decodeError } from '../../../src/domain/error-codec.js';
import {
  formatLimits,
  isFairGzip,
  LIMITS_DEFAULT,
  LIMITS_LEAST,
  parseCommonAnswer,
  parseDigestsAnswer,
  parseErrorAnswer,
  parseHealAnswer,
  parseJson,
  parseLimits,
  parsePushAnswer,
  SYNC_ERRORS,
  toHealAnswer,
  toPushAnswer,
} from '../../../src/sync/protocol/index.js';
import { SeededRandom } from '../../soak/seeded-random.js';
import {
  DIGESTS_ANSWER_VECTORS,
  ERROR_VECTORS,
  HEAL_ANSWER_VECTORS,
  LIMITS_VECTORS,
  PUSH_ANSWER_VECTORS,
} from '../../vectors/sync-protocol.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the wire does not change', () => {
  it.each(PUSH_ANSWER_VECTORS)('answer to a push: $name', ({ json, value }) => {
    expect(JSON.stringify(toPushAnswer(value))).toBe(json);
    expect(parsePushAnswer(parseJson(utf8(json)))).toEqual(value);
  });

  it.each(HEAL_ANSWER_VECTORS)('answer to an offer: $name', ({ json, value }) => {
    expect(JSON.stringify(toHealAnswer(value))).toBe(json);
    expect(parseHealAnswer(parseJson(utf8(json)))).toEqual(value);
  });

  it.each(DIGESTS_ANSWER_VECTORS)('answer with digests: $name', ({ json, value }) => {
    expect(parseDigestsAnswer(parseJson(utf8(json)))).toEqual(value);
    expect(JSON.stringify({ digests: value.map((digest) => digest ?? null) })).toBe(json);
  });

  it('the common place', () => {
    expect(parseCommonAnswer(parseJson(utf8('{"common":"7.abc"}')))).toBe('7.abc');
  });

  it.each(ERROR_VECTORS)('%i %s', (_status, json, name) => {
    const data = parseErrorAnswer(parseJson(utf8(json)));
    const sent = (JSON.parse(json) as { error: object }).error;
    expect(data).toEqual(sent);
    expect(decodeError(data!, SYNC_ERRORS)).toMatchObject({ ...sent, name });
  });

  it.each(LIMITS_VECTORS)('limits: %s', (header, limits) => {
    expect(parseLimits(header)).toEqual(limits);
  });

  it('limits are read as they are stated', () => {
    for (const limits of [LIMITS_DEFAULT, LIMITS_LEAST]) expect(parseLimits(formatLimits(limits))).toEqual(limits);
    expect(formatLimits(LIMITS_DEFAULT)).toBe(LIMITS_VECTORS[0]?.[0]);
  });

  it.each([
    [100, 99, false],
    [100, 100, false],
    [100, 101, true],
    [100, 10_000, true],
    [100, 10_001, false],
  ])('%i bytes of gzip for %i: %s', (packed, bytes, fair) => {
    expect(isFairGzip(packed, bytes)).toBe(fair);
  });
});

describe('what is not known is ignored', () => {
  it('fields, and what follows in a decision', () => {
    expect(parsePushAnswer({ head: 1, decisions: [['x', 'accepted', 1, 'later']], later: {} })).toEqual({
      head: 1,
      decisions: [{ id: 'x', kind: 'accepted', position: 1 }],
      conflict: undefined,
    });
    expect(parseHealAnswer({ decisions: [['x', 'known', 'later']], later: 1 })).toEqual({
      decisions: [{ id: 'x', kind: 'known' }],
      head: undefined,
    });
    expect(
      parseErrorAnswer({ error: { name: 'X', message: 'm', later: 1, details: { a: 1, b: {}, c: null } } }),
    ).toEqual({
      name: 'X',
      message: 'm',
      details: { a: 1 },
    });
  });
});

describe('what is no answer is none', () => {
  it.each<unknown>([
    undefined,
    null,
    0,
    'text',
    [],
    {},
    { head: 1 },
    { head: -1, decisions: [] },
    { head: 1.5, decisions: [] },
    { head: '1', decisions: [] },
    { head: 1, decisions: {} },
    { head: 1, decisions: [null] },
    { head: 1, decisions: [{}] },
    { head: 1, decisions: [[]] },
    { head: 1, decisions: [['x']] },
    { head: 1, decisions: [['x', 'accepted']] },
    { head: 1, decisions: [['x', 'accepted', -1]] },
    { head: 1, decisions: [['x', 'rejected', 'CODE']] },
    { head: 1, decisions: [['x', 'later', 1]] },
    { head: 1, decisions: [[1, 'accepted', 1]] },
    { head: 1, decisions: [], conflict: 7 },
    { head: 1, decisions: [], conflict: null },
  ])('%j', (answer) => {
    expect(parsePushAnswer(answer)).toBeUndefined();
    expect(parseCommonAnswer(answer)).toBeUndefined();
    expect(parseErrorAnswer(answer)).toBeUndefined();
  });

  it.each<unknown>([{ decisions: [['x', 'later']] }, { decisions: [['x']] }, { decisions: 'x' }, null])(
    'to an offer: %j',
    (answer) => expect(parseHealAnswer(answer)).toBeUndefined(),
  );

  it('bytes that were changed are read, or are none', () => {
    const seed = Date.now() % 1_000_000;
    const random = new SeededRandom(seed);
    const texts = [...PUSH_ANSWER_VECTORS, ...HEAL_ANSWER_VECTORS, ...DIGESTS_ANSWER_VECTORS].map(({ json }) => json);
    texts.push(...ERROR_VECTORS.map(([, json]) => json), '{"common":"7.abc"}');
    let read = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = utf8(texts[round % texts.length]!);
      bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
      const answer = parseJson(random.chance(0.2) ? bytes.subarray(0, random.between(0, bytes.length)) : bytes);
      for (const parse of [parsePushAnswer, parseHealAnswer, parseCommonAnswer, parseErrorAnswer]) {
        if (parse(answer) !== undefined) read++;
      }
    }
    expect(read, `seed ${seed}`).toBeGreaterThan(1_000);
  });
});
