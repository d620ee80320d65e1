/**
 * What every recorder promises of confirmed history that leaves its store. Part of `unitRecorderCases`.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import { historyDigest } from '../../persistence/history-digest.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { EditionId, UnitId } from '../../persistence/unit.js';
import type { Truncation, UnitLimits, UnitRecorder } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';

type Recorder = ProcessRecorder & UnitRecorder;
type Case = ConformanceCase<{ readonly recorder: Recorder }>;

const ALL: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };

/** What is to leave: the events before a version. */
function before(originatorId: OriginatorId, originatorVersion: number, anchor: EditionId): Truncation {
  const state = Uint8Array.of(originatorVersion, 0, 255);
  return {
    snapshot: {
      ...{ originatorId, originatorVersion, eventId: `event ${originatorVersion}`, aggregateType: 'Sample' },
      ...{ stateVersion: 3, takenAtMs: 1_700_000_000_000, state },
    },
    anchor,
    digest: historyDigest(sampleEvents(originatorId, 1, originatorVersion - 1)),
  };
}

/** An aggregate of five confirmed units of one event each, the third own, and the ids of the units. */
async function confirmedFive(recorder: Recorder): Promise<{
  readonly log: LogPages;
  readonly a: OriginatorId;
  readonly ids: readonly UnitId[];
  /** The local id before them. */
  readonly last: NotificationId;
}> {
  const log = await LogPages.after(recorder);
  const last = await recorder.maxNotificationId();
  const a = newOriginatorId();
  const ids = Array.from({ length: 5 }, () => uuidV4());
  const unit = (version: number): { id: string; events: StoredEvent[] } => ({
    id: ids[version - 1] as string,
    events: [sampleEvent(a, version)],
  });
  await recorder.insertPage(log.next(unit(1), unit(2)));
  await recorder.insertEvents([sampleEvent(a, 3)], { unit: { id: ids[2] as string } });
  await recorder.insertPage(log.next(unit(3)));
  await recorder.insertPage(log.next(unit(4), unit(5)));
  return { log, a, ids, last };
}

const firstEventsLeave: Case = {
  name: 'first events of an aggregate leave, and who asks for them is told so',
  async run({ recorder }) {
    const { a, ids, last } = await confirmedFive(recorder);
    const other = newOriginatorId();
    await recorder.insertEvents(sampleEvents(other, 1, 3));
    const truncation = before(a, 4, ids[3] as string);
    expectEqual(await recorder.truncate([truncation]), [a], 'aggregates that were truncated');
    await expectRejection(recorder.selectEvents(a), 'HISTORY_TRUNCATED', 'all of them');
    await expectRejection(recorder.selectEvents(a, { gt: 2 }), 'HISTORY_TRUNCATED', 'after version 2');
    await expectRejection(recorder.selectEvents(a, { lte: 2 }), 'HISTORY_TRUNCATED', 'up to version 2');
    await expectRejection(recorder.selectEvents(a, { desc: true, limit: 3 }), 'HISTORY_TRUNCATED', 'the last three');
    expectEqual(await recorder.selectEvents(a, { gt: 3 }), sampleEvents(a, 4, 5), 'after version 3');
    expectEqual(await recorder.selectEvents(a, { desc: true, limit: 2 }), sampleEvents(a, 4, 5).reverse(), 'last two');
    expectEqual(await recorder.selectEvents(a, { gt: 1, lte: 1 }), [], 'none');
    expectEqual(await recorder.selectEvents(other), sampleEvents(other, 1, 3), 'another aggregate');
    const { snapshot, digest } = truncation;
    const base = await recorder.selectBase(a);
    expectEqual([base?.version, base?.edition, base?.digest], [3, ids[2], digest], 'what stands for them');
    expectEqual(base?.snapshot, snapshot, 'the snapshot');
    expectEqual(await recorder.selectBase(other), undefined, 'what stands for nothing');
    for (const start of [1, last + 1, last + 3]) {
      const notifications = recorder.selectNotifications({ start, limit: 1_000 });
      await expectRejection(notifications, 'HISTORY_TRUNCATED', `notifications from ${start - last} on`);
    }
    const rest = await recorder.selectNotifications({ start: last + 4, limit: 1_000 });
    expectEqual(
      rest.map(({ id }) => id - last),
      [4, 5, 6, 7, 8],
      'notifications after them',
    );
  },
};

const versionsStayTaken: Case = {
  name: 'a version that has left is taken, and what follows stands on what stood before',
  async run({ recorder }) {
    const { a, ids } = await confirmedFive(recorder);
    await recorder.truncate([before(a, 5, ids[4] as string)]);
    for (const version of [1, 4, 5])
      await expectRejection(recorder.insertEvents([sampleEvent(a, version)]), 'INTEGRITY_ERROR', `version ${version}`);
    await recorder.insertEvents([sampleEvent(a, 6)]);
    const [pending] = (await recorder.selectPendingUnits(0, ALL)).slice(-1);
    expectEqual(pending?.after, [ids[4]], 'what it stands on');
    expectEqual(await recorder.selectEvents(a, { gt: 4 }), sampleEvents(a, 5, 6), 'what is there');
  },
};

const replacedIsNotWithdrawn: Case = {
  name: 'a unit that was decided again and leaves with history is not told as withdrawn, and one that was withdrawn is',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const a = newOriginatorId();
    const [first, own, idle, other, last] = Array.from({ length: 5 }, () => uuidV4()) as [UnitId, ...UnitId[]];
    await recorder.insertPage(log.next({ id: first, events: [sampleEvent(a, 1)] }));
    await recorder.insertEvents([sampleEvent(a, 2)], { unit: { id: own as string } });
    await recorder.insertEvents([sampleEvent(a, 3)], { unit: { id: idle as string } });
    await recorder.insertPage(log.next({ id: other as string, events: [sampleEvent(a, 2)] }));
    const again = { id: own as string, isCommutative: false, events: [sampleEvent(a, 3)] };
    expectEqual(await recorder.decide([again, { id: idle as string }]), true, 'decided again');
    await recorder.insertPage(log.next(again, { id: last as string, events: [sampleEvent(a, 4)] }));
    expectEqual(await recorder.truncate([before(a, 4, last as string)]), [a], 'truncated');
    const found = await recorder.findUnits([own as string, idle as string, other as string]);
    expectEqual(
      found.map((unit) => unit?.state),
      ['left', 'withdrawn', undefined],
      'what is said of them',
    );
  },
};

const nothingElseLeaves: Case = {
  name: 'nothing leaves that is not confirmed, is not bounded, or is not of the past of its snapshot',
  async run({ recorder }) {
    const { a, ids, last } = await confirmedFive(recorder);
    const pending = uuidV4();
    await recorder.insertEvents([sampleEvent(a, 6)], { unit: { id: pending } });
    const refused: readonly (readonly [string, Truncation, number?])[] = [
      ['what is pending', before(a, 6, pending)],
      ['what is not there', before(a, 7, pending)],
      ['another past', before(a, 4, ids[2] as string)],
      ['what is behind the bound', before(a, 4, ids[3] as string), last + 2],
      ['nothing', before(a, 1, ids[0] as string)],
      ['an aggregate that is not there', before(newOriginatorId(), 2, ids[1] as string)],
    ];
    for (const [what, truncation, upTo] of refused) {
      expectEqual(await recorder.truncate([truncation], upTo === undefined ? {} : { upTo }), [], what);
    }
    expectEqual(await recorder.selectEvents(a), sampleEvents(a, 1, 6), 'what is there');
    expectEqual(await recorder.truncate([before(a, 4, ids[3] as string)], { upTo: last + 3 }), [a], 'up to the bound');
    expectEqual(await recorder.truncate([before(a, 3, ids[2] as string)]), [], 'once more, and less');
    expectEqual(await recorder.truncate([before(a, 5, ids[4] as string)]), [a], 'once more, and more');
    expectEqual(await recorder.selectEvents(a, { gt: 4 }), sampleEvents(a, 5, 6), 'what is left');
  },
};

const partsWaitForNobody: Case = {
  name: 'what is here in part, and is lost and not taken back, is not to be decided again, though its command is kept',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await recorder.insertPage(log.next({ events: [sampleEvent(newOriginatorId(), 1)] }));
    const { cursor, position } = await recorder.syncProgress();
    const [own, anchor] = [uuidV4(), uuidV4()];
    const events = [sampleEvent(a, 1), sampleEvent(b, 1)];
    await recorder.insertEvents(events, { unit: { id: own, command: Uint8Array.of(1) } });
    await recorder.insertPage(log.next({ id: own, events }, { id: anchor, events: [sampleEvent(a, 2)] }));
    expectEqual(await recorder.truncate([before(a, 2, anchor)]), [a], 'what was truncated');
    await recorder.rewind(cursor);
    const { rewinds } = await recorder.syncProgress();
    await recorder.endHeal({ rewinds, refused: [own], superseding: 'defer' });
    const aside = (await recorder.selectSetAside(0, ALL)).filter(({ id }) => id === own);
    const said = aside.map(({ reason, isForeign }) => [reason.code, isForeign]);
    expectEqual(said, [['LOST', true]], 'what became of it');
    expectEqual((await recorder.selectSuperseded()).units, [], 'what waits');
    // The store follows the log anew, because of the base. So that it is at rest for whoever comes next: to its end.
    await recorder.insertPage({ from: CURSOR_START, to: cursor, position, head: position, units: [] });
  },
};

const malformedIsRefused: Case = {
  name: 'a malformed truncation is refused before anything leaves',
  async run({ recorder }) {
    const { a, ids } = await confirmedFive(recorder);
    const sound = before(a, 4, ids[3] as string);
    const malformed: readonly (readonly Truncation[])[] = [
      [sound, sound],
      [{ ...sound, anchor: 'none' }],
      [{ ...sound, digest: 'none' }],
      [{ ...sound, snapshot: { ...sound.snapshot, originatorVersion: 0 } }],
      [{ ...sound, snapshot: { ...sound.snapshot, aggregateType: '' } }],
      Array.from({ length: 101 }, () => before(newOriginatorId(), 2, ids[1] as string)),
    ];
    for (const [index, truncations] of malformed.entries())
      await expectRejection(recorder.truncate(truncations), 'PROGRAMMING_ERROR', `malformed ${index}`);
    expectEqual(await recorder.selectEvents(a), sampleEvents(a, 1, 5), 'what is there');
  },
};

const baseIsLostWithItsAnchor: Case = {
  name: 'when the log has lost what stands on a base, its aggregate leaves and comes anew, and what was pending waits aside',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const { position: start } = await recorder.syncProgress();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const [u1, u2, u3, u4] = [uuidV4(), uuidV4(), uuidV4(), uuidV4()];
    await recorder.insertPage(
      log.next({ id: u1, events: [sampleEvent(a, 1)] }, { id: u2, events: [sampleEvent(b, 1)] }),
    );
    const { cursor } = await recorder.syncProgress();
    await recorder.insertPage(
      log.next({ id: u3, events: [sampleEvent(a, 2)] }, { id: u4, events: [sampleEvent(a, 3)] }),
    );
    const own = uuidV4();
    await recorder.insertEvents([sampleEvent(a, 4), sampleEvent(b, 2)], { unit: { id: own } });
    await recorder.truncate([before(a, 2, u3)]);
    expectEqual(await recorder.rewind(cursor), true, 'it went back');
    const lost = await recorder.selectLostUnits(0, ALL);
    expectEqual(
      lost.map(({ id, after }) => [id, after]),
      [
        [u3, [u1]],
        [u4, [u3]],
      ],
      'what is offered, and on what it stood',
    );
    expectEqual(await recorder.truncate([before(a, 3, u4)]), [], 'nothing leaves meanwhile');
    const { rewinds } = await recorder.syncProgress();
    expectEqual(await recorder.endHeal({ rewinds, refused: [] }), true, 'healing ended');
    expectEqual(await recorder.selectEvents(a), [], 'the aggregate has left');
    expectEqual(await recorder.selectBase(a), undefined, 'its base');
    expectEqual((await recorder.findUnits([own]))[0]?.reason?.code, 'LOST', 'what was pending');
    const progress = await recorder.syncProgress();
    expectEqual([progress.position, progress.held], [0, [cursor]], 'it follows anew');
    // As the log has it by now, from its start.
    const anew = new LogPages(progress.cursor, 0);
    const whole = { events: [sampleEvent(a, 1)], id: u1, position: start + 1 };
    await recorder.insertPage(anew.next(whole, { events: [sampleEvent(b, 1)], id: u2, position: start + 2 }));
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1)], 'what the log has of it');
    expectEqual((await recorder.syncProgress()).held, [], 'it is where it was');
  },
};

const baseStaysWithItsAnchor: Case = {
  name: 'a base stays when the log has lost what stands after its anchor only',
  async run({ recorder }) {
    const { log, a, ids } = await confirmedFive(recorder);
    const { cursor } = await recorder.syncProgress();
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 6)] }));
    await recorder.truncate([before(a, 5, ids[4] as string)]);
    await recorder.rewind(cursor);
    await recorder.endHeal({ rewinds: (await recorder.syncProgress()).rewinds, refused: [] });
    expectEqual((await recorder.selectBase(a))?.version, 4, 'its base');
    expectEqual((await recorder.syncProgress()).cursor, cursor, 'where it stands');
    expectEqual(await recorder.selectEvents(a, { gt: 4 }), [sampleEvent(a, 5)], 'what is left');
    await expectRejection(recorder.insertEvents([sampleEvent(a, 4)]), 'INTEGRITY_ERROR', 'a version that has left');
  },
};

const wayAnewPassesOver: Case = {
  name: 'a way anew brings nothing that a base is for, and what may not be seen any more leaves with its base',
  async run({ recorder }) {
    const before_ = await recorder.syncProgress();
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const at = before_.position;
    const units = [
      { id: uuidV4(), events: [sampleEvent(a, 1), sampleEvent(b, 1)], position: at + 2 },
      { id: uuidV4(), events: [sampleEvent(a, 2)], position: at + 3 },
      { id: uuidV4(), events: [sampleEvent(b, 2), sampleEvent(c, 1)], position: at + 5 },
    ] as const;
    await recorder.insertPage(log.next(...units));
    const [, second, third] = units;
    expectEqual(await recorder.truncate([before(a, 2, second.id), before(b, 2, third.id)]), [a, b], 'truncated');
    const { cursor, position } = await recorder.syncProgress();
    expectEqual(await recorder.followAnew(cursor), true, 'it follows anew');
    expectEqual(await recorder.truncate([before(a, 2, second.id)]), [], 'nothing leaves meanwhile');
    // Of the second aggregate nothing is shown any more.
    const anew = new LogPages((await recorder.syncProgress()).cursor, 0);
    const less = { ...units[0], events: [sampleEvent(a, 1)], total: 2 };
    await recorder.insertPage(anew.next(less, second, { ...third, events: [sampleEvent(c, 1)], total: 2 }));
    expectEqual((await recorder.syncProgress()).position, position, 'where it stands');
    expectEqual(await recorder.selectEvents(a, { gt: 1 }), [sampleEvent(a, 2)], 'what is seen as before');
    expectEqual((await recorder.selectBase(a))?.version, 1, 'its base');
    expectEqual(await recorder.selectEvents(b), [], 'what is not seen any more');
    expectEqual(await recorder.selectBase(b), undefined, 'its base');
    // And is seen again: whole.
    const back = await recorder.syncProgress();
    await recorder.followAnew(back.cursor);
    const again = new LogPages((await recorder.syncProgress()).cursor, 0);
    await recorder.insertPage(again.next(...units));
    expectEqual(await recorder.selectEvents(b), sampleEvents(b, 1, 2), 'what is seen again');
    expectEqual(await recorder.selectEvents(a, { gt: 1 }), [sampleEvent(a, 2)], 'what was seen all the time');
  },
};

/** The cases; run all of them. */
export const truncationCases: readonly Case[] = [
  firstEventsLeave,
  versionsStayTaken,
  replacedIsNotWithdrawn,
  nothingElseLeaves,
  partsWaitForNobody,
  malformedIsRefused,
  baseIsLostWithItsAnchor,
  baseStaysWithItsAnchor,
  wayAnewPassesOver,
];
