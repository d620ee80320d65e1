/**
 * What every recorder promises of units of commutative events whose places are taken. Part of `unitRecorderCases`.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { Notification, NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import { derivedEdition, editionOf } from '../../persistence/unit-edition.js';
import type { PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import type { UnitLimits, UnitRecorder } from '../../persistence/unit-recorder.js';
import { expectEqual, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { LogPages } from './log-pages.js';

type Recorder = ProcessRecorder & UnitRecorder;
type Case = ConformanceCase<{ readonly recorder: Recorder }>;

const PAGE: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };

/** What is the same wherever it stands: its state names no version. */
function received(originatorId: string, originatorVersion: number, quantity: number): StoredEvent {
  return { originatorId, originatorVersion, topic: 'Received', state: Uint8Array.of(quantity) };
}

async function receive(recorder: Recorder, ...events: readonly StoredEvent[]): Promise<UnitId> {
  const id = uuidV4();
  await recorder.insertEvents(events, { unit: { id, isCommutative: true } });
  return id;
}

async function count(recorder: Recorder, ...events: readonly StoredEvent[]): Promise<UnitId> {
  const id = uuidV4();
  await recorder.insertEvents(events, { unit: { id } });
  return id;
}

async function pendingAfter(recorder: Recorder, after: NotificationId): Promise<readonly PendingUnit[]> {
  return await recorder.selectPendingUnits(after, PAGE);
}

/** Ids, versions and quantities after an id. */
async function sequenceAfter(recorder: Recorder, last: NotificationId): Promise<readonly (readonly number[])[]> {
  const events = await recorder.selectNotifications({ start: last + 1, limit: 100 });
  return events.map(({ id, originatorVersion, state }: Notification) => [id - last, originatorVersion, state[0] ?? 0]);
}

/** An aggregate with one event of others, and where the log goes on. */
async function begun(recorder: Recorder, ...ids: readonly string[]): Promise<{ log: LogPages; last: NotificationId }> {
  const log = await LogPages.after(recorder);
  await recorder.insertPage(log.next({ events: ids.map((id) => sampleEvent(id, 1)) }));
  return { log, last: await recorder.maxNotificationId() };
}

/** As a server would place it. */
function inPlace(unit: PendingUnit, events: readonly StoredEvent[], after: PendingUnit['after']): PendingUnit {
  const edition = derivedEdition({ id: unit.id, events, after });
  return { ...unit, edition, events };
}

const gettingNextVersions: Case = {
  name: 'units of commutative events whose places are taken are given the next versions, under their ids, in their order',
  async run({ recorder }) {
    const a = newOriginatorId();
    const { log, last } = await begun(recorder, a);
    const first = await receive(recorder, received(a, 2, 20), received(a, 3, 21));
    const second = await receive(recorder, received(a, 4, 22));
    const page = log.next({ events: [sampleEvent(a, 2)] }, { events: [sampleEvent(a, 3)] });
    const outcome = await recorder.insertPage(page);
    expectEqual([outcome.isStored, outcome.setAside, outcome.confirmed], [true, [], []], 'the page');
    expectEqual(
      (await recorder.selectEvents(a)).slice(1),
      [sampleEvent(a, 2), sampleEvent(a, 3), received(a, 4, 20), received(a, 5, 21), received(a, 6, 22)],
      'the aggregate',
    );
    const places = (await sequenceAfter(recorder, last)).map(([id, version]) => [id, version]);
    expectEqual(places, [[1, 4], [2, 5], [3, 6], [4, 2], [5, 3]], 'local ids and versions'); // prettier-ignore
    const pending = await pendingAfter(recorder, last);
    expectEqual(
      pending.map(({ id, firstNotificationId }) => [id, firstNotificationId - last]),
      [[first, 1], [second, 3]],
      'what is pending',
    ); // prettier-ignore
    expectEqual(pending[0]?.after, [page.units[1]?.id], 'what the first stands on');
    expectEqual(pending[1]?.after, [pending[0]?.edition], 'what the second stands on');
    for (const unit of pending) expectEqual(unit.edition, derivedEdition(unit), 'an edition that follows from it');
    expectEqual((await recorder.findUnits([last + 2]))[0]?.id, first, 'it is found by its local ids');
    const next = await recorder.insertEvents([sampleEvent(a, 7)]);
    expectEqual(next, [last + 6], 'the next version is that after them');
  },
};

const confirmingWhereTheyAre: Case = {
  name: 'a page confirms moved units where they are, as they are here or as the server has placed them',
  async run({ recorder }) {
    const a = newOriginatorId();
    const { log, last } = await begun(recorder, a);
    const ids = [await receive(recorder, received(a, 2, 1)), await receive(recorder, received(a, 3, 2))];
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 2)] }));
    const [first, second] = (await pendingAfter(recorder, last)) as [PendingUnit, PendingUnit];
    const theirs = sampleEvent(a, 4, 'theirs');
    const page = (): UnitPage => log.next(
      first,
      { events: [theirs] },
      inPlace(second, [received(a, 5, 2)], [undefined]),
    ); // prettier-ignore
    const outcome = await recorder.insertPage(page());
    expectEqual([outcome.confirmed, outcome.setAside, outcome.addedEvents], [ids, [], 1], 'the page');
    expectEqual(
      (await recorder.selectEvents(a)).slice(1),
      [sampleEvent(a, 2), received(a, 3, 1), theirs, received(a, 5, 2)],
      'the aggregate',
    );
    const places = (await sequenceAfter(recorder, last)).map(([id, version]) => [id, version]);
    expectEqual(places, [[1, 3], [2, 5], [3, 2], [4, 4]], 'local ids and versions'); // prettier-ignore
    expectEqual((await pendingAfter(recorder, last)).length, 0, 'what is pending');
    await count(recorder, sampleEvent(a, 6));
    const [after] = await pendingAfter(recorder, last + 4);
    expectEqual(after?.after, [inPlace(second, [received(a, 5, 2)], [undefined]).edition], 'the server’s edition');
  },
};

const strictUnitsLeave: Case = {
  name: 'a strict unit that stands on a moved one is set aside, and what commutes behind it is moved on',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const { log, last } = await begun(recorder, a, b);
    await receive(recorder, received(a, 2, 1));
    const strict = await count(recorder, sampleEvent(a, 3), sampleEvent(b, 2));
    const behind = await receive(recorder, received(a, 4, 2), received(b, 3, 3));
    await count(recorder, sampleEvent(b, 4));
    const apart = await count(recorder, sampleEvent(newOriginatorId(), 1));
    const outcome = await recorder.insertPage(log.next({ events: [sampleEvent(a, 2, 'theirs')] }));
    const aside = (await recorder.selectSetAside(last, PAGE)).map(({ id, reason }) => [id, reason.code]);
    expectEqual(aside.map(([id]) => id), outcome.setAside, 'what the page says'); // prettier-ignore
    expectEqual(aside.length, 2, 'what is set aside');
    expectEqual(aside[0], [strict, 'CONFLICT'], 'the strict one, whose place was taken');
    expectEqual(aside[1]?.[1], 'DEPENDENCY', 'the strict one that stood on what is gone');
    expectEqual(
      (await recorder.selectEvents(a)).slice(1),
      [sampleEvent(a, 2, 'theirs'), received(a, 3, 1), received(a, 4, 2)],
      'the aggregate of theirs',
    );
    expectEqual((await recorder.selectEvents(b)).slice(1), [received(b, 2, 3)], 'the other one');
    const pending = await pendingAfter(recorder, last);
    expectEqual(pending.slice(1).map(({ id }) => id), [behind, apart], 'what is pending'); // prettier-ignore
    // Its version in the first is what it was: it stands on something else all the same.
    expectEqual(pending[1]?.edition, derivedEdition(pending[1] as PendingUnit), 'the edition of what is behind');
  },
};

const orphansLeave: Case = {
  name: 'a unit of commutative events is set aside where nothing is left of what it followed, and moved where it began',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const { log, last } = await begun(recorder, a);
    const opening = await count(recorder, sampleEvent(a, 2), sampleEvent(b, 1));
    const orphan = await receive(recorder, received(b, 2, 1));
    const beginning = await receive(recorder, received(a, 3, 2), received(c, 1, 3));
    const after = await receive(recorder, received(c, 2, 4));
    const outcome = await recorder.insertPage(log.next({ events: [sampleEvent(a, 2, 'theirs')] }));
    expectEqual(outcome.setAside, [opening, orphan], 'what is set aside');
    expectEqual(await recorder.selectEvents(b), [], 'what nobody opened');
    expectEqual(await recorder.selectEvents(c), [received(c, 1, 3), received(c, 2, 4)], 'what it began itself');
    const pending = (await pendingAfter(recorder, last)).map(({ id }) => id);
    expectEqual(pending, [beginning, after], 'what is pending');
  },
};

const beginningTwice: Case = {
  name: 'an aggregate that others have begun as well goes on with what commutes',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    const last = await recorder.maxNotificationId();
    await receive(recorder, received(a, 1, 1));
    const outcome = await recorder.insertPage(log.next({ events: [received(a, 1, 9), received(a, 2, 8)] }));
    expectEqual(outcome.setAside, [], 'nothing is set aside');
    const events = (await recorder.selectEvents(a)).map(({ state }) => state[0]);
    expectEqual(events, [9, 8, 1], 'the aggregate');
    expectEqual(await recorder.maxNotificationId(), last + 3, 'ids go on');
  },
};

const refusedUnitsMoveOthers: Case = {
  name: 'behind a unit that was refused, what commutes moves up; the refused one is set aside, also where it commutes',
  async run({ recorder }) {
    const a = newOriginatorId();
    const { last } = await begun(recorder, a);
    const refused = await receive(recorder, received(a, 2, 1));
    const behind = await receive(recorder, received(a, 3, 2));
    const strict = await count(recorder, sampleEvent(a, 4));
    const aside = await recorder.setAside([{ id: refused, reason: { code: 'FORBIDDEN', message: 'not yours' } }]);
    expectEqual(aside, [refused, strict], 'what is set aside');
    expectEqual((await recorder.selectEvents(a)).slice(1), [received(a, 2, 2)], 'the aggregate');
    const [pending] = await pendingAfter(recorder, last);
    expectEqual([pending?.id, pending?.firstNotificationId], [behind, last + 2], 'what is pending');
    expectEqual(await recorder.insertEvents([sampleEvent(a, 3)]), [last + 4], 'the next');
  },
};

const healingMoves: Case = {
  name: 'what a server has lost of others leaves, and what commutes and stood on it closes the ranks',
  async run({ recorder }) {
    const a = newOriginatorId();
    const { log, last } = await begun(recorder, a);
    const { cursor } = log;
    const [first, second] = [await receive(recorder, received(a, 2, 1)), await receive(recorder, received(a, 3, 2))];
    const theirs = log.next({ events: [sampleEvent(a, 2, 'theirs')] });
    await recorder.insertPage(theirs);
    const [moved] = await pendingAfter(recorder, last);
    await recorder.insertPage(log.next(moved as PendingUnit));
    await recorder.rewind(cursor);
    const lost = await recorder.selectLostUnits(0, PAGE);
    expectEqual(lost.map(({ id }) => id), [theirs.units[0]?.id, first], 'what is lost'); // prettier-ignore
    expectEqual(lost[1]?.after, [lost[0] === undefined ? undefined : editionOf(lost[0])], 'what it stood on');
    const { rewinds } = await recorder.syncProgress();
    expectTrue(await recorder.endHeal({ rewinds, refused: [] }), 'it ends');
    const pending = await pendingAfter(recorder, last);
    expectEqual(pending.map(({ id }) => id), [first, second], 'what is pending'); // prettier-ignore
    expectEqual((await recorder.selectEvents(a)).slice(1), [received(a, 2, 1), received(a, 3, 2)], 'the aggregate');
    for (const unit of pending) expectEqual(unit.edition, derivedEdition(unit), 'an edition that follows from it');
    expectEqual((await recorder.selectSetAside(last, PAGE)).length, 0, 'nothing is set aside');
  },
};

const manyMove: Case = {
  name: 'many units move past each other, further than they are many, without meeting',
  async run({ recorder }) {
    const a = newOriginatorId();
    const { log } = await begun(recorder, a);
    const quantities = Array.from({ length: 150 }, (_, index) => index);
    for (const quantity of quantities) await receive(recorder, received(a, 2 + quantity, quantity));
    const theirs = quantities.map((index) => sampleEvent(a, 2 + index, 'theirs'));
    await recorder.insertPage(log.next({ events: theirs.slice(0, 1) }));
    await recorder.insertPage(log.next(...theirs.slice(1).map((event) => ({ events: [event] }))));
    expectEqual(
      (await recorder.selectEvents(a)).slice(1),
      [...theirs, ...quantities.map((quantity) => received(a, 152 + quantity, quantity))],
      'the aggregate',
    );
    const { pendingUnits } = await recorder.syncProgress();
    expectTrue(pendingUnits >= 150, 'all of them are pending');
  },
};

/** Cases of units that move. */
export const movedUnitCases: readonly Case[] = [
  gettingNextVersions,
  confirmingWhereTheyAre,
  strictUnitsLeave,
  orphansLeave,
  beginningTwice,
  refusedUnitsMoveOthers,
  healingMoves,
  manyMove,
];
