/** The file of a browser's store, read in Node: what it gives, and what of it is refused before anything is stored. */
import { createReadStream } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exportStore } from '../../src/persistence/journal/store-file/store-export.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { pageOf, sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { exportEvents, hashEvents, importEvents } from '../../src/transfer/index.js';
import { openStoreFile } from '../../src/transfer/store-files/open-store-file.js';
import { installedCommand } from '../support/installed-command.js';
import { openTab } from '../support/own-tables-tab.js';
import type { OwnTablesTab } from '../support/own-tables-tab.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { SharedJournal } from '../support/shared-journal.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const identity = { replicaId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5', createdAtMs: 1_700_000_000_000 };
const BLOCK_HEAD_BYTES = 44;
const PREAMBLE_BYTES = 12;

interface Store extends OwnTablesTab {
  readonly journal: SharedJournal;
}

async function openStore(): Promise<Store> {
  const journal = new SharedJournal();
  const tab = await openTab(journal);
  onTestFinished(async () => {
    await tab.recorder.close();
    tab.database.close();
  });
  return { ...tab, journal };
}

async function fileOf({ journal }: Store): Promise<Uint8Array<ArrayBuffer>> {
  const parts = exportStore({
    ...{ journal: journal.connect(), identity, name: 'count' },
    ...{ exportId: '5d8f25a9-5fcd-4b5f-a4d1-0d44c2ce2b28', nowMs: 1_750_000_000_000 },
  });
  return new Uint8Array(await new Blob(await Array.fromAsync(parts)).arrayBuffer());
}

const opening = (file: Uint8Array<ArrayBuffer>, folder?: string) => openStoreFile(new Blob([file]), { folder });

async function temporaryFolder(): Promise<string> {
  const { path, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  return path;
}

/** Events of two devices, tables of the application's own, what is confirmed, pending, and in scopes. */
async function record({ recorder }: Store): Promise<void> {
  const [ours, theirs] = [newOriginatorId(), newOriginatorId()];
  const log = new MemoryUnitLog();
  const sender = { subject: 'ann', replicaId: identity.replicaId };
  await recorder.insertEvents(sampleEvents(ours, 1, 3), { unit: { scopes: ['site 1'] } });
  await recorder.insertEvents(sampleEvents(ours, 4, 4));
  await log.push(await recorder.selectPendingUnits(0, { eventsMax: 100, bytesMax: 1e6 }), sender);
  await log.push([sampleUnit(sampleEvents(theirs, 1, 2))], sender);
  await recorder.insertPage(await pageOf(log, CURSOR_START));
  await recorder.insertEvents(sampleEvents(ours, 5, 6), { unit: { isCommutative: true } });
}

describe('the file of a browser’s store, in Node', () => {
  test.each([
    ['of records alone', async () => undefined, async () => undefined],
    ['of an image and records', async ({ recorder }: Store) => await recorder.checkpoint(), async () => undefined],
    ['of an image that has all', async () => undefined, async ({ recorder }: Store) => await recorder.checkpoint()],
  ])('has the events that the store has, and their units: %s', async (_, inBetween, atEnd) => {
    const store = await openStore();
    await record(store);
    await store.recorder.transaction(async ({ connection }) => {
      await connection.query('CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT)');
      await connection.query("INSERT INTO notes VALUES ('a', 'b')");
    });
    await inBetween(store);
    await store.recorder.transaction(async ({ connection }) => {
      await connection.query("UPDATE notes SET text = 'c'");
    });
    await store.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 700));
    await atEnd(store);
    const folder = await temporaryFolder();
    {
      await using file = await opening(await fileOf(store), folder);
      expect(file.origin).toEqual({
        ...{ name: 'count', replicaId: identity.replicaId, exportedAt: new Date(1_750_000_000_000) },
      });
      expect(await hashEvents(file)).toEqual(await hashEvents(store.recorder));
      const [ours, theirs] = await Promise.all(
        [file, store.recorder].map(async (one) => await new Response(exportEvents(one)).text()),
      );
      expect(ours).toBe(theirs);
      await expect(file.insertEvents(sampleEvents(newOriginatorId(), 1, 1))).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
      });
      const memory = new MemoryProcessRecorder();
      await importEvents(memory, exportEvents(file));
      expect((await hashEvents(memory)).hash).toBe((await hashEvents(store.recorder)).hash);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('of an empty store has none', async () => {
    await using file = await opening(await fileOf(await openStore()));
    expect(await hashEvents(file)).toMatchObject({ events: 0 });
  });

  test('is refused wherever it is not as it was written, and leaves nothing behind', async () => {
    const store = await openStore();
    await record(store);
    await store.recorder.checkpoint();
    await store.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 20));
    const [whole, folder] = [await fileOf(store), await temporaryFolder()];
    const heads = headsOf(whole);
    expect(heads.length).toBeGreaterThanOrEqual(4);
    const at = (index: number, bits: number): Uint8Array<ArrayBuffer> => {
      const damaged = whole.slice();
      damaged[index]! ^= bits;
      return damaged;
    };
    // A length is believed only when its own checksum says so: else whoever reads would wait for what never comes.
    for (const head of heads) {
      for (const byte of [5, 6]) {
        await expect(opening(at(head + byte, 1), folder), `${head} + ${byte}`).rejects.toMatchObject({
          ...{ code: 'DAMAGED_FILE', details: { reason: 'changed', offsetBytes: head } },
        });
      }
      for (const byte of [0, 4, 8, 39, 40, 43, BLOCK_HEAD_BYTES]) {
        await expect(opening(at(head + byte, 0x80), folder)).rejects.toMatchObject({ code: 'DAMAGED_FILE' });
      }
      for (const end of [head, head + 1, head + BLOCK_HEAD_BYTES]) {
        await expect(opening(whole.slice(0, end), folder)).rejects.toMatchObject({
          ...{ code: 'DAMAGED_FILE', details: { reason: 'truncated' } },
        });
      }
    }
    for (let index = PREAMBLE_BYTES; index < whole.length; index += 997) {
      await expect(opening(at(index, 1), folder), String(index)).rejects.toMatchObject({ code: 'DAMAGED_FILE' });
    }
    await expect(opening(Uint8Array.of(...whole.slice(0, 5)), folder)).rejects.toMatchObject({ code: 'DAMAGED_FILE' });
    const longer = new Uint8Array(whole.length + 1);
    longer.set(whole);
    await expect(opening(longer, folder)).rejects.toMatchObject({ code: 'DAMAGED_FILE' });
    // Out of place.
    const [, second = 0, third = 0, fourth = 0] = heads;
    const swapped = new Blob([
      ...[whole.slice(0, second), whole.slice(third, fourth), whole.slice(second, third), whole.slice(fourth)],
    ]);
    await expect(openStoreFile(swapped, { folder })).rejects.toMatchObject({ code: 'DAMAGED_FILE' });
    await expect(opening(at(8, 2), folder)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    for (const foreign of [new Uint8Array(), new TextEncoder().encode('{"daybook":"events"}')]) {
      await expect(opening(foreign, folder)).rejects.toMatchObject({ code: 'FOREIGN_FILE' });
    }
    const reason = new Error('Enough.');
    const stopped = openStoreFile(new Blob([whole]), { folder, signal: AbortSignal.abort(reason) });
    await expect(stopped).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([]);
  });
});

/** Where blocks begin. */
function headsOf(file: Uint8Array<ArrayBuffer>): readonly number[] {
  const view = new DataView(file.buffer);
  const heads: number[] = [];
  for (let at = PREAMBLE_BYTES; at < file.length; at += BLOCK_HEAD_BYTES + view.getUint32(at + 4, true)) heads.push(at);
  return heads;
}

test('the command line takes it where it takes other files, and a damaged one into nothing', async () => {
  const { folder, run } = await installedCommand();
  await using postgres = await openPostgres();
  const store = await openStore();
  await record(store);
  await store.recorder.checkpoint();
  await store.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 1_200));
  const { hash, events } = await hashEvents(store.recorder);
  const whole = await fileOf(store);
  await writeFile(join(folder, 'a.daybook'), whole);
  await writeFile(join(folder, 'torn.daybook'), whole.slice(0, -1));
  const place = ['--database-url', postgres.url, '--name', `${postgres.name}_b`];
  const torn = await run('import', ...place, '--from', 'torn.daybook');
  expect(torn).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('ends too early') });
  expect(JSON.parse((await run('hash', ...place)).stdout)).toMatchObject({ events: 0 });
  expect(JSON.parse((await run('hash', '--store-file', 'a.daybook')).stdout)).toMatchObject({ events, hash });
  const imported = await run('import', ...place, '--from', 'a.daybook');
  expect(imported, imported.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(imported.stdout)).toMatchObject({ events, hash, stored: events });
  expect(JSON.parse((await run('hash', ...place)).stdout)).toMatchObject({ events, hash });
  expect(JSON.parse((await run('import', ...place, '--from', 'a.daybook')).stdout)).toMatchObject({ stored: 0 });
  // As lines, to go on with and to look at.
  expect(await run('export', '--store-file', 'a.daybook', '--to', 'a.ndjson')).toMatchObject({ code: 0 });
  const lines = await run('import', '--sqlite', 'b.sqlite', '--from', 'a.ndjson');
  expect(JSON.parse(lines.stdout)).toMatchObject({ events, hash });
  expect((await Array.fromAsync(createReadStream(join(folder, 'a.ndjson')))).length).toBeGreaterThan(0);
  for (const args of [
    ['hash', '--store-file', 'a.daybook', '--sqlite', 'b.sqlite'],
    ['import', '--store-file', 'a.daybook'],
  ]) {
    expect(await run(...args), args.join(' ')).toMatchObject({ code: 2 });
  }
  for (const args of [
    ['hash', '--store-file', 'torn.daybook'],
    ['export', '--store-file', 'a.ndjson'],
  ]) {
    expect(await run(...args), args.join(' ')).toMatchObject({ code: 1, stdout: '' });
  }
});
