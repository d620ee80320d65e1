import { expect, test } from 'vitest';
import { createShelves, fullestShelf, putOnShelf } from '../../../../examples/transactions/in-the-browser.js';
import { newOriginatorId, sampleEvent } from '../../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';

test('the example of docs/transactions.md keeps its table in step with the events, in two tabs', async () => {
  const journal = new SharedJournal();
  const [first, second] = [await openTab(journal), await openTab(journal)].map(({ recorder }) => ({
    recorder,
    query: recorder.query.bind(recorder),
  }));
  if (first === undefined || second === undefined) throw new Error('two tabs were opened');
  await createShelves(first);
  await createShelves(second);
  const event = sampleEvent(newOriginatorId(), 1);
  expect(await putOnShelf(first, 'A1', [event])).toBe(1);
  expect(await putOnShelf(second, 'A2', [sampleEvent(newOriginatorId(), 1)])).toBe(1);
  expect(await putOnShelf(second, 'A1', [sampleEvent(newOriginatorId(), 1)])).toBe(2);
  await expect(putOnShelf(first, 'A2', [event])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
  expect(await fullestShelf(first)).toBe('A1');
  expect(journal.records).toHaveLength(4);
});
