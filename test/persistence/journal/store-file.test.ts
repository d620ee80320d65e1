import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCheckpointManifest } from '../../../src/persistence/journal/checkpoint-manifest.js';
import type { OpenProgress } from '../../../src/persistence/journal/open-progress.js';
import { exportStore } from '../../../src/persistence/journal/store-file/store-export.js';
import { readStoreFile } from '../../../src/persistence/journal/store-file/store-file-reader.js';
import type { StoreFileHeader } from '../../../src/persistence/journal/store-file/store-file.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { openImaged } from '../../support/imaged-memory.js';
import { SharedJournal } from '../../support/shared-journal.js';

const identity = { replicaId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5', createdAtMs: 1_700_000_000_000 };
const EXPORT_ID = '5d8f25a9-5fcd-4b5f-a4d1-0d44c2ce2b28';

interface ReadBack {
  readonly header: StoreFileHeader;
  readonly image: Uint8Array;
  /** By position. */
  readonly records: ReadonlyMap<number, Uint8Array>;
}

const exporting = (
  journal: SharedJournal,
  onProgress?: (progress: OpenProgress) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> =>
  exportStore({
    journal: journal.connect(),
    identity,
    name: 'count',
    exportId: EXPORT_ID,
    nowMs: 1_750_000_000_000,
    onProgress,
  });

const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

const fileOf = async (journal: SharedJournal): Promise<Uint8Array> => joined(await Array.fromAsync(exporting(journal)));

/** A source that gives a file in parts of the given sizes, again and again. */
const inParts = (file: Uint8Array, sizes: readonly number[]): (() => Promise<Uint8Array | undefined>) => {
  let at = 0;
  let turn = 0;
  return async () => {
    if (at >= file.length) return undefined;
    const size = sizes[turn++ % sizes.length] as number;
    at += size;
    return file.slice(at - size, at);
  };
};

const readBack = async (file: Uint8Array, sizes: readonly number[] = [1 << 20]): Promise<ReadBack> => {
  const { header, blocks } = await readStoreFile(inParts(file, sizes));
  const chunks: Uint8Array[] = [];
  const records = new Map<number, Uint8Array>();
  for await (const block of blocks) {
    if (block.kind === 'chunk') chunks.push(block.bytes);
    else block.records.forEach((record, index) => records.set(block.first + index, record.slice()));
  }
  return { header, image: joined(chunks), records };
};

const imageAt = (journal: SharedJournal, position: number): Uint8Array =>
  joined(
    decodeCheckpointManifest(position, journal.manifests.get(position) as Uint8Array).chunks.map(
      ({ key }) => journal.chunks.get(key) as Uint8Array,
    ),
  );

const recordsFrom = (journal: SharedJournal, first: number): Map<number, Uint8Array> =>
  new Map(
    journal.archive.map((record, index) => [index + 1, record] as const).filter(([position]) => position >= first),
  );

/** A journal after so many commits, with checkpoints after some of them, compacted after each. */
const journalOf = async (commits: number, checkpointsAt: readonly number[] = []): Promise<SharedJournal> => {
  const journal = new SharedJournal();
  const recorder = await openImaged(journal);
  for (let position = 1; position <= commits; position++) {
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    if (!checkpointsAt.includes(position)) continue;
    await recorder.checkpoint();
    await recorder.compact(1_000);
  }
  return journal;
};

describe('an export', () => {
  test('is read back as the store was, however it is cut and however the journal stands', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 14 }),
        fc.subarray([1, 3, 4, 7, 10, 14]),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
        async (commits, checkpointsAt, sizes) => {
          const journal = await journalOf(commits, checkpointsAt);
          const checkpointAt = Math.max(0, ...checkpointsAt.filter((position) => position <= commits));
          const { header, image, records } = await readBack(await fileOf(journal), sizes);
          expect(header).toMatchObject({ identity, name: 'count', position: commits, imagePosition: checkpointAt });
          expect(image).toEqual(checkpointAt === 0 ? new Uint8Array() : imageAt(journal, checkpointAt));
          // The last record is in every file, as it is in every journal.
          expect(records).toEqual(recordsFrom(journal, Math.min(checkpointAt + 1, Math.max(1, commits))));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('holds the store as it was when it began, whatever is recorded meanwhile', async () => {
    const journal = await journalOf(3);
    const writer = await openImaged(journal);
    const parts: Uint8Array[] = [];
    for await (const part of exporting(journal)) {
      parts.push(part);
      await writer.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    }
    const { header, records } = await readBack(joined(parts));
    expect(header.position).toBe(3);
    expect([...records.keys()]).toEqual([1, 2, 3]);
    expect(writer.position).toBeGreaterThan(3);
  });

  test('cuts large records into blocks, and says how far it is', async () => {
    const journal = new SharedJournal();
    const recorder = await openImaged(journal);
    for (let version = 1; version <= 6; version++) {
      await recorder.insertEvents([{ ...sampleEvent(newOriginatorId(), 1), state: new Uint8Array(500_000) }]);
    }
    const progress: OpenProgress[] = [];
    const parts = await Array.fromAsync(exporting(journal, (one) => progress.push(one)));
    expect(progress).toEqual([
      { phase: 'journal', doneRecords: 3, totalRecords: 6 },
      { phase: 'journal', doneRecords: 6, totalRecords: 6 },
    ]);
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(1_600_000);
    expect((await readBack(joined(parts))).records.size).toBe(6);
  });

  test('takes the checkpoint before a damaged one', async () => {
    const journal = await journalOf(9, [4, 8]);
    const newest = decodeCheckpointManifest(8, journal.manifests.get(8) as Uint8Array);
    const last = journal.chunks.get(newest.chunks.at(-1)?.key as number) as Uint8Array;
    last[0] = (last[0] as number) ^ 1;
    const { header, image, records } = await readBack(await fileOf(journal));
    expect(header.imagePosition).toBe(4);
    expect(image).toEqual(imageAt(journal, 4));
    expect([...records.keys()]).toEqual([5, 6, 7, 8, 9]);
  });

  test('of a damaged store ends with an error', async () => {
    const damagedChunks = await journalOf(9, [4, 8]);
    for (const chunk of damagedChunks.chunks.values()) chunk[0] = (chunk[0] as number) ^ 1;
    await expect(fileOf(damagedChunks)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    const damagedRecord = await journalOf(4);
    (damagedRecord.records[2] as Uint8Array)[30] = 255;
    await expect(fileOf(damagedRecord)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 3 } });
    const missing = await journalOf(4);
    missing.records[1] = undefined;
    await expect(fileOf(missing)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 2 } });
  });

  test('that is overtaken by checkpoints, where no lock keeps them off, ends with an error, not with a wrong file', async () => {
    const journal = await journalOf(5, [5]);
    const writer = await openImaged(journal);
    const parts = exporting(journal);
    for (let part = 1; part <= 2; part++) await parts.next();
    for (let round = 0; round < 2; round++) {
      // Other ids, so that every chunk but the first changes.
      for (let commit = 0; commit < 10; commit++) await writer.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await writer.checkpoint();
      await writer.compact(1_000);
    }
    journal.chunks.delete(Math.min(...journal.chunks.keys()));
    await expect(Array.fromAsync(parts)).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });
});

describe('a file', () => {
  test('that ends too early, anywhere, is refused', async () => {
    const file = await fileOf(await journalOf(3, [2]));
    for (let length = 0; length < file.length; length++) {
      await expect(readBack(file.slice(0, length)), `${length} bytes`).rejects.toMatchObject(
        length === 0 ? { code: 'FOREIGN_FILE' } : { code: 'DAMAGED_FILE', details: { reason: 'truncated' } },
      );
    }
  });

  test('of which any bit is not as it was written is refused', async () => {
    const file = await fileOf(await journalOf(3, [2]));
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      await expect(readBack(damaged), `byte ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(FOREIGN_FILE|DAMAGED_FILE|NOT_SUPPORTED)$/) as string,
      });
    }
  });

  test('with bytes after its end, or blocks that are left out, repeated or of another file, is refused', async () => {
    const journal = await journalOf(6, [3]);
    const parts = await Array.fromAsync(exporting(journal));
    const others = await Array.fromAsync(exporting(await journalOf(6, [3])));
    const refused = { code: 'DAMAGED_FILE' };
    await expect(readBack(joined([...parts, new Uint8Array(1)]))).rejects.toMatchObject(refused);
    for (let index = 1; index < parts.length; index++) {
      await expect(readBack(joined(parts.toSpliced(index, 1)))).rejects.toMatchObject(refused);
      await expect(
        readBack(joined(parts.toSpliced(index, 0, parts[index] as Uint8Array<ArrayBuffer>))),
      ).rejects.toMatchObject(refused);
      if (index === 1) continue;
      await expect(
        readBack(joined(parts.toSpliced(index, 1, others[index] as Uint8Array<ArrayBuffer>))),
      ).rejects.toMatchObject(refused);
    }
  });

  test('that is something else is refused as that, and a newer one as newer', async () => {
    const text = new TextEncoder();
    for (const foreign of ['', '{"events":[]}', 'SQLite format 3\0 and so on', 'DBK']) {
      await expect(readBack(text.encode(foreign))).rejects.toMatchObject({ code: 'FOREIGN_FILE' });
    }
    const newer = await fileOf(await journalOf(1));
    newer[8] = 2;
    await expect(readBack(newer)).rejects.toMatchObject({ code: 'NOT_SUPPORTED', details: { formatVersion: 2 } });
  });

  test('keeps who a copy is a copy of', async () => {
    const copy = { ...identity, copyOf: newOriginatorId(), pushBaseId: 300 };
    const journal = (await journalOf(1)).connect();
    const parts = exportStore({ journal, identity: copy, name: 'count', exportId: EXPORT_ID, nowMs: 1 });
    const { header } = await readBack(joined(await Array.fromAsync(parts)));
    expect(header.identity).toEqual(copy);
  });

  test('the bytes of format 1 do not change', async () => {
    const file = await fileOf(new SharedJournal());
    // Preamble; head and body of the header; head and body of the end.
    expect(Buffer.from(file).toString('hex')).toBe(
      [
        '8944424b0d0a1a0a01000000',
        '0100000062000000',
        '06444e5ddb4aa7062544f89790471b818341d521f80d6bf7b67536c54d8c5c9c',
        'e1553d06',
        '2435643866323561392d356663642d346235662d613464312d306434346332636532623238',
        '2462323732336665322d633031612d343064322d383735652d613361616336613039666635',
        '80d095ffbc31',
        '0000',
        '05636f756e74',
        '80b883a1f732',
        '00000000',
        '0400000002000000',
        'f7b458f44b523fe0a1a8f1109e4b22965e2642ee303d8edeb458ba5f363fe8a9',
        '25952984',
        '0000',
      ].join(''),
    );
  });
});
