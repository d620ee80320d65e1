import {
  DamagedFileError,
  EventSourcingError,
  ForeignFileError,
  ImportIncompleteError,
  OperationalError,
  StorageFullError,
  StorageLostError,
  StoreExistsError,
  StoreInUseError,
  WorkerDiedError,
} from 'daybook';
import { CommandError, ConcurrencyError, ValidationError } from 'daybook/application';
import { describe, expect, it } from 'vitest';
import type { DecidedAgain } from '../../demo/decided-again.js';
import type { StockEntry } from '../../demo/stock-entries.js';
import {
  codeOf,
  countSentence,
  decidedAgainSentence,
  decidedNotice,
  initialsOf,
  meanwhileOf,
  openSentence,
  reasonSentence,
} from '../../demo/plain-words.js';
import { CountedMeanwhileError } from '../../demo/stock-item-decider.js';

const ITEM = { notificationId: 0, sku: 'a', name: 'Screws', at: new Date(0) };
const by = (name: string) => ({ deviceId: name, name });
const counted = (name: string, previousQuantity: number, quantity: number): StockEntry => ({
  ...ITEM,
  ...{ by: by(name), kind: 'counted', previousQuantity, quantity },
});
const stepped = (name: string, previousQuantity: number, quantity: number): StockEntry => ({
  ...ITEM,
  ...{ by: by(name), kind: 'stepped', previousQuantity, quantity },
});

class UnheardOfError extends EventSourcingError {
  static override readonly code: string = 'UNHEARD_OF';
}

describe.each([
  [
    'a count',
    countSentence,
    [CommandError, CountedMeanwhileError, ConcurrencyError, ValidationError, OperationalError],
  ],
  ['a count', countSentence, [StorageFullError, StorageLostError, WorkerDiedError]],
  ['the opening', openSentence, [ForeignFileError, DamagedFileError, StoreExistsError, ImportIncompleteError]],
  ['the opening', openSentence, [StoreInUseError, StorageFullError, StorageLostError]],
] as const)('what went wrong with %s', (_what, sentence, classes) => {
  it.each(classes.map((ErrorClass) => new ErrorClass('For whoever helps.')))('is said plainly: %s', (error) => {
    expect(sentence(error)).not.toBe(sentence(new UnheardOfError('?')));
    expect(sentence(error)).not.toContain(codeOf(error));
    expect(sentence(error)).not.toContain(error.message);
  });
});

it.each([
  ['Ana', 'A'],
  ['ana maria sousa', 'AM'],
  ['Phone 3F1D', 'P3'],
  ['  Özlem ', 'Ö'],
  ['👷🏽 Kim', '👷K'],
])('%s is %s in short', (name, initials) => {
  expect(initialsOf(name)).toBe(initials);
});

it('says why something was set aside, and by its code where there are no words for it', () => {
  expect(reasonSentence('CONFLICT')).not.toContain('CONFLICT');
  expect(reasonSentence('TOO_LARGE')).toContain('TOO_LARGE');
});

describe('what is said of a count that was decided again', () => {
  it.each<[string, readonly StockEntry[], StockEntry | undefined, string]>([
    [
      'a step goes on from what others have left',
      [counted('Ana', 36, 40), stepped('Ana', 40, 41)],
      stepped('Ben', 41, 43),
      'Ana was first in the books, so your +2 goes on from 41.',
    ],
    [
      'a step that has become shorter is what it was',
      [counted('Ana', 36, 40), stepped('Cleo', 40, 41)],
      stepped('Ben', 99_998, 99_999),
      'Ana and Cleo were first in the books, so your +2 goes on from 99,998.',
    ],
    [
      'nothing is left to do',
      [counted('Ana', 36, 0)],
      undefined,
      'Ana was first in the books, and left nothing for yours to change.',
    ],
    [
      'both have found the same',
      [counted('Ana', 36, 40)],
      counted('Ben', 40, 40),
      'Ana was first in the books, and found the same. Both counts stand.',
    ],
    [
      'it is as it was known again',
      [stepped('Ana', 36, 35), stepped('Ana', 35, 36)],
      counted('Ben', 36, 30),
      'Ana was first in the books. Yours came after, and stands.',
    ],
    [
      'nobody knows who',
      [],
      stepped('Ben', 40, 42),
      'Somebody else was first in the books, so your +2 goes on from 40.',
    ],
  ])('%s', (_what, others, after, sentence) => {
    const card: DecidedAgain = { unitId: '', outcome: 'changed', before: stepped('Ben', 36, 38), others, after };
    expect(decidedAgainSentence(card)).toBe(sentence);
  });

  it('sums up what one of the others did in a row', () => {
    expect(
      meanwhileOf([stepped('Ana', 36, 38), stepped('Ana', 38, 37), counted('Cleo', 37, 30), stepped('Ana', 30, 31)]),
    ).toEqual([
      { who: 'Ana', act: '2 counts', previousQuantity: 36, quantity: 37 },
      { who: 'Cleo', act: 'counted', previousQuantity: 37, quantity: 30 },
      { who: 'Ana', act: '+1', previousQuantity: 30, quantity: 31 },
    ]);
  });
});

it.each([
  [1, 0, 'An item is set aside: two counts, and one place in the books.'],
  [2, 0, '2 items are set aside: two counts, and one place in the books.'],
  [0, 1, 'A count of yours was decided again.'],
  [1, 1, 'An item is set aside, and a count was decided again.'],
  [2, 3, '2 items are set aside, and 3 counts were decided again.'],
])('says in one sentence what met the counts of others: %d, %d', (setAside, decidedAgain, sentence) => {
  expect(decidedNotice(setAside, decidedAgain)).toBe(sentence);
});
