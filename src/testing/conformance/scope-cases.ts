/**
 * What every recorder promises of a store that may see another part of a log than before. Part of `unitRecorderCases`.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START, OUT_OF_SCOPE } from '../../persistence/unit.js';
import type { UnitId } from '../../persistence/unit.js';
import type { SyncProgress, UnitLimits, UnitRecorder, UnitStanding } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import type { SampleUnit } from './log-pages.js';

type Recorder = ProcessRecorder & UnitRecorder;
type Case = ConformanceCase<{ readonly recorder: Recorder }>;

const ALL: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };

async function record(recorder: Recorder, ...events: readonly StoredEvent[]): Promise<UnitId> {
  const id = uuidV4();
  await recorder.insertEvents(events, { unit: { id } });
  return id;
}

/** Where a store stands on its way. */
function standing({ cursor, position, held }: SyncProgress): readonly [string, number, readonly string[]] {
  return [cursor, position, held];
}

/** Ids and aggregates of the events after an id. */
async function eventsAfter(
  recorder: Recorder,
  after: NotificationId,
): Promise<readonly (readonly [NotificationId, OriginatorId])[]> {
  const events = await recorder.selectNotifications({ start: after + 1, limit: 1_000 });
  return events.map(({ id, originatorId }) => [id - after, originatorId]);
}

async function codes(recorder: Recorder, ids: readonly UnitId[]): Promise<readonly (string | undefined)[]> {
  const found = await recorder.findUnits(ids);
  return found.map((unit) => unit?.reason?.code ?? unit?.state);
}

/** A log with units of others and own ones, after whatever there was: who may see it all has these. */
async function followed(recorder: Recorder): Promise<{
  readonly last: NotificationId;
  readonly before: SyncProgress;
  readonly north: OriginatorId;
  readonly south: OriginatorId;
  /** Others' of the north; own of the south, of both, and of the north; with their places. */
  readonly units: readonly (SampleUnit & { readonly id: UnitId; readonly position: number })[];
}> {
  const log = await LogPages.after(recorder);
  const last = await recorder.maxNotificationId();
  const [north, south] = [newOriginatorId(), newOriginatorId()];
  const { position: start } = await recorder.syncProgress();
  const first = { id: uuidV4(), events: sampleEvents(north, 1, 2), position: start + 2 };
  await recorder.insertPage(log.next(first));
  const second = { id: await record(recorder, sampleEvent(south, 1)), events: [sampleEvent(south, 1)] };
  const ofBoth = [sampleEvent(south, 2), sampleEvent(north, 3)];
  const both = { id: await record(recorder, ...ofBoth), events: ofBoth };
  const third = { id: uuidV4(), events: [sampleEvent(north, 4)] };
  const units = [
    first,
    { ...second, position: start + 3 },
    { ...both, position: start + 5, total: 2 },
    { ...third, position: start + 6 },
  ];
  await recorder.insertPage(log.next(...units.slice(1, 3)));
  await recorder.insertEvents(third.events, { unit: { id: third.id } });
  await recorder.insertPage(log.next(...units.slice(3)));
  return { last, before: await recorder.syncProgress(), north, south, units };
}

const followsAnew: Case = {
  name: 'a store that follows the log anew keeps what the pages show, as it is, and lets go of what they do not show',
  async run({ recorder }) {
    const { last, before, north, south, units } = await followed(recorder);
    const all = await eventsAfter(recorder, last);
    const [, ownSouth, both, ownNorth] = units.map(({ id }) => id) as [UnitId, UnitId, UnitId, UnitId];
    const [elsewhere, started] = [newOriginatorId(), newOriginatorId()];
    const pending = [
      await record(recorder, sampleEvent(north, 5)),
      await record(recorder, sampleEvent(south, 3), sampleEvent(elsewhere, 1)),
      await record(recorder, sampleEvent(elsewhere, 2), sampleEvent(started, 1)),
      await record(recorder, sampleEvent(started, 2)),
    ];
    const withPending = await eventsAfter(recorder, last);
    expectEqual(await recorder.followAnew('elsewhere'), false, 'from where it does not stand');
    expectEqual(await recorder.followAnew(before.cursor), true, 'from where it stands');
    expectEqual(await recorder.followAnew(before.cursor), false, 'a second time');
    expectEqual(standing(await recorder.syncProgress()), [CURSOR_START, 0, [before.cursor]], 'at first');
    expectEqual((await recorder.syncProgress()).marks, before.marks, 'marks');
    expectEqual(await eventsAfter(recorder, last), withPending, 'what is there meanwhile');

    const pages = new LogPages(CURSOR_START, 0);
    const [shown, ...more] = [units[0], { ...units[2], events: [sampleEvent(north, 3)] }, units[3]] as [
      SampleUnit,
      ...SampleUnit[],
    ];
    const page = pages.next(shown);
    const outcome = await recorder.insertPage(page);
    expectEqual([outcome.isStored, outcome.confirmed, outcome.addedEvents], [true, [], 0], 'what is known');
    expectEqual(standing(await recorder.syncProgress()), [page.to, page.position, [before.cursor]], 'on its way');
    expectEqual(await eventsAfter(recorder, last), withPending, 'what is there on its way');
    expectEqual((await recorder.insertPage(page)).isStored, false, 'a page that comes twice');

    const end = pages.next(...more);
    const { setAside } = await recorder.insertPage(end);
    expectEqual(setAside, pending.slice(1), 'what is set aside');
    expectEqual(
      await codes(recorder, pending),
      ['pending', OUT_OF_SCOPE, 'DEPENDENCY', 'DEPENDENCY'],
      'what is pending',
    );
    expectEqual(await codes(recorder, [ownSouth, both, ownNorth]), ['left', 'confirmed', 'confirmed'], 'the others');
    const [there] = (await recorder.findUnits([last + 3])) as [UnitStanding];
    expectEqual([there.id, there.state, there.position], [ownSouth, 'left', units[1]?.position], 'by an event of it');
    expectEqual(standing(await recorder.syncProgress()), [end.to, end.position, []], 'at the end');
    // Who went back to one of another part of the log would take what it has of it for all.
    expectEqual((await recorder.syncProgress()).marks, [end.to, page.to, CURSOR_START], 'marks of this part');
    const left = [...all, [7, north] as const].filter(([, id]) => id === north);
    expectEqual(await eventsAfter(recorder, last), left, 'what stays keeps its ids');
    expectEqual(await recorder.selectEvents(south), [], 'what leaves');
    expectEqual(await recorder.selectEvents(north), sampleEvents(north, 1, 5), 'what stays');
    // Of the unit of both, that part is left which was shown, and the word of the server about it.
    await recorder.rewind(page.to);
    const lost = (await recorder.selectLostUnits(0, ALL)).map(({ id, events, total, origin }) => {
      return [id, events, total, [...origin.seal]];
    });
    expectEqual(
      lost,
      [
        [both, [sampleEvent(north, 3)], 2, [3]],
        [ownNorth, [sampleEvent(north, 4)], 1, [4]],
      ],
      'what it would bring back',
    );
    await recorder.endHeal({ rewinds: (await recorder.syncProgress()).rewinds, refused: [] });
    expectEqual(await codes(recorder, [both, ownNorth]), ['left', 'LOST'], 'a part of a unit is not sent as own');
  },
};

const comesBack: Case = {
  name: 'what left because it could not be seen comes back, and what was pending of it is pending again',
  async run({ recorder }) {
    const { last, before, north, south, units } = await followed(recorder);
    const [, ownSouth, both] = units.map(({ id }) => id) as [UnitId, UnitId, UnitId];
    const pending = [
      await record(recorder, sampleEvent(south, 3)),
      await record(recorder, sampleEvent(south, 4), sampleEvent(north, 5)),
      await record(recorder, sampleEvent(south, 5)),
    ];
    const refused = await record(recorder, sampleEvent(newOriginatorId(), 1));
    await recorder.setAside([{ id: refused, reason: { code: 'FORBIDDEN', message: 'not yours' } }]);
    // Of this case only: what others have recorded on what they confirmed leaves with that.
    const waiting = await recorder.selectPendingUnits(last, ALL);
    await recorder.followAnew(before.cursor);
    const narrow = new LogPages(CURSOR_START, 0);
    await recorder.insertPage(
      narrow.next(
        units[0] as SampleUnit,
        { ...(units[2] as SampleUnit), events: [sampleEvent(north, 3)] },
        units[3] as SampleUnit,
      ),
    );
    expectEqual(await codes(recorder, pending), [OUT_OF_SCOPE, OUT_OF_SCOPE, OUT_OF_SCOPE], 'what was pending');

    await recorder.followAnew(narrow.cursor);
    const wide = new LogPages(CURSOR_START, 0);
    const first = wide.next(...units.slice(0, 2));
    await recorder.insertPage({ ...first, head: before.position });
    expectEqual(await recorder.selectEvents(south), [sampleEvent(south, 1)], 'what is there on the way');
    expectEqual(
      await codes(recorder, pending),
      [OUT_OF_SCOPE, OUT_OF_SCOPE, OUT_OF_SCOPE],
      'before the end of the log',
    );
    await recorder.insertPage(wide.next(...units.slice(2)));
    expectEqual(await codes(recorder, [ownSouth, both]), ['confirmed', 'confirmed'], 'the others');
    const [back] = (await recorder.findUnits([last + 3])) as [UnitStanding];
    expectEqual([back.id, back.state], [ownSouth, 'confirmed'], 'by an event that it had');
    expectEqual(await recorder.selectEvents(south), sampleEvents(south, 1, 5), 'one aggregate');
    expectEqual(await recorder.selectEvents(north), sampleEvents(north, 1, 5), 'the other one');
    const again = await recorder.selectPendingUnits(last, ALL);
    expectEqual(
      again.map(({ id, events, after }) => [id, events, after]),
      waiting.map(({ id, events, after }) => [id, events, after]),
      'pending again, on what it stood on',
    );
    expectEqual(await codes(recorder, [refused]), ['FORBIDDEN'], 'what was refused');
    await expectRejection(recorder.insertEvents([sampleEvent(south, 5)]), 'INTEGRITY_ERROR', 'its places');
  },
};

const staysAside: Case = {
  name: 'what was set aside because it could not be seen stays so, where what it stood on is not there as it was',
  async run({ recorder }) {
    const { before, south, units } = await followed(recorder);
    const id = await record(recorder, sampleEvent(south, 3));
    await recorder.followAnew(before.cursor);
    const hidden = new LogPages(CURSOR_START, 0);
    await recorder.insertPage({ ...hidden.next(), to: 'hidden', position: before.position, head: before.position });
    expectEqual(await codes(recorder, [id]), [OUT_OF_SCOPE], 'what was pending');
    await recorder.followAnew('hidden');
    const wide = new LogPages(CURSOR_START, 0);
    const last = await recorder.maxNotificationId();
    await recorder.insertPage(wide.next(...units, { events: [sampleEvent(south, 3, 'theirs')] }));
    expectEqual(await codes(recorder, [id]), [OUT_OF_SCOPE], 'after another event has come in its place');
    expectEqual((await eventsAfter(recorder, last)).length, 7, 'all that came back');
  },
};

const goesBackOnTheWay: Case = {
  name: 'a store that goes back while it follows the log anew begins once more, and says how far it had been',
  async run({ recorder }) {
    const { before, north, units } = await followed(recorder);
    await recorder.followAnew(before.cursor);
    const pages = new LogPages(CURSOR_START, 0);
    const first = pages.next(units[0] as SampleUnit);
    await recorder.insertPage(first);
    await recorder.rewind(first.to);
    const { rewinds } = await recorder.syncProgress();
    const page = pages.next(...units.slice(1));
    expectEqual((await recorder.insertPage(page)).isStored, false, 'a page before what is lost was offered');
    await recorder.endHeal({ rewinds, refused: [] });
    expectEqual(standing(await recorder.syncProgress()), [CURSOR_START, 0, [first.to]], 'where it stands');
    expectEqual(await recorder.selectEvents(north), sampleEvents(north, 1, 4), 'what is own is pending again');
    await recorder.insertPage(first);
    expectEqual(standing(await recorder.syncProgress()), [first.to, first.position, []], 'when it has come there');
    await recorder.insertPage(page);
    expectEqual(await recorder.selectEvents(north), sampleEvents(north, 1, 4), 'what the server has');

    await recorder.followAnew(page.to);
    await recorder.rewind(CURSOR_START);
    await recorder.endHeal({ rewinds: rewinds + 1, refused: [] });
    expectEqual(standing(await recorder.syncProgress()), [CURSOR_START, 0, []], 'all of the log is lost');
  },
};

const otherPart: Case = {
  name: 'of a unit that is lost the log shows another part: what it does not show leaves, and what is pending of that cannot be seen',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const { cursor } = await recorder.syncProgress();
    const [north, south] = [newOriginatorId(), newOriginatorId()];
    const both = { id: uuidV4(), total: 2, events: [sampleEvent(north, 1)] };
    await recorder.insertPage(log.next(both));
    const ids = [await record(recorder, sampleEvent(north, 2)), await record(recorder, sampleEvent(north, 3))];
    await recorder.rewind(cursor);
    const { rewinds, position } = await recorder.syncProgress();
    const page = new LogPages(cursor, position).next({ ...both, events: [sampleEvent(south, 1)] });
    await recorder.insertPage(page, { offered: { rewinds, refused: [] } });
    expectEqual(
      await codes(recorder, [both.id, ...ids]),
      ['confirmed', OUT_OF_SCOPE, OUT_OF_SCOPE],
      'what became of them',
    );
    expectEqual(await recorder.selectEvents(north), [], 'what leaves');
    expectEqual(await recorder.selectEvents(south), [sampleEvent(south, 1)], 'what is shown');
  },
};

const grownPart: Case = {
  name: 'of a unit that is lost the log shows more: it is recognised, and what stands on it stays where it is',
  async run({ recorder }) {
    for (const others of [[], [sampleEvent('', 2, 'theirs')]]) {
      const log = await LogPages.after(recorder);
      const { cursor } = await recorder.syncProgress();
      const [north, south] = [newOriginatorId(), newOriginatorId()];
      const both = { id: uuidV4(), total: 2, events: [sampleEvent(north, 1)] };
      await recorder.insertPage(log.next(both));
      const id = await record(recorder, sampleEvent(north, 2));
      await recorder.rewind(cursor);
      const { rewinds, position } = await recorder.syncProgress();
      const whole = { ...both, events: [sampleEvent(north, 1), sampleEvent(south, 1)] };
      const theirs = others.map((event) => ({ events: [{ ...event, originatorId: north }] }));
      const page = new LogPages(cursor, position).next(whole, ...theirs);
      await recorder.insertPage(page, { offered: { rewinds, refused: [] } });
      const became = theirs.length === 0 ? 'pending' : 'CONFLICT';
      expectEqual(await codes(recorder, [both.id, id]), ['confirmed', became], 'what became of them');
      const topics = (await recorder.selectEvents(north)).map(({ topic }) => topic);
      const second = theirs.length === 0 ? sampleEvent(north, 2).topic : 'theirs';
      expectEqual(topics, [sampleEvent(north, 1).topic, second], 'what is there');
      expectEqual(await recorder.selectEvents(south), [sampleEvent(south, 1)], 'what is shown more');
      const [unit] = (await recorder.selectPendingUnits(0, ALL)).filter((one) => one.id === id);
      if (theirs.length === 0) expectEqual(unit?.after, [both.id], 'what it stands on');
    }
  },
};

const ownInPart: Case = {
  name: 'of an own unit that was set aside the log shows a part: when it is lost, half of it is not pushed under its id',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const { cursor } = await recorder.syncProgress();
    const [north, south] = [newOriginatorId(), newOriginatorId()];
    const id = await record(recorder, sampleEvent(north, 1), sampleEvent(south, 1));
    await recorder.setAside([{ id, reason: { code: OUT_OF_SCOPE, message: 'Not of yours.' } }]);
    const { confirmed } = await recorder.insertPage(log.next({ id, total: 2, events: [sampleEvent(north, 1)] }));
    expectEqual([confirmed, await codes(recorder, [id])], [[id], ['confirmed']], 'what the log has');
    await recorder.rewind(cursor);
    const { rewinds } = await recorder.syncProgress();
    const lost = await recorder.selectLostUnits(0, ALL);
    expectEqual(
      lost.flatMap((unit) => (unit.id === id ? [unit.events.length] : [])),
      [1],
      'what is offered',
    );
    await recorder.endHeal({ rewinds, refused: [] });
    const pending = await recorder.selectPendingUnits(0, ALL);
    expectEqual(
      pending.filter((unit) => unit.id === id),
      [],
      'what is pushed',
    );
    expectEqual(await recorder.selectEvents(north), [], 'what is here of it');
  },
};

const leftBefore: Case = {
  name: 'of a unit whose other events have left with a page before, the seal is kept that the page has which shows the rest',
  async run({ recorder }) {
    const { before, north, south, units } = await followed(recorder);
    const [, ownSouth, both, ownNorth] = units as unknown as [SampleUnit, SampleUnit, SampleUnit, SampleUnit];
    await recorder.followAnew(before.cursor);
    const pages = new LogPages(CURSOR_START, 0);
    // It passes the first event of an aggregate that cannot be seen any more, and that leaves as a whole.
    const first = pages.next(units[0] as SampleUnit);
    await recorder.insertPage({ ...first, position: ownSouth.position as number, head: before.position });
    expectEqual(await recorder.selectEvents(south), [], 'what leaves');
    await recorder.insertPage(pages.next({ ...both, events: [sampleEvent(north, 3)] }, ownNorth));
    await recorder.rewind(first.to);
    const lost = await recorder.selectLostUnits(0, ALL);
    expectEqual(
      lost.map(({ id, events, total, origin }) => [id, events, total, [...origin.seal]]),
      [
        [both.id, [sampleEvent(north, 3)], 2, [3]],
        [ownNorth.id, [sampleEvent(north, 4)], 1, [4]],
      ],
      'what it would bring back',
    );
    await recorder.endHeal({ rewinds: (await recorder.syncProgress()).rewinds, refused: [] });
  },
};

const impossible: Case = {
  name: 'a page of a log that is followed anew, in which a unit stands elsewhere than before, is refused',
  async run({ recorder }) {
    const { before, north, units } = await followed(recorder);
    await recorder.followAnew(before.cursor);
    const [first] = units as unknown as [(typeof units)[number]];
    for (const unit of [
      { ...first, position: first.position + 1 },
      { ...first, edition: '00000000-0000-e000-8000-000000000000' },
    ]) {
      await expectRejection(recorder.insertPage(new LogPages(CURSOR_START, 0).next(unit)), 'DATA_ERROR', 'the page');
    }
    expectEqual(await recorder.selectEvents(north), sampleEvents(north, 1, 4), 'what is there');
    expectEqual(standing(await recorder.syncProgress()), [CURSOR_START, 0, [before.cursor]], 'where it stands');
    await recorder.insertPage(new LogPages(CURSOR_START, 0).next(...units));
  },
};

/** The cases. */
export const scopeCases: readonly Case[] = [
  followsAnew,
  comesBack,
  staysAside,
  goesBackOnTheWay,
  otherPart,
  grownPart,
  ownInPart,
  leftBefore,
  impossible,
];
