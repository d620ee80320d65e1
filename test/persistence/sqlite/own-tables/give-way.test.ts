import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { newOriginatorId, sampleEvent } from '../../../../src/testing/conformance/event-samples.js';
import { systemClock } from '../../../../src/util/clock.js';
import { openTab } from '../../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';

/** A tab that commits without pause, and one whose transactions take longer than a commit. */
async function openTabs(asks: boolean): Promise<{ busy: OwnTablesTab; slow: OwnTablesTab; commits: () => number }> {
  const journal = new SharedJournal();
  journal.beforeRequest = async () => await nextTurn();
  const busy = await openTab(journal);
  const askForWay = (durationMs: number): void => busy.recorder.giveWay(durationMs);
  const slow = await openTab(journal, systemClock, asks ? { askForWay } : {});
  let commits = 0;
  const over = new AbortController();
  const committing = (async () => {
    while (!over.signal.aborted) {
      await busy.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      commits++;
    }
  })();
  onTestFinished(async () => {
    over.abort();
    await committing;
  });
  return { busy, slow, commits: () => commits };
}

const createTable = ({ recorder }: OwnTablesTab): Promise<void> =>
  recorder.transaction(async ({ connection }) => {
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    await connection.query('CREATE TABLE IF NOT EXISTS counts (item TEXT)');
    await connection.query('INSERT INTO counts VALUES ($1)', ['nails']);
  });

test('a transaction that another tab overtakes again and again asks it for the way, and gets through', async () => {
  const { busy, slow, commits } = await openTabs(true);
  for (let count = 0; count < 3; count++) await createTable(slow);
  const before = commits();
  await expect.poll(commits).toBeGreaterThan(before);
  busy.recorder.noteHead(slow.recorder.position);
  expect((await busy.recorder.query('SELECT item FROM counts')).rows).toHaveLength(3);
});

test('and gives up where nobody gives way', async () => {
  const { slow } = await openTabs(false);
  await expect(createTable(slow)).rejects.toMatchObject({
    code: 'OPERATIONAL_ERROR',
    details: { reason: 'overtaken' },
  });
});
