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
import { codeOf, countSentence, openSentence } from '../../demo/plain-words.js';

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
