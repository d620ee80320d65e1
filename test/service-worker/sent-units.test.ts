import { describe, expect, test } from 'vitest';
import type { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import type { PendingUnit, UnitId } from '../../src/persistence/unit.js';
import { SentUnits } from '../../src/service-worker/sent-units.js';
import { ExchangeWork } from '../../src/sync/exchange/exchange-work.js';
import type { SyncTransport } from '../../src/sync/exchange/transport.js';
import { LIMITS_LEAST, TooLargeError } from '../../src/sync/protocol/index.js';
import type { PushAnswer } from '../../src/sync/protocol/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { systemClock } from '../../src/util/clock.js';
import { openTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';

const NOT_ASKED = (): Promise<never> => Promise.reject(new Error('It is not asked.'));

const record = async (recorder: DurableRecorder, count: number): Promise<readonly UnitId[]> => {
  for (let unit = 0; unit < count; unit++) await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  return (await recorder.selectPendingUnits(0, { eventsMax: 100, bytesMax: 1e9 })).map(({ id }) => id);
};

/** Sends as a service worker does. @returns what got through, in the order in which it did */
const sendAll = async (
  recorder: DurableRecorder,
  answer: (units: readonly PendingUnit[]) => PushAnswer,
): Promise<{ readonly sent: readonly UnitId[]; readonly hasRefused: boolean }> => {
  const sent: UnitId[] = [];
  const push = async (units: readonly PendingUnit[]): Promise<PushAnswer> => {
    const said = answer(units);
    sent.push(...said.decisions.flatMap(({ id, kind }) => (kind === 'accepted' ? [id] : [])));
    return said;
  };
  const transport: SyncTransport = { limits: LIMITS_LEAST, push, page: NOT_ASKED, common: NOT_ASKED, heal: NOT_ASKED };
  const units = new SentUnits(recorder);
  const work = new ExchangeWork({ recorder: units, transport, direction: 'push', clock: systemClock });
  const progress = await recorder.syncProgress();
  while (work.next(progress) === 'push') await work.do('push', progress, new AbortController().signal);
  return { sent, hasRefused: units.hasRefused };
};

describe('what a service worker sends', () => {
  test('goes past what is refused for good, which stays pending', async () => {
    const { recorder } = await openTab(new SharedJournal());
    const ids = await record(recorder, 5);
    const before = await recorder.syncProgress();
    const { sent, hasRefused } = await sendAll(recorder, (units) => ({
      head: 1,
      conflict: undefined,
      decisions: units.map(({ id }) =>
        id === ids[1]
          ? { id, kind: 'rejected', code: 'FORBIDDEN', message: 'no' }
          : { id, kind: 'accepted', position: 1 },
      ),
    }));
    expect(sent).toEqual([ids[0], ids[2], ids[3], ids[4]]);
    expect(hasRefused).toBe(true);
    expect(await recorder.syncProgress()).toEqual(before);
  });

  test('goes past what is too large alone, also where it is the last one', async () => {
    const { recorder } = await openTab(new SharedJournal());
    const ids = await record(recorder, 5);
    const large = new Set([ids[2], ids[4]]);
    const { sent, hasRefused } = await sendAll(recorder, (units) => {
      if (units.some(({ id }) => large.has(id)))
        throw new TooLargeError('too large', { details: { bytes: 1_000_000 } });
      return {
        head: 1,
        conflict: undefined,
        decisions: units.map(({ id }) => ({ id, kind: 'accepted', position: 1 })),
      };
    });
    expect(sent).toEqual([ids[0], ids[1], ids[3]]);
    expect(hasRefused).toBe(true);
    expect((await recorder.syncProgress()).pendingUnits).toBe(5);
  });
});

test('nothing of a store can be changed by it', async () => {
  const { recorder } = await openTab(new SharedJournal());
  const units = new SentUnits(recorder);
  for (const change of [() => units.insertPage(), () => units.rewind(), () => units.endHeal()]) {
    await expect(change()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  }
});
