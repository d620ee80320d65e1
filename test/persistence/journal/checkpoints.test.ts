import { describe, expect, test, vi } from 'vitest';
import {
  decodeCheckpointManifest,
  encodeCheckpointManifest,
} from '../../../src/persistence/journal/checkpoint-manifest.js';
import type { CheckpointManifest } from '../../../src/persistence/journal/checkpoint-manifest.js';
import { Checkpoints } from '../../../src/persistence/journal/checkpoints.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { openImaged } from '../../support/imaged-memory.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { PATIENTLY } from '../../support/patience.js';

const everything = async (recorder: DurableRecorder): Promise<string> =>
  JSON.stringify(await recorder.selectNotifications({ start: 1, limit: 100_000 }), (_key, value: unknown) =>
    value instanceof Uint8Array ? [...value] : value,
  );

const write = async (recorder: DurableRecorder, commits: number): Promise<void> => {
  for (let left = commits; left > 0; left--) await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
};

/** Checkpoints at 5 and 10, records 6 to 12, and a tab that has it all. */
const compacted = async (): Promise<{ journal: SharedJournal; writer: DurableRecorder }> => {
  const journal = new SharedJournal();
  const writer = await openImaged(journal);
  await write(writer, 5);
  expect(await writer.checkpoint()).toBe('published');
  await write(writer, 5);
  expect(await writer.checkpoint()).toBe('published');
  expect(await writer.compact(100)).toBe(5);
  await write(writer, 2);
  return { journal, writer };
};

const flipByte = (bytes: Uint8Array | undefined, at: number): void => {
  if (bytes === undefined) throw new Error('nothing to damage');
  bytes[at] = (bytes[at] as number) ^ 1;
};

const manifestAt = (journal: SharedJournal, position: number): CheckpointManifest =>
  decodeCheckpointManifest(position, journal.manifests.get(position) as Uint8Array);

describe('a checkpoint', () => {
  test('and the records after it make the same store', async () => {
    const { journal, writer } = await compacted();
    expect(journal.records.map((record) => record !== undefined)).toEqual([
      ...Array.from({ length: 5 }, () => false),
      ...Array.from({ length: 7 }, () => true),
    ]);
    const opened = await openImaged(journal);
    expect(opened.position).toBe(12);
    expect(await everything(opened)).toBe(await everything(writer));
  });

  test('rewrites only the chunks that changed', async () => {
    const journal = new SharedJournal();
    const writer = await openImaged(journal);
    await write(writer, 200);
    await writer.checkpoint();
    await write(writer, 1);
    const before = new Set(journal.chunks.keys());
    await writer.checkpoint();
    const added = [...journal.chunks.keys()].filter((key) => !before.has(key));
    expect(manifestAt(journal, 201).chunks.length).toBeGreaterThan(100);
    // The first, which counts and sums, and the last ones.
    expect(added.length).toBeLessThanOrEqual(4);
  });

  test('of a SQLite database of 12 MiB, after 100 commits more, rewrites a part that does not grow with it', async () => {
    const added = await Promise.all([3, 12].map(rewrittenChunks));
    expect(added[1]?.of).toBeGreaterThanOrEqual(12);
    expect(added[1]?.rewritten).toBeLessThanOrEqual((added[0]?.rewritten ?? 0) + 1);
  });

  test('leaves no chunk behind that no manifest names', async () => {
    const { journal, writer } = await compacted();
    journal.chunks.set(1_000, new Uint8Array(3));
    await writer.checkpoint();
    const named = [10, 12].flatMap((position) => manifestAt(journal, position).chunks.map(({ key }) => key));
    expect(new Set(journal.chunks.keys())).toEqual(new Set(named));
  });

  test('of what is checkpointed already is not written', async () => {
    const { writer } = await compacted();
    expect(await writer.checkpoint()).toBe('published');
    expect(await writer.checkpoint()).toBe('superseded');
  });

  test('that another tab overtakes is not published', async () => {
    const { journal, writer } = await compacted();
    const other = await openImaged(journal);
    let overtaken = false;
    journal.beforeRequest = async () => {
      if (overtaken || journal.chunks.size < 15) return;
      overtaken = true;
      await writer.checkpoint();
    };
    expect(await other.checkpoint()).toBe('superseded');
    expect(overtaken).toBe(true);
    expect(await everything(await openImaged(journal))).toBe(await everything(writer));
  });

  test('that is not stored as it was written is not published', async () => {
    const { journal, writer } = await compacted();
    const connected = journal.connect().checkpoints;
    const checkpoints = new Checkpoints({
      storage: { ...connected, readChunk: async () => new Uint8Array(7) },
    });
    await expect(checkpoints.write(12, new Uint8Array(100))).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    expect([...journal.manifests.keys()]).toEqual([5, 10]);
    expect(await everything(await openImaged(journal))).toBe(await everything(writer));
  });

  test.each(['fails', 'fails-after-writing'] as const)('during which any request %s harms nothing', async (fault) => {
    for (let at = 0; at < 12; at++) {
      const { journal, writer } = await compacted();
      let left = at;
      journal.nextFault = () => (left-- === 0 ? fault : 'none');
      await writer.checkpoint().catch((error: unknown) => expect(String(error)).toContain('injected'));
      await writer.compact(100).catch((error: unknown) => expect(String(error)).toContain('injected'));
      journal.nextFault = () => 'none';
      expect(await everything(await openImaged(journal))).toBe(await everything(writer));
    }
  });

  test('is due when the journal has grown, and not before', async () => {
    const journal = new SharedJournal();
    const writer = await openImaged(journal);
    expect(writer.checkpointNeed).toBe(0);
    await writer.insertEvents([{ ...sampleEvent(newOriginatorId(), 1), state: new Uint8Array(600_000) }]);
    expect(writer.checkpointNeed).toBeGreaterThan(0.5);
    expect(writer.checkpointNeed).toBeLessThan(1);
    await writer.insertEvents([{ ...sampleEvent(newOriginatorId(), 1), state: new Uint8Array(600_000) }]);
    expect(writer.checkpointNeed).toBeGreaterThan(1);
    expect((await openImaged(journal)).checkpointNeed).toBeGreaterThan(1);
    await writer.checkpoint();
    expect(writer.checkpointNeed).toBe(0);
    expect((await openImaged(journal)).checkpointNeed).toBe(0);
  });

  test('that is being written is waited for by the end of the store', async () => {
    const journal = new SharedJournal();
    const tab = await openImaged(journal);
    await tab.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const steps: string[] = [];
    journal.beforeRequest = async () => {
      await held;
      steps.push('a request');
    };
    const checkpoint = tab.checkpoint();
    const closed = tab.close().then(() => steps.push('closed'));
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect(steps).toEqual([]);
    letGo();
    await Promise.allSettled([checkpoint, closed]);
    expect(steps.at(-1)).toBe('closed');
    expect(steps.length).toBeGreaterThan(1);
  });

  test('is not begun in a store that is closed', async () => {
    const { writer } = await compacted();
    await writer.close();
    await expect(writer.checkpoint()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  });
});

describe('a tab that slept through a compaction', () => {
  const asleep = async (): Promise<{ journal: SharedJournal; writer: DurableRecorder; sleeper: DurableRecorder }> => {
    const journal = new SharedJournal();
    const [writer, sleeper] = [await openImaged(journal), await openImaged(journal)];
    await write(writer, 3);
    sleeper.noteHead(3);
    await sleeper.maxNotificationId();
    await write(writer, 4);
    await writer.checkpoint();
    await write(writer, 3);
    await writer.checkpoint();
    await writer.compact(100);
    return { journal, writer, sleeper };
  };

  test('does not write its position a second time, but starts from the checkpoint', async () => {
    const { journal, writer, sleeper } = await asleep();
    expect(sleeper.position).toBe(3);
    expect(journal.records[3]).toBeUndefined();
    expect(await sleeper.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([11]);
    expect(journal.records).toHaveLength(11);
    expect(journal.records[3]).toBeUndefined();
    writer.noteHead(11);
    expect(await everything(sleeper)).toBe(await everything(writer));
  });

  test('would do so if it only looked whether its own position is free: the trap is real', async () => {
    const { journal, sleeper } = await asleep();
    journal.looksForLast = false;
    expect(await sleeper.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([4]);
    expect(journal.records[3]).toBeDefined();
  });

  test('reads everything as soon as it is told', async () => {
    const { writer, sleeper } = await asleep();
    sleeper.noteHead(10);
    expect(await everything(sleeper)).toBe(await everything(writer));
  });

  test('shows its readers a state before or after the image, never a part of it', async () => {
    const { journal, sleeper } = await asleep();
    const reads: Promise<string>[] = [];
    journal.beforeRequest = async () => {
      reads.push(everything(sleeper));
    };
    reads.push(everything(sleeper));
    sleeper.noteHead(10);
    await vi.waitFor(() => expect(sleeper.position).toBe(10), PATIENTLY);
    const seen = new Set((await Promise.all(reads)).map((read) => (JSON.parse(read) as unknown[]).length));
    expect(seen.size).toBeGreaterThan(0);
    expect([...seen].every((count) => count === 3 || count === 10)).toBe(true);
  });
});

describe('damage', () => {
  test('of the newest image: the one before it and the journal make the same store', async () => {
    const { journal, writer } = await compacted();
    const [newest, older] = [manifestAt(journal, 10), manifestAt(journal, 5)];
    const olderKeys = new Set(older.chunks.map(({ key }) => key));
    const own = newest.chunks.find(({ key }) => !olderKeys.has(key));
    flipByte(journal.chunks.get(own?.key ?? 0), 3);
    const opened = await openImaged(journal);
    expect(await everything(opened)).toBe(await everything(writer));
    expect(await opened.checkpoint()).toBe('published');
    // The damaged one is not kept in the place of the sound one.
    expect([...journal.manifests.keys()]).toEqual([5, 12]);
    expect(await everything(await openImaged(journal))).toBe(await everything(writer));
  });

  test('of the newest manifest: the same', async () => {
    const { journal, writer } = await compacted();
    flipByte(journal.manifests.get(10), 25);
    expect(await everything(await openImaged(journal))).toBe(await everything(writer));
  });

  test('of a chunk that would be used again: it is written anew', async () => {
    const { journal, writer } = await compacted();
    const sleeper = await openImaged(journal);
    await write(writer, 1);
    sleeper.noteHead(13);
    await sleeper.maxNotificationId();
    const fresh = new Checkpoints({ storage: journal.connect().checkpoints, chunkBytes: 64 });
    const image = journal.chunks.get(manifestAt(journal, 10).chunks[1]?.key ?? 0) as Uint8Array;
    const copy = image.slice();
    flipByte(image, 0);
    expect(await fresh.write(13, copy)).toBe('published');
    expect(await fresh.load(0)).toMatchObject({ position: 13, image: copy });
  });

  test('of both images: not opened, and every byte kept', async () => {
    const { journal } = await compacted();
    for (const chunk of journal.chunks.values()) flipByte(chunk, 0);
    const before = structuredClone([journal.records, journal.chunks, journal.manifests]);
    await expect(openImaged(journal)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 10 } });
    expect([journal.records, journal.chunks, journal.manifests]).toEqual(before);
  });

  test('of the only image, with the whole journal there: opened from the start', async () => {
    const journal = new SharedJournal();
    const writer = await openImaged(journal);
    await write(writer, 3);
    await writer.checkpoint();
    for (const chunk of journal.chunks.values()) flipByte(chunk, 0);
    expect(await everything(await openImaged(journal))).toBe(await everything(writer));
  });

  test('a record that is missing after the checkpoint: not opened', async () => {
    const { journal } = await compacted();
    journal.records[10] = undefined;
    await expect(openImaged(journal)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 11 } });
  });

  test('a checkpoint of a newer version: refused as such, for opening and for replacing', async () => {
    const { journal, writer } = await compacted();
    (journal.manifests.get(10) as Uint8Array)[4] = 2;
    await expect(openImaged(journal)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(writer.checkpoint()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});

describe('a manifest', () => {
  const manifest: CheckpointManifest = {
    position: 7,
    imageBytes: 130,
    chunkBytes: 64,
    chunks: [3, 1, 9].map((key) => ({ key, digest: new Uint8Array(32).fill(key) })),
  };

  test('reads back as it was written', () => {
    expect(decodeCheckpointManifest(7, encodeCheckpointManifest(manifest))).toEqual(manifest);
  });

  test('of which any byte is changed, or missing, is refused', () => {
    const bytes = encodeCheckpointManifest(manifest);
    for (let at = 0; at < bytes.length; at++) {
      if (at >= 5 && at < 8) continue; // zero, and not looked at
      const damaged = bytes.slice();
      flipByte(damaged, at);
      expect(() => decodeCheckpointManifest(7, damaged)).toThrow(/Checkpoint 7/);
      expect(() => decodeCheckpointManifest(7, bytes.slice(0, at))).toThrow(/Checkpoint 7/);
    }
    expect(() => decodeCheckpointManifest(8, bytes)).toThrow(/belongs elsewhere/);
  });

  test('whose sizes and chunks do not agree is not written', () => {
    expect(() => encodeCheckpointManifest({ ...manifest, imageBytes: 64 })).toThrow(RangeError);
  });
});

describe('a SQLite image', () => {
  test('replays to the same tables as the whole journal, byte for byte', async () => {
    const journal = new SharedJournal();
    const writer = await openSqlite(journal);
    for (let round = 1; round <= 20; round++) {
      const id = newOriginatorId();
      await writer.recorder.insertEvents(sampleEvents(id, 1, 3), {
        tracking: { applicationName: 'up', notificationId: round },
      });
      if (round === 8 || round === 15) await writer.recorder.checkpoint();
    }
    const fromImage = await openSqlite(journal);
    expect(fromImage.loads()).toBe(1);
    journal.manifests.clear();
    const fromStart = await openSqlite(journal);
    expect(fromStart.loads()).toBe(0);
    expect(fromImage.dump()).toBe(writer.dump());
    expect(fromStart.dump()).toBe(writer.dump());
  });

  test('leaves prepared statements usable, of the database that gives it and of the one that takes it', async () => {
    const [from, to] = [await openSqlJs(), await openSqlJs()];
    for (const database of [from, to]) database.exec('CREATE TABLE t (v INTEGER)');
    const insert = from.prepare('INSERT INTO t VALUES (?)');
    const select = to.prepare('SELECT v FROM t');
    insert.run([1]);
    expect(select.all([])).toEqual([]);
    to.restore(from.serialize());
    expect(select.all([])).toEqual([[1]]);
    insert.run([2]);
    expect(select.all([])).toEqual([[1]]);
    select.free();
    to.close();
    const opened = await openSqlJs({ image: from.serialize() });
    expect(opened.prepare('SELECT v FROM t').all([])).toEqual([[1], [2]]);
  });

  test('is not taken in the middle of a transaction', async () => {
    const database = await openSqlJs();
    database.exec('CREATE TABLE t (v INTEGER); BEGIN; INSERT INTO t VALUES (1)');
    expect(() => database.serialize()).toThrow(/busy|locked/);
    database.exec('COMMIT');
    expect(database.serialize().length).toBeGreaterThan(0);
  });
});

async function openSqlite(
  journal: SharedJournal,
): Promise<{ recorder: DurableRecorder; dump: () => string; loads: () => number }> {
  const database = await openSqlJs();
  let loads = 0;
  const makeReplica = (): SqliteReplica => {
    const replica = new SqliteReplica(database);
    replica.createTables();
    return replica;
  };
  const recorder = await DurableRecorder.open({
    replica: makeReplica(),
    images: {
      save: () => database.serialize(),
      load(image) {
        loads++;
        database.restore(image);
        return makeReplica();
      },
    },
    journal: journal.connect(),
  });
  const dump = (): string =>
    JSON.stringify(
      ['stored_events', 'tracking', 'sqlite_sequence'].map((table) =>
        database
          .prepare(`SELECT * FROM ${table} ORDER BY 1`)
          .all([])
          .map((row) => row.map(String)),
      ),
    );
  return { recorder, dump, loads: () => loads };
}

/** Fills a store with events of one long aggregate, and counts the chunks that 100 commits more make new. */
async function rewrittenChunks(mebibytes: number): Promise<{ of: number; rewritten: number }> {
  const journal = new SharedJournal();
  const { recorder } = await openSqlite(journal);
  const id = newOriginatorId();
  const state = new Uint8Array(1_000);
  const events = (first: number, count: number): ReturnType<typeof sampleEvents> =>
    sampleEvents(id, first, first + count - 1).map((event) => ({ ...event, state }));
  const filled = mebibytes * 1_024;
  await recorder.insertEvents(events(1, filled));
  await recorder.checkpoint();
  const before = new Set(journal.chunks.keys());
  await Promise.all(events(filled + 1, 100).map((event) => recorder.insertEvents([event])));
  await recorder.checkpoint();
  const { chunks } = manifestAt(journal, journal.records.length);
  return { of: chunks.length, rewritten: chunks.filter(({ key }) => !before.has(key)).length };
}
