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
import {
  codeOf,
  countSentence,
  initialsOf,
  openSentence,
  reasonSentence,
  setAsideSentence,
} from '../../demo/plain-words.js';

class UnheardOfError extends EventSourcingError {
  static override readonly code: string = 'UNHEARD_OF';
}

describe.each([
  ['a count', countSentence, [CommandError, ConcurrencyError, ValidationError, OperationalError]],
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
  expect(setAsideSentence(1)).toContain('An item is');
  expect(setAsideSentence(2)).toContain('2 items are');
});
