/**
 * What a recorder with units promises about what gives way, and what a server has lost.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { ConfirmedUnit, PendingUnit, UnitId } from '../../persistence/unit.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import { nextOf, PAGE, REASON, pendingAfter, setAsideAfter, lostAfter } from './unit-recorder-context.js';
import type { Case } from './unit-recorder-context.js';

const conflictsGiveWay: Case = {
  name: 'what is pending in the place of a page’s event is set aside, with all that builds on it, and nothing else',
  async run({ recorder }) {
    const [a, b, c, d] = [newOriginatorId(), newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1), sampleEvent(b, 1)] }));
    const last = await recorder.maxNotificationId();
    const mine = (id: string, version: number): StoredEvent => sampleEvent(id, version, 'mine');
    await recorder.insertEvents([mine(b, 2)]);
    await recorder.insertEvents([mine(a, 2), mine(c, 1)]);
    await recorder.insertEvents([mine(d, 1)]);
    await recorder.insertEvents([mine(c, 2), mine(b, 3)]);
    await recorder.insertEvents([mine(d, 2)]);
    await recorder.insertEvents([mine(b, 4)]);
    const units = await pendingAfter(recorder, last);
    const theirs = sampleEvent(a, 2, 'theirs');
    const outcome = await recorder.insertPage(log.next({ events: [theirs] }));
    const goes = [1, 3, 5].map((index) => units[index] as PendingUnit);
    expectEqual(
      outcome.setAside,
      goes.map(({ id }) => id),
      'what gives way',
    );
    expectEqual(
      (await pendingAfter(recorder, last)).map(({ id }) => id),
      [0, 2, 4].map((index) => units[index]?.id),
      'what stays',
    );
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1), theirs], 'the aggregate that they have changed');
    expectEqual(await recorder.selectEvents(b), [sampleEvent(b, 1), mine(b, 2)], 'the aggregate that was built on it');
    expectEqual(await recorder.selectEvents(c), [], 'the aggregate that begins with it');
    const aside = await setAsideAfter(recorder, last);
    expectEqual(
      aside.map(({ id, events, reason }) => [id, events, reason.code]),
      goes.map(({ id, events }, index) => [id, events, index === 0 ? 'CONFLICT' : 'DEPENDENCY']),
      'what was set aside',
    );
    expectTrue(
      aside.every(({ setAsideAtMs, reason }) => setAsideAtMs > 0 && reason.message !== ''),
      'when and why',
    );
    expectEqual(await recorder.maxNotificationId(), last + 9, 'ids go on');
    // Its versions are free again, its ids are not.
    expectEqual(await recorder.insertEvents([mine(c, 1)]), [last + 10], 'the next id');
  },
};

const refusedUnitsAreSetAside: Case = {
  name: 'a refused unit is set aside with what builds on it, once, and others go on',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1)]);
    await recorder.insertEvents([sampleEvent(b, 1)]);
    await recorder.insertEvents([sampleEvent(a, 2)]);
    const [first, second, third] = await pendingAfter(recorder, last);
    const refused = [
      { id: first?.id as UnitId, reason: REASON },
      { id: uuidV4(), reason: REASON },
    ];
    expectEqual(await recorder.setAside(refused), [first?.id, third?.id], 'what is set aside');
    expectEqual(await recorder.setAside(refused), [], 'once');
    expectEqual(await pendingAfter(recorder, last), [second], 'what is pending');
    const aside = await setAsideAfter(recorder, last);
    expectEqual(
      aside.map(({ firstNotificationId, reason }) => [firstNotificationId, reason.code]),
      [
        [last + 1, REASON.code],
        [last + 3, 'DEPENDENCY'],
      ],
      'why',
    );
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next(second as PendingUnit));
    expectEqual(await recorder.setAside([{ id: second?.id as UnitId, reason: REASON }]), [], 'one that is confirmed');
    expectEqual(await recorder.selectEvents(b), [sampleEvent(b, 1)], 'which stays');
    await expectRejection(
      recorder.setAside([{ id: uuidV4(), reason: { code: '', message: '' } }]),
      'PROGRAMMING_ERROR',
      'no code',
    );
  },
};

const decidedAgainElsewhere: Case = {
  name: 'a unit that was set aside, and which a page has after all, is in the log and waits no longer',
  async run({ recorder }) {
    const a = newOriginatorId();
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1), sampleEvent(a, 2)]);
    const [own] = await pendingAfter(recorder, last);
    await recorder.setAside([{ id: own?.id as UnitId, reason: REASON }]);
    const log = await LogPages.after(recorder);
    const outcome = await recorder.insertPage(
      log.next({ events: [sampleEvent(a, 1, 'theirs')] }, { id: own?.id as UnitId, events: [sampleEvent(a, 2)] }),
    );
    expectEqual([outcome.confirmed, outcome.addedEvents], [[own?.id], 1], 'outcome');
    expectEqual(await setAsideAfter(recorder, last), [], 'what is set aside');
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1, 'theirs'), sampleEvent(a, 2)], 'the aggregate');
  },
};

const healing: Case = {
  name: 'what a server has lost is read as it was, is pending again if it is own, and leaves if it is not',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1)]);
    await recorder.insertEvents([sampleEvent(b, 1)], { unit: { scopes: ['ward 7'] } });
    const [kept, own] = await pendingAfter(recorder, last);
    await recorder.insertPage(log.next(kept as PendingUnit));
    const mark = log.cursor;
    const lost = log.next(own as PendingUnit, { events: [sampleEvent(a, 2), sampleEvent(c, 1)], scopes: ['x'] });
    await recorder.insertPage(lost);
    const later = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(b, 2)]);
    await recorder.insertEvents([sampleEvent(c, 2)]);
    await recorder.insertEvents([sampleEvent(c, 3), sampleEvent(b, 3)]);
    const [onOwn, onForeign, onBoth] = await pendingAfter(recorder, later);

    expectEqual(await recorder.rewind(uuidV4()), false, 'no mark');
    expectEqual(await recorder.rewind(mark), true, 'a mark');
    expectEqual(await recorder.rewind(mark), true, 'where it stands');
    const { cursor, lostUnits, pendingUnits } = await recorder.syncProgress();
    expectEqual([cursor, lostUnits], [mark, 2], 'how far it is');
    const asItWas = lost.units.map((unit, index) => ({ ...unit, after: [[undefined], [kept?.id, undefined]][index] }));
    expectEqual(await lostAfter(recorder, 0), asItWas, 'what is lost, as the server had it, and what it stood on');
    expectEqual(await recorder.selectLostUnits(0, { ...PAGE, eventsMax: 1 }), asItWas.slice(0, 1), 'as much as fits');
    expectEqual(await lostAfter(recorder, lost.units[0]?.position as number), asItWas.slice(1), 'the rest');
    expectEqual((await pendingAfter(recorder, later)).length, 3, 'what is pending stays so');
    expectEqual(await recorder.selectEvents(c), sampleEvents(c, 1, 3), 'nothing leaves before it was offered');
    const early = nextOf(await recorder.syncProgress()).next({ events: [sampleEvent(a, 2)] });
    expectEqual((await recorder.insertPage(early)).isStored, false, 'a page before healing has ended');

    const { rewinds } = await recorder.syncProgress();
    const stale = await recorder.endHeal({ rewinds: rewinds - 1, refused: [] });
    expectEqual(stale, false, 'the end of what was lost before');
    expectEqual((await recorder.syncProgress()).lostUnits, 2, 'what is lost after that');
    expectEqual(await recorder.endHeal({ rewinds, refused: [] }), true, 'the end');
    expectEqual(await recorder.endHeal({ rewinds, refused: [] }), true, 'once more');
    const after = await recorder.syncProgress();
    expectEqual([after.lostUnits, after.pendingUnits], [0, pendingUnits + 1 - 2], 'how far it is then');
    expectEqual(
      (await pendingAfter(recorder, last)).map(({ id, scopes }) => [id, scopes]),
      [
        [own?.id, ['ward 7']],
        [onOwn?.id, []],
      ],
      'own units, and what builds on them',
    );
    expectEqual(await recorder.selectEvents(c), [], 'units of others');
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1)], 'what was not lost');
    expectEqual(
      (await setAsideAfter(recorder, later)).map(({ id, reason }) => [id, reason.code]),
      [
        [onForeign?.id, 'LOST'],
        [onBoth?.id, 'LOST'],
      ],
      'what was built on them',
    );
    // It comes back where others have brought it back.
    const back = nextOf(after).next(...lost.units, onForeign as PendingUnit);
    expectEqual((await recorder.insertPage(back)).confirmed.length, 2, 'what is confirmed');
    expectEqual(await recorder.selectEvents(c), sampleEvents(c, 1, 2), 'the aggregate');
    expectEqual((await setAsideAfter(recorder, later)).length, 1, 'what is still set aside');
  },
};

const refusedHealing: Case = {
  name: 'what a server does not take back is set aside, if it is of others, and belongs to them when it comes back',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const mark = log.cursor;
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(b, 1)]);
    const [own] = await pendingAfter(recorder, last);
    const page = log.next({ events: [sampleEvent(a, 1)] }, own as PendingUnit);
    await recorder.insertPage(page);
    await recorder.insertEvents([sampleEvent(a, 2)]);
    await recorder.rewind(mark);
    const refused = page.units.map(({ id }) => id);
    const { rewinds } = await recorder.syncProgress();
    expectEqual(await recorder.endHeal({ rewinds, refused }), true, 'the end');
    expectEqual(await recorder.selectEvents(a), [], 'the aggregate');
    const aside = await setAsideAfter(recorder, last);
    expectEqual(
      aside.map(({ events, reason }) => [events, reason.code]),
      [
        [[sampleEvent(a, 1)], 'LOST'],
        [[sampleEvent(a, 2)], 'LOST'],
      ],
      'what is set aside',
    );
    expectEqual(
      (await pendingAfter(recorder, last)).map(({ id }) => id),
      [own?.id],
      'what is own is pending',
    );

    const back = nextOf(await recorder.syncProgress()).next(page.units[0] as ConfirmedUnit);
    const outcome = await recorder.insertPage(back);
    expectEqual([outcome.confirmed, outcome.addedEvents], [[], 1], 'it is not own');
    expectEqual((await setAsideAfter(recorder, last)).length, 1, 'what is still set aside');
    await recorder.rewind(mark);
    const again = await recorder.syncProgress();
    await recorder.endHeal({ rewinds: again.rewinds, refused: [] });
    expectEqual(await recorder.selectEvents(a), [], 'and leaves as what others recorded');
  },
};

/** Cases about what is set aside, and about healing. */
export const asideUnitCases: readonly Case[] = [
  conflictsGiveWay,
  refusedUnitsAreSetAside,
  decidedAgainElsewhere,
  healing,
  refusedHealing,
];
