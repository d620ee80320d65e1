import { expect, test } from 'vitest';
import type { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { openImaged } from '../../support/imaged-memory.js';
import { SharedJournal } from '../../support/shared-journal.js';

const write = async (recorder: DurableRecorder, commits: number): Promise<void> => {
  for (let left = commits; left > 0; left--) await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
};

const damage = (journal: SharedJournal, position: number): void => {
  const record = journal.records[position - 1]!;
  record[30] = record[30]! ^ 1;
};

/** Records 1 to 10, of which a checkpoint holds the first six. */
const checkpointed = async (): Promise<SharedJournal> => {
  const journal = new SharedJournal();
  const writer = await openImaged(journal);
  await write(writer, 6);
  expect(await writer.checkpoint()).toBe('published');
  await write(writer, 4);
  return journal;
};

test('a damaged record that the newest checkpoint holds is not needed: the store opens, and goes on', async () => {
  const journal = await checkpointed();
  damage(journal, 4);
  const recorder = await openImaged(journal);
  expect(await recorder.maxNotificationId()).toBe(10);
  await write(recorder, 1);
  expect(await recorder.maxNotificationId()).toBe(11);
});

test('a damaged record after it: not opened, not passed over, and every byte kept', async () => {
  const journal = await checkpointed();
  damage(journal, 8);
  const before = structuredClone([journal.records, journal.chunks, journal.manifests]);
  await expect(openImaged(journal)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 8 } });
  expect([journal.records, journal.chunks, journal.manifests]).toEqual(before);
});

test('a damaged record that a tab meets while catching up: that tab stops; one that opens from a checkpoint behind it goes on', async () => {
  const journal = new SharedJournal();
  const [writer, sleeper] = [await openImaged(journal), await openImaged(journal)];
  await write(writer, 4);
  expect(await writer.checkpoint()).toBe('published');
  damage(journal, 2);
  for (let attempt = 1; attempt <= 2; attempt++) {
    const insert = sleeper.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 2 } });
  }
  const again = await openImaged(journal);
  await write(again, 1);
  expect(await again.maxNotificationId()).toBe(5);
});
