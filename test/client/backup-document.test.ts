import { expect, test } from 'vitest';
import { shownExamples } from '../support/shown-examples.js';

test.each(shownExamples('docs/backup.md'))('the documentation shows %s as it is', (_path, shown, actual) => {
  expect(shown).toBe(actual);
});
