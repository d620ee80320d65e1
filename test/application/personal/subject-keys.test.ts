/** Keys of people, in memory and in a table of each engine. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { MemorySubjectKeys } from '../../../src/application/personal/memory-subject-keys.js';
import { SqlSubjectKeys } from '../../../src/application/personal/sql-subject-keys.js';
import type { SubjectKeys } from '../../../src/application/personal/subject-keys.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const closings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function sqlKeys(name: string): Promise<SqlSubjectKeys> {
  const opened = await (SQL_RECORDERS[name] as (typeof SQL_RECORDERS)[string])();
  closings.push(opened.close);
  const keys = new SqlSubjectKeys({ recorder: opened.recorder, table: `keys_${crypto.randomUUID().slice(0, 8)}` });
  await keys.createTables();
  await keys.createTables();
  return keys;
}

const ENGINES = Object.keys(SQL_RECORDERS);
const PLACES: readonly [string, () => Promise<SubjectKeys>][] = [
  ['memory', () => Promise.resolve(new MemorySubjectKeys())],
  ...ENGINES.map((name): [string, () => Promise<SubjectKeys>] => [name, () => sqlKeys(name)]),
];

describe.each(PLACES)('keys in %s', (_name, open) => {
  test('are one for each subject, of 32 bytes, and found by their ids', async () => {
    const keys = await open();
    const anna = await keys.keyFor('anna');
    const ben = await keys.keyFor('ben');
    expect(anna.key).toHaveLength(32);
    expect(anna.key).not.toEqual(ben.key);
    expect(await keys.keyFor('anna')).toEqual(anna);
    expect(await keys.find([ben.id, 'nobody', anna.id])).toEqual([ben, undefined, anna]);
    expect(await keys.find([])).toEqual([]);
  });

  test('are one also for those who ask at once', async () => {
    const keys = await open();
    const asked = await Promise.all(Array.from({ length: 5 }, () => keys.keyFor('anna')));
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
  });

  test('are destroyed when their subject is forgotten, for good, and nobody else is', async () => {
    const keys = await open();
    const anna = await keys.keyFor('anna');
    const ben = await keys.keyFor('ben');
    const told: string[] = [];
    const stop = keys.onForgotten((subject) => told.push(subject));
    expect(await keys.forget('anna')).toEqual([anna.id]);
    expect(told).toEqual(['anna']);
    stop();
    expect(await keys.find([anna.id, ben.id])).toEqual(['forgotten', ben]);
    await expect(keys.keyFor('anna')).rejects.toMatchObject({
      code: 'SUBJECT_FORGOTTEN',
      details: { subject: 'anna' },
    });
    expect(await keys.forget('anna')).toEqual([anna.id]);
    expect(await keys.keyFor('ben')).toEqual(ben);
    expect(told).toEqual(['anna']);
  });

  test('are never made for somebody who was forgotten before anything was known of them', async () => {
    const keys = await open();
    await keys.forget('carl');
    await expect(keys.keyFor('carl')).rejects.toMatchObject({ code: 'SUBJECT_FORGOTTEN' });
  });

  test('have one for snapshots, which goes when anybody is forgotten', async () => {
    const keys = await open();
    const before = await keys.snapshotKey();
    expect(await keys.snapshotKey()).toEqual(before);
    expect(await keys.find([before.id])).toEqual([before]);
    await keys.forget('anna');
    expect(await keys.find([before.id])).toEqual([undefined]);
    expect((await keys.snapshotKey()).id).not.toBe(before.id);
  });

  test.each([[''], ['a'.repeat(256)], ['a\0b'], ['\ud800'], [7], [undefined]])(
    'refuse the subject %j',
    async (subject) => {
      const keys = await open();
      const wrong = subject as string;
      await expect(keys.keyFor(wrong)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
      await expect(keys.forget(wrong)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    },
  );
});

describe.each(ENGINES)('keys that travel, in %s', (name) => {
  test('are made here until somebody else has them', async () => {
    const keys = await sqlKeys(name);
    const anna = await keys.keyFor('anna');
    await keys.snapshotKey();
    expect(await keys.madeHere()).toEqual([anna]);
    await keys.keptElsewhere([anna.id]);
    expect(await keys.madeHere()).toEqual([]);
    expect(await keys.keyFor('anna')).toEqual(anna);
  });

  test('are taken from others, beside what is here', async () => {
    const keys = await sqlKeys(name);
    const own = await keys.keyFor('anna');
    const foreign = { id: crypto.randomUUID(), subject: 'anna', key: new Uint8Array(32).fill(7) };
    expect(await keys.take([foreign])).toEqual([]);
    expect(await keys.find([own.id, foreign.id])).toEqual([own, foreign]);
    expect(await keys.madeHere()).toEqual([own]);
    expect(await keys.forget('anna')).toEqual(expect.arrayContaining([own.id, foreign.id]));
  });

  test('of somebody who was forgotten here do not come back', async () => {
    const keys = await sqlKeys(name);
    await keys.forget('anna');
    const foreign = { id: crypto.randomUUID(), subject: 'anna', key: new Uint8Array(32) };
    expect(await keys.take([foreign])).toEqual([foreign.id]);
    expect(await keys.find([foreign.id])).toEqual(['forgotten']);
  });

  test('of somebody who was forgotten there are destroyed here', async () => {
    const keys = await sqlKeys(name);
    const anna = await keys.keyFor('anna');
    const told: string[] = [];
    keys.onForgotten((subject) => told.push(subject));
    expect(await keys.take([{ ...anna, key: null }])).toEqual([anna.id]);
    expect(await keys.find([anna.id])).toEqual(['forgotten']);
    expect(told).toEqual(['anna']);
    await keys.take([{ ...anna, key: null }]);
    expect(told).toEqual(['anna']);
  });
});

test('two places that exchange keys in any order know the same in the end', async () => {
  const step = fc.record({
    place: fc.nat(1),
    subject: fc.constantFrom('anna', 'ben', 'carl'),
    act: fc.constantFrom('key', 'forget', 'exchange'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const places = await Promise.all([sqlKeys(ENGINES[0] as string), sqlKeys(ENGINES[0] as string)]);
      const ids = new Set<string>();
      const forgotten = new Set<string>();
      const exchange = async (from: SqlSubjectKeys, to: SqlSubjectKeys): Promise<void> => {
        const known = await from.find([...ids]);
        const of = [...ids].map((id, index) => ({ id, found: known[index] }));
        await to.take(of.flatMap(({ found }) => (found === undefined || found === 'forgotten' ? [] : [found])));
        await to.take(
          of.flatMap(({ id, found }) =>
            found === 'forgotten' ? [{ id, subject: subjects.get(id) as string, key: null }] : [],
          ),
        );
      };
      const subjects = new Map<string, string>();
      for (const { place, subject, act } of steps) {
        const keys = places[place] as SqlSubjectKeys;
        if (act === 'exchange') await exchange(keys, places[1 - place] as SqlSubjectKeys);
        else if (act === 'forget') for (const id of await keys.forget(subject)) forgotten.add(id);
        else {
          const made = await keys.keyFor(subject).catch(() => undefined);
          if (made !== undefined) subjects.set(made.id, subject);
          if (made !== undefined) ids.add(made.id);
        }
      }
      for (const [from, to] of [places, places.toReversed(), places])
        await exchange(from as SqlSubjectKeys, to as SqlSubjectKeys);
      const [one, other] = await Promise.all(places.map((keys) => keys.find([...ids])));
      expect(one).toEqual(other);
      for (const [index, id] of [...ids].entries()) if (forgotten.has(id)) expect(one?.[index]).toBe('forgotten');
      for (const close of closings.splice(0)) await close();
    }),
    { numRuns: 25 },
  );
});

describe('what was forgotten is to be followed', () => {
  test('until somebody says that it was, also when these keys are opened again', async () => {
    const opened = await (SQL_RECORDERS[ENGINES[0] as string] as (typeof SQL_RECORDERS)[string])();
    closings.push(opened.close);
    const open = (): SqlSubjectKeys => new SqlSubjectKeys({ recorder: opened.recorder });
    const keys = open();
    await keys.createTables();
    const anna = await keys.keyFor('anna');
    await keys.keyFor('ben');
    await keys.keyFor('carl');
    expect(await keys.toFollow()).toEqual([]);
    await keys.destroy([anna.id, crypto.randomUUID()]);
    await keys.forget('carl');
    // Nothing was ever read of them here.
    await keys.forget('dora');
    await keys.take([{ id: crypto.randomUUID(), subject: 'emil', key: null }]);
    expect(await open().toFollow()).toEqual(['anna', 'carl']);
    await keys.followed(['anna', 'ben']);
    expect(await open().toFollow()).toEqual(['carl']);
    await keys.forget('ben');
    await keys.take([{ id: crypto.randomUUID(), subject: 'anna', key: new Uint8Array(32) }]);
    expect(await keys.toFollow()).toEqual(['ben', 'carl']);
  });

  test('by every tab: one that did not destroy the keys itself is told as well, once, and not of what was before it', async () => {
    const opened = await (SQL_RECORDERS[ENGINES[0] as string] as (typeof SQL_RECORDERS)[string])();
    closings.push(opened.close);
    let nowMs = 1_000_000;
    const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, schedule: () => () => undefined };
    const open = (told: string[]): SqlSubjectKeys => {
      const keys = new SqlSubjectKeys({ recorder: opened.recorder, clock });
      keys.onForgotten((subject) => told.push(subject));
      return keys;
    };
    const [first, second, later]: string[][] = [[], [], []];
    const keys = open(first as string[]);
    await keys.createTables();
    const neighbour = open(second as string[]);
    const { id } = await keys.keyFor('anna');
    await keys.destroy([id]);
    await neighbour.destroy([id]);
    await neighbour.destroy([id]);
    nowMs += 3_600_000;
    await open(later as string[]).destroy([id]);
    expect([first, second, later]).toEqual([['anna'], ['anna'], []]);
  });
});
