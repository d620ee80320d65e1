/** Who has remembered something of events is told of all that have come, gone, or are others. */
import { expect, test } from 'vitest';
import { cached, invalidation } from '../../../src/application/cached.js';
import type { InlineParticipant } from '../../../src/application/events/inline-participant.js';
import { Application } from '../../../src/application/application.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { LogPages } from '../../../src/testing/conformance/log-pages.js';
import { FollowedUnits } from '../../../src/sync/exchange/changed-units.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { receive, shelf } from '../../support/truncated-store.js';

/** A store of which the server has events of others, with one that is pending on them, and answers that are kept. */
async function openHeld(): Promise<{
  readonly tab: OwnTablesTab;
  readonly units: FollowedUnits;
  /** Whose caches are told. */
  readonly heard: Application;
  readonly ids: readonly string[];
  readonly quantity: (id: string) => Promise<number>;
}> {
  const theirs = await openTab(new SharedJournal());
  const tab = await openTab(new SharedJournal());
  const ids = [newOriginatorId(), newOriginatorId()];
  const others = new Application({ recorder: theirs.recorder, aggregates: [shelf] });
  for (const id of ids) await others.execute(shelf, id, receive(1));
  const inline: InlineParticipant[] = [];
  const app = new Application({ recorder: tab.recorder, aggregates: [shelf], inline, keepCommands: true });
  const quantity = cached(
    async (id: string): Promise<number> => {
      const events = await tab.recorder.selectEvents(id);
      return events.length;
    },
    { tags: (id) => [id], ttlMs: 3_600_000 },
  );
  inline.push(invalidation([quantity], ({ originatorId }) => [originatorId]));
  const heard = new Application({ recorder: tab.recorder, aggregates: [shelf], inline, keepCommands: true });
  const events = await theirs.recorder.selectNotifications({ start: 1, limit: 10 });
  const log = await LogPages.after(tab.recorder);
  const units = new FollowedUnits(tab.recorder, heard);
  await units.insertPage(log.next(...events.map(({ id: _id, ...stored }) => ({ events: [stored] }))));
  await app.execute(shelf, ids[1] as string, receive(2));
  return { tab, units, heard, ids, quantity };
}

test('what others had recorded, and the server has lost, is in no answer that was kept, nor what stood on it', async () => {
  const { tab, units, ids, quantity } = await openHeld();
  const [one, other] = ids as [string, string];
  expect([await quantity(one), await quantity(other)]).toEqual([1, 2]);
  expect(await tab.recorder.rewind(CURSOR_START)).toBe(true);
  const { rewinds } = await tab.recorder.syncProgress();
  await units.endHeal({ rewinds, refused: [], superseding: 'defer' });
  const left = [await tab.recorder.selectEvents(one), await tab.recorder.selectEvents(other)];
  expect(left).toEqual([[], []]);
  expect([await quantity(one), await quantity(other)]).toEqual([0, 0]);
});

test('what was set aside, and is recorded when it is tried again, is in no answer that was kept', async () => {
  const { tab, heard, ids, quantity } = await openHeld();
  const [, other] = ids as [string, string];
  const [pending] = await tab.recorder.selectPendingUnits(0, { eventsMax: 10, bytesMax: 1e6 });
  await tab.recorder.setAside([{ id: pending!.id, reason: { code: 'REFUSED', message: 'Not now.' } }]);
  expect(await quantity(other)).toBe(1);
  expect(await heard.setAside.retry(pending!.id)).toMatchObject([{ id: pending!.id }]);
  expect(await tab.recorder.selectEvents(other)).toHaveLength(2);
  expect(await quantity(other)).toBe(2);
});
