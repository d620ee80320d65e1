/** Events come back from an archive to where they were. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { archiveEvents, restoreArchive } from '../../src/archive/index.js';
import type { Archive } from '../../src/archive/index.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { hashEvents } from '../../src/transfer/index.js';
import { ARCHIVE_ENGINES, openShop } from '../support/archive-shop.js';
import { KilledError, killedRecorder } from '../support/fault-recorder.js';
import { makeEvents } from '../support/stored-events.js';

describe.each(ARCHIVE_ENGINES)('%s', (engine) => {
  test('to their positions, the last archive first, as if they had never left', async () => {
    const { recorder, options, history, place, before, ids, app } = await openShop(engine);
    const { hash } = await hashEvents(recorder);
    while ((await archiveEvents(options({ eventsMax: 4 }))).hasMore);
    const archives = await history.archives();
    expect(archives).toHaveLength(4);
    const fetchArchive = ({ uri }: Archive) => place.read(uri);
    const [first] = archives as [Archive];
    await expect(restoreArchive({ recorder, archive: first, fetchArchive })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { reason: 'later', archiveId: expect.any(String) },
    });
    for (const archive of archives.toReversed()) {
      expect(await restoreArchive({ recorder, archive, fetchArchive })).toBe(archive.events);
      expect(await restoreArchive({ recorder, archive, fetchArchive })).toBe(0);
    }
    expect(await recorder.selectNotifications({ start: 1, limit: 100 })).toEqual(before);
    expect((await hashEvents(recorder)).hash).toBe(hash);
    expect(await recorder.selectEvents(ids[0]!)).toHaveLength(8);
    await expect(
      recorder.insertEvents(makeEvents(1, { originatorId: ids[0]!, firstVersion: 2 })),
    ).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    await app.execute(stockItem, ids[0]!, { type: 'Receive', data: { quantity: 1 } });
    expect(await recorder.selectNotifications({ start: 33, limit: 10 })).toHaveLength(1);
    // And may leave again.
    expect(await archiveEvents(options())).toMatchObject({ events: 15 });
  });

  test('nothing comes back from a file that is not what was noted', async () => {
    const { recorder, options, history, place, readAll, before } = await openShop(engine);
    const { uri } = await archiveEvents(options());
    const path = fileURLToPath(uri!);
    const whole = await readFile(path, 'utf8');
    const [archive] = (await history.archives()) as [Archive];
    await history.verify(archive);
    const fetchArchive = ({ uri: at }: Archive) => place.read(at);
    for (const damaged of [whole.slice(0, -20), whole.replace('quantity', 'quantitY'), '']) {
      await writeFile(path, damaged);
      await expect(history.verify(archive)).rejects.toMatchObject({ code: 'EVENTS_FILE' });
      await expect(restoreArchive({ recorder, archive, fetchArchive })).rejects.toMatchObject({ code: 'EVENTS_FILE' });
    }
    // One that is sound, and of other events.
    const empty = `{"daybook":"events","format":1,"engine":"sqlite","after":0}\n{"end":true,"events":0,"position":0,"hash":"${'00'.repeat(32)}"}\n`;
    await writeFile(path, empty);
    await expect(history.verify(archive)).rejects.toMatchObject({ code: 'DATA_ERROR' });
    await expect(restoreArchive({ recorder, archive, fetchArchive })).rejects.toMatchObject({ code: 'DATA_ERROR' });
    await writeFile(path, whole);
    expect(await readAll()).toEqual(before);
  });

  test('killed anywhere, they are here or there, and it goes on', async () => {
    const { recorder, options, history, place, readAll, before } = await openShop(engine);
    const fetchArchive = ({ uri }: Archive) => place.read(uri);
    let [calls, restored] = [Infinity, 0];
    for (let atCall = 1; atCall <= calls; atCall++) {
      for (const when of ['before', 'after'] as const) {
        await archiveEvents(options());
        const [archive] = (await history.archives()) as [Archive];
        const killed = killedRecorder(recorder, { atCall, when });
        const again = { recorder: killed.recorder, archive, fetchArchive };
        const outcome: unknown = await restoreArchive(again).catch((error: unknown) => error);
        if (!(outcome instanceof Error)) calls = killed.calls();
        else expect(outcome).toBeInstanceOf(KilledError);
        expect(await readAll(), `call ${atCall}, ${when}`).toEqual(before);
        if ((await history.archives()).length === 0) restored++;
        else expect(await restoreArchive({ recorder, archive, fetchArchive })).toBe(15);
        expect(await recorder.selectNotifications({ start: 1, limit: 100 })).toEqual(before);
      }
    }
    expect(calls).toBeGreaterThan(4);
    expect(restored).toBeGreaterThan(0);
  }, 120_000);
});
