import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TransactionDesk } from '../../src/host/transaction-desk.js';
import type { TransactionSource } from '../../src/host/transaction-desk.js';
import type { TransactionWork } from '../../src/persistence/journal/own-tables.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { openTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';

type Transaction = Parameters<TransactionWork<void>>[0];

/** What becomes of a commit. */
type Verdict = 'committed' | 'overtaken' | Error;

/** One transaction whose fate is written down beforehand: each of its rounds gets a transaction object of its own. */
class ScriptedTransaction implements TransactionSource {
  /** Of the next commits; when none is left, they go through. */
  readonly verdicts: Verdict[] = [];
  readonly rounds: Transaction[] = [];
  outcome: 'open' | 'committed' | 'failed' | 'taken back' = 'open';
  options: unknown;
  readonly #itself = Promise.withResolvers<never>();

  /** As silence does: it is over, and nobody has asked for that. */
  endItself(error: Error): void {
    this.#itself.reject(error);
  }

  async transaction(work: TransactionWork<void>, options?: unknown): Promise<void> {
    this.options = options;
    for (;;) {
      const round = {} as Transaction;
      this.rounds.push(round);
      try {
        await Promise.race([work(round), this.#itself.promise]);
      } catch (error) {
        this.outcome = 'taken back';
        throw error;
      }
      const verdict = this.verdicts.shift() ?? 'committed';
      if (verdict === 'overtaken') continue;
      this.outcome = verdict === 'committed' ? 'committed' : 'failed';
      if (verdict !== 'committed') throw verdict;
      return;
    }
  }
}

const GONE = { code: 'INTERFACE_ERROR' };

const begun = async (): Promise<{ desk: TransactionDesk; source: ScriptedTransaction; token: number }> => {
  const [desk, source] = [new TransactionDesk(), new ScriptedTransaction()];
  return { desk, source, token: await desk.begin(source, {}) };
};

/** Refused whatever is asked of it. */
const expectGone = async (desk: TransactionDesk, token: number): Promise<void> => {
  expect(() => desk.get(token)).toThrow(expect.objectContaining(GONE) as Error);
  await expect(desk.commit(token)).rejects.toMatchObject(GONE);
  await expect(desk.rollBack(token)).rejects.toMatchObject(GONE);
};

describe('a token', () => {
  test('stands for its transaction from its begin to its commit', async () => {
    const { desk, source, token } = await begun();
    expect(desk.get(token)).toBe(source.rounds[0]);
    expect(desk.get(token)).toBe(source.rounds[0]);
    expect(source.outcome).toBe('open');
    expect(await desk.commit(token)).toEqual({ outcome: 'committed' });
    expect(source.outcome).toBe('committed');
    await expectGone(desk, token);
  });

  test('is not given before it is the turn of its transaction', async () => {
    const desk = new TransactionDesk();
    const turn = Promise.withResolvers<undefined>();
    const source = new ScriptedTransaction();
    let token: number | undefined;
    const beginning = desk
      .begin({ transaction: async (work) => turn.promise.then(() => source.transaction(work)) }, {})
      .then((given) => (token = given));
    await Promise.resolve();
    expect(token).toBeUndefined();
    turn.resolve(undefined);
    await beginning;
    expect(desk.get(token!)).toBe(source.rounds[0]);
  });

  test('that nobody was given is refused', async () => {
    const { desk, token } = await begun();
    for (const unknown of [0, token + 1, -1, Number.NaN]) await expectGone(desk, unknown);
    expect(await desk.commit(token)).toEqual({ outcome: 'committed' });
  });

  test('is refused while its commit is under way', async () => {
    const { desk, token } = await begun();
    const committing = desk.commit(token);
    await expectGone(desk, token);
    expect(await committing).toEqual({ outcome: 'committed' });
  });

  test('is another one for each transaction, and they do not meet', async () => {
    const desk = new TransactionDesk();
    const [first, second] = [new ScriptedTransaction(), new ScriptedTransaction()];
    const [one, two] = [await desk.begin(first, {}), await desk.begin(second, { durability: 'relaxed' })];
    expect(one).not.toBe(two);
    expect([first.options, second.options]).toEqual([{}, { durability: 'relaxed' }]);
    await desk.rollBack(one);
    expect([first.outcome, second.outcome]).toEqual(['taken back', 'open']);
    expect(desk.get(two)).toBe(second.rounds[0]);
    expect(await desk.commit(two)).toEqual({ outcome: 'committed' });
    expect([first.outcome, second.outcome]).toEqual(['taken back', 'committed']);
  });
});

describe('a commit that was overtaken', () => {
  test('gives a new token for the next round, and the old one is refused', async () => {
    const { desk, source, token } = await begun();
    source.verdicts.push('overtaken', 'overtaken');
    let current = token;
    for (const round of [1, 2]) {
      const end = await desk.commit(current);
      expect(end).toEqual({ outcome: 'run-again', token: expect.any(Number) as number });
      await expectGone(desk, current);
      current = (end as { token: number }).token;
      expect(desk.get(current)).toBe(source.rounds[round]);
    }
    expect(new Set(source.rounds).size).toBe(3);
    expect(await desk.commit(current)).toEqual({ outcome: 'committed' });
    await expectGone(desk, current);
  });

  test('may be rolled back in place of another round', async () => {
    const { desk, source, token } = await begun();
    source.verdicts.push('overtaken');
    const end = await desk.commit(token);
    await desk.rollBack((end as { token: number }).token);
    expect(source.outcome).toBe('taken back');
    expect(source.rounds).toHaveLength(2);
  });
});

describe('a roll-back', () => {
  test('takes the transaction back, and is not an error', async () => {
    const { desk, source, token } = await begun();
    await expect(desk.rollBack(token)).resolves.toBeUndefined();
    expect(source.outcome).toBe('taken back');
    await expectGone(desk, token);
  });
});

describe('what goes wrong', () => {
  test('at the begin is told there', async () => {
    const desk = new TransactionDesk();
    const failing = { transaction: () => Promise.reject(new RangeError('no room')) };
    await expect(desk.begin(failing, {})).rejects.toThrow('no room');
    // One that is over without any work was no transaction.
    await expect(desk.begin({ transaction: async () => undefined }, {})).rejects.toMatchObject(GONE);
  });

  test('at the commit is told there', async () => {
    const { desk, source, token } = await begun();
    source.verdicts.push(new RangeError('disk full'));
    await expect(desk.commit(token)).rejects.toThrow('disk full');
    expect(source.outcome).toBe('failed');
    await expectGone(desk, token);
  });

  test('at the commit of a later round is told there', async () => {
    const { desk, source, token } = await begun();
    source.verdicts.push('overtaken', new RangeError('overtaken too often'));
    const end = await desk.commit(token);
    await expect(desk.commit((end as { token: number }).token)).rejects.toThrow('overtaken too often');
  });

  test.each(['commit', 'rollBack'] as const)(
    'between two calls is told to whoever ends the transaction: %s',
    async (ending) => {
      const { desk, source, token } = await begun();
      source.endItself(new RangeError('silent for too long'));
      await expect(desk[ending](token)).rejects.toThrow('silent for too long');
      expect(source.outcome).toBe('taken back');
      await expectGone(desk, token);
    },
  );

  test('long before the commit is told there all the same', async () => {
    const { desk, source, token } = await begun();
    source.endItself(new RangeError('silent for too long'));
    await expect.poll(() => source.outcome).toBe('taken back');
    expect(desk.get(token)).toBe(source.rounds[0]);
    await expect(desk.commit(token)).rejects.toThrow('silent for too long');
    await expectGone(desk, token);
  });
});

describe('on a real store', () => {
  test('another tab makes it run again, and savepoints have tokens of their own', async () => {
    const journal = new SharedJournal();
    const [tab, other] = [await openTab(journal), await openTab(journal)];
    const desk = new TransactionDesk();
    const id = newOriginatorId();
    const first = await desk.begin(tab.recorder, {});
    await desk.get(first).insertEvents([sampleEvent(id, 1)]);
    await other.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const end = await desk.commit(first);
    expect(end).toMatchObject({ outcome: 'run-again' });
    const second = (end as { token: number }).token;
    expect(await desk.get(second).insertEvents([sampleEvent(id, 1)])).toEqual([2]);
    const lost = await desk.begin(desk.get(second), {});
    await desk.get(lost).insertEvents([sampleEvent(id, 2)]);
    await desk.rollBack(lost);
    const savepoint = await desk.begin(desk.get(second), {});
    expect(await desk.get(savepoint).insertEvents([sampleEvent(id, 2)])).toEqual([3]);
    expect(await desk.commit(savepoint)).toEqual({ outcome: 'committed' });
    expect(await desk.commit(second)).toEqual({ outcome: 'committed' });
    expect(await tab.recorder.selectEvents(id)).toHaveLength(2);
  });
});

describe('any sequence of calls', () => {
  /** What a transaction is, as its owner sees it. */
  interface Owned {
    readonly source: ScriptedTransaction;
    token: number;
    round: number;
    failure: Error | undefined;
  }

  type Step =
    | { readonly kind: 'begin' }
    | { readonly kind: 'commit'; readonly of: number; readonly verdict: 'committed' | 'overtaken' | 'fails' }
    | { readonly kind: 'roll back' | 'ends itself' | 'use'; readonly of: number };

  const of = fc.nat({ max: 50 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('commit' as const),
        of,
        verdict: fc.constantFrom('committed' as const, 'overtaken' as const, 'overtaken' as const, 'fails' as const),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom('roll back' as const, 'ends itself' as const, 'use' as const), of }),
    },
  );

  test('keeps every token to its round, and every outcome to its transaction', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const desk = new TransactionDesk();
        const open: Owned[] = [];
        const all: { readonly source: ScriptedTransaction; outcome: string }[] = [];
        const used = new Set<number>();
        const spent: number[] = [];

        const take = (token: number): number => {
          expect(used.has(token)).toBe(false);
          used.add(token);
          return token;
        };
        const over = (owned: Owned, outcome: string): void => {
          open.splice(open.indexOf(owned), 1);
          spent.push(owned.token);
          all.find(({ source }) => source === owned.source)!.outcome = outcome;
        };

        const commit = async (owned: Owned, verdict: 'committed' | 'overtaken' | 'fails'): Promise<void> => {
          const { source, token, failure } = owned;
          const refusal = new RangeError(`refused ${token}`);
          source.verdicts.splice(0, 1, verdict === 'fails' ? refusal : verdict);
          if (failure !== undefined) {
            await expect(desk.commit(token)).rejects.toBe(failure);
            over(owned, 'taken back');
          } else if (verdict === 'fails') {
            await expect(desk.commit(token)).rejects.toBe(refusal);
            over(owned, 'failed');
          } else if (verdict === 'committed') {
            expect(await desk.commit(token)).toEqual({ outcome: 'committed' });
            over(owned, 'committed');
          } else {
            const end = await desk.commit(token);
            expect(end.outcome).toBe('run-again');
            spent.push(token);
            owned.token = take((end as { token: number }).token);
            owned.round++;
          }
        };

        for (const now of steps) {
          if (now.kind === 'begin') {
            const source = new ScriptedTransaction();
            all.push({ source, outcome: 'open' });
            open.push({ source, token: take(await desk.begin(source, {})), round: 0, failure: undefined });
          } else {
            const owned = open[now.of % Math.max(1, open.length)];
            if (owned === undefined) continue;
            if (now.kind === 'commit') await commit(owned, now.verdict);
            else if (now.kind === 'roll back') {
              const { failure } = owned;
              if (failure === undefined) await desk.rollBack(owned.token);
              else await expect(desk.rollBack(owned.token)).rejects.toBe(failure);
              over(owned, 'taken back');
            } else if (now.kind === 'ends itself' && owned.failure === undefined) {
              owned.failure = new RangeError(`silent ${owned.token}`);
              owned.source.endItself(owned.failure);
            }
          }
          for (const { source, token, round } of open) expect(desk.get(token)).toBe(source.rounds[round]);
          for (const token of spent) expect(() => desk.get(token)).toThrow(expect.objectContaining(GONE) as Error);
        }
        // Those that ended by themselves may not have been told of it: what counts is what their owners were told.
        for (const { source, outcome } of all) if (outcome !== 'open') expect(source.outcome).toBe(outcome);
      }),
      { numRuns: 200 },
    );
  });
});
