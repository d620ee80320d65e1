/** What was deleted leaves the storage when somebody asks for that. */
import { describe, expect, test } from 'vitest';
import type { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { eraseDeleted } from '../../../src/persistence/journal/erasure.js';
import { decodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { openImaged } from '../../support/imaged-memory.js';
import { SharedJournal } from '../../support/shared-journal.js';

const write = async (recorder: DurableRecorder, commits: number): Promise<void> => {
  for (let left = commits; left > 0; left--) await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
};
const everything = async (recorder: DurableRecorder): Promise<unknown> =>
  await recorder.selectNotifications({ start: 1, limit: 1_000 });
const erase = async (journal: SharedJournal, recorder: DurableRecorder): Promise<void> =>
  await eraseDeleted(recorder, journal.connect().checkpoints);
const kept = (journal: SharedJournal): number[] =>
  journal.records.flatMap((record, index) => (record === undefined ? [] : [index + 1]));

describe('erasing', () => {
  test.each([0, 1, 2])('keeps no record and no image from before, after %i checkpoints', async (checkpoints) => {
    const journal = new SharedJournal();
    const recorder = await openImaged(journal);
    for (let left = checkpoints; left > 0; left--) {
      await write(recorder, 3);
      await recorder.checkpoint();
    }
    await write(recorder, 3);
    const before = recorder.position;
    const chunks = new Set(journal.chunks.keys());
    const events = await everything(recorder);
    await erase(journal, recorder);
    expect(Math.min(...journal.manifests.keys())).toBeGreaterThan(before);
    expect(journal.manifests.size).toBe(2);
    // The last one stays: it says nothing.
    expect(kept(journal)).toEqual([recorder.position]);
    const last = journal.records.at(-1) as Uint8Array;
    expect(decodeJournalRecord(recorder.position, last)).toMatchObject([{ events: [] }]);
    expect(await everything(recorder)).toEqual(events);
    const opened = await openImaged(journal);
    expect(await everything(opened)).toEqual(events);
    await write(opened, 1);
    expect(await everything(opened)).toHaveLength(3 * checkpoints + 4);
    // Chunks that are named again hold what is in the store now: nothing of this one was deleted.
    expect([...journal.chunks.keys()].some((key) => !chunks.has(key))).toBe(true);
  });

  test('deletes more records than go in one transaction', async () => {
    const journal = new SharedJournal();
    const recorder = await openImaged(journal, 1 << 16);
    await write(recorder, 1_203);
    await erase(journal, recorder);
    expect(kept(journal)).toEqual([recorder.position]);
  }, 30_000);

  test('is right while another tab records, and writes checkpoints of its own', async () => {
    const journal = new SharedJournal();
    const [recorder, other] = [await openImaged(journal), await openImaged(journal)];
    await write(recorder, 4);
    let turns = 0;
    journal.beforeRequest = async () => {
      journal.beforeRequest = async () => undefined;
      await write(other, 1);
      await other.checkpoint();
      if (++turns < 3) journal.beforeRequest = again;
    };
    const again = journal.beforeRequest;
    await erase(journal, recorder);
    expect(turns).toBe(3);
    expect(Math.min(...journal.manifests.keys())).toBeGreaterThan(4);
    expect(kept(journal).every((position) => position > 5)).toBe(true);
    other.noteHead(journal.records.length);
    recorder.noteHead(journal.records.length);
    expect(await everything(other)).toHaveLength(7);
    expect(await everything(recorder)).toEqual(await everything(other));
    expect(await everything(await openImaged(journal))).toEqual(await everything(other));
  });

  test('says so when others come first again and again', async () => {
    const recorder = {
      appendNothing: async () => 5,
      checkpoint: async () => 'superseded' as const,
      compact: async () => 0,
    };
    const readManifests = async () => [{ position: 4, bytes: new Uint8Array(0) }];
    await expect(eraseDeleted(recorder, { readManifests })).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });

  test.each(['fails', 'fails-after-writing'] as const)('during which any request %s harms nothing', async (fault) => {
    let failures = 0;
    let isDone = false;
    for (let at = 0; !isDone; at++) {
      const journal = new SharedJournal();
      const recorder = await openImaged(journal, 256);
      await write(recorder, 3);
      await recorder.checkpoint();
      await write(recorder, 2);
      const events = await everything(recorder);
      let left = at;
      journal.nextFault = () => (left-- === 0 ? fault : 'none');
      await erase(journal, recorder).catch((error: unknown) => {
        expect(String(error)).toContain('injected');
        failures++;
      });
      isDone = left >= 0;
      journal.nextFault = () => 'none';
      const opened = await openImaged(journal);
      expect(await everything(opened)).toEqual(events);
      // Whoever comes next does it all.
      await erase(journal, opened);
      expect(kept(journal)).toEqual([opened.position]);
    }
    expect(failures).toBeGreaterThan(5);
  });
});
