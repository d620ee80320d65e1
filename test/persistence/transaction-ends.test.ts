import { expect, test } from 'vitest';
import { OperationalError } from '../../src/persistence/errors.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { RecorderTransaction } from '../../src/persistence/recorder-transaction.js';
import { withEnds } from '../../src/persistence/transaction-ends.js';

type Work<T> = (transaction: RecorderTransaction<undefined>) => Promise<T>;

const rolledBack = new Error('taken back');

/** Runs work in a transaction of an engine that is not heard, and takes it back. */
async function takenBack<T>(work: Work<T>): Promise<T | undefined> {
  let result: T | undefined;
  await new MemoryProcessRecorder()
    .transaction(async (transaction) => {
      result = await work(transaction);
      throw rolledBack;
    })
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
  return result;
}

test('work that is run again is told that its run before was taken back', async () => {
  const told: string[] = [];
  let run = 0;
  const begin = async <T>(work: Work<T>): Promise<T> => {
    await takenBack(work);
    return await new MemoryProcessRecorder().transaction(work);
  };
  await withEnds({}, begin, async (transaction) => {
    const name = `run ${++run}`;
    transaction.onEnded?.((outcome) => void told.push(`${name}: ${outcome}`));
  });
  expect(told).toEqual(['run 1: rolledBack', 'run 2: committed']);
});

test.each([
  [new OperationalError('Nobody answered.', { details: { outcome: 'unknown' } }), 'unknown'],
  [new OperationalError('The commit was refused.'), 'rolledBack'],
])('a commit that fails with %s ended as %s', async (error, outcome) => {
  const told: string[] = [];
  const begin = async <T>(work: Work<T>): Promise<T> => {
    await takenBack(work);
    throw error;
  };
  const ended = withEnds({}, begin, async (transaction) => {
    transaction.onEnded?.((end) => void told.push(end));
  });
  await expect(ended).rejects.toBe(error);
  expect(told).toEqual([outcome]);
});

test('whoever comes after the end is told of it at once', async () => {
  const told: string[] = [];
  let left: RecorderTransaction<undefined> | undefined;
  await new MemoryProcessRecorder().transaction(async (transaction) => {
    left = transaction;
  });
  left?.onEnded?.((outcome) => void told.push(outcome));
  expect(told).toEqual(['committed']);
});
