/**
 * Bad input: each public function, what it refuses, with which error, and that nothing is stored then. The tables are in the
 * files beside this one; a function that is published and is in none of them fails here.
 */
import { describe, expect, test } from 'vitest';
import { isEventSourcingError } from '../../src/domain/errors.js';
import { REFUSES_NOTHING } from './refuses-nothing.js';
import { publicFunctions } from './public-functions.js';
import { ROWS } from './rows.js';
import { casesOf, valuesOf } from './table.js';
import type { Row } from './table.js';
import { NOBODY, openWorld } from './world.js';
import type { World } from './world.js';

// The whole of src is compiled.
const LIMIT_MS = 120_000;

async function thrownBy(world: World, { call }: Row, values: readonly unknown[]): Promise<unknown> {
  try {
    await call(world, values as readonly never[]);
    return 'nothing';
  } catch (error) {
    return error;
  }
}

function fitting(thrown: unknown, codes: readonly string[], reason: Error | undefined): boolean {
  if (reason !== undefined) return thrown === reason;
  if (isEventSourcingError(thrown)) return codes.includes(thrown.code);
  return thrown instanceof TypeError && codes.includes('TypeError');
}

function isOfNobody(thrown: unknown): boolean {
  const messages: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) messages.push(error.message);
  return messages.some((message) => message.includes(NOBODY));
}

describe('each public function refuses what is wrong, and stores nothing', () => {
  test.each(ROWS.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    const world = await openWorld();
    try {
      const cases = casesOf(row.given);
      expect(cases).not.toEqual([]);
      const taken: string[] = [];
      for (const { what, values, reason } of cases) {
        // What the call needs is made before.
        await thrownBy(world, row, values);
        const before = await world.standing();
        const thrown = await thrownBy(world, row, values);
        const isRefused = fitting(thrown, row.codes, reason);
        const isUnchanged = (await world.standing()) === before;
        if (isRefused && isUnchanged) continue;
        taken.push(
          `${what}: ${describeThrown(thrown)}${isUnchanged ? '' : ', and something was stored, or a server asked'}`,
        );
      }
      if (taken.length > 0) expect.fail(`not refused as they should be:\n${taken.join('\n')}`);
      if (row.onlyRefused) return;
      // A row whose other arguments were refused would show nothing.
      const thrown = await thrownBy(world, row, valuesOf(row.given));
      if (thrown !== 'nothing' && !isOfNobody(thrown)) throw thrown;
    } finally {
      world.close();
    }
  });
});

function describeThrown(thrown: unknown): string {
  if (isEventSourcingError(thrown)) return `${thrown.code} ${thrown.message}`;
  return thrown instanceof Error ? `${thrown.name} ${thrown.message}` : 'nothing was thrown';
}

test(
  'each public function has a row, or a reason why it refuses nothing',
  () => {
    const rows = new Set(ROWS.map(({ name }) => name));
    expect(ROWS).toHaveLength(rows.size);
    const known = publicFunctions();
    const reasons = REFUSES_NOTHING.flatMap(({ names }) => names);
    expect(known.length).toBeGreaterThan(500);
    expect(known.filter((name) => !rows.has(name) && !reasons.some((reason) => reason.test(name)))).toEqual([]);
    // What is named is there, and in one of the two lists.
    expect([...rows].filter((name) => !known.includes(name) || reasons.some((reason) => reason.test(name)))).toEqual(
      [],
    );
    expect(reasons.filter((reason) => !known.some((name) => reason.test(name)))).toEqual([]);
  },
  LIMIT_MS,
);
