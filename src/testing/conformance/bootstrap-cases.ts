/**
 * What every recorder with units promises of a store that begins with what stands for history, instead of all of it.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import { historyDigest } from '../../persistence/history-digest.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { OriginatorId } from '../../persistence/stored-event.js';
import type {
  AggregateBase,
  BootstrapAggregate,
  ConfirmedUnit,
  Cursor,
  UnitId,
  UnitPage,
} from '../../persistence/unit.js';
import type { UnitLimits, UnitRecorder } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import type { SampleUnit } from './log-pages.js';

type Recorder = ProcessRecorder & UnitRecorder;

/** What the cases need of an engine. */
export interface BootstrapContext {
  /** Opens a store in which nothing is, for one case. */
  readonly openEmpty: () => Promise<{ readonly recorder: Recorder; readonly close: () => Promise<void> }>;
}

type Case = ConformanceCase<BootstrapContext>;

const ALL: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };

function caseOf(name: string, run: (recorder: Recorder) => Promise<void>): Case {
  return {
    name,
    async run({ openEmpty }) {
      const { recorder, close } = await openEmpty();
      try {
        await run(recorder);
      } finally {
        await close();
      }
    },
  };
}

/** What stands for the events of an aggregate up to a version. */
function baseOf(originatorId: OriginatorId, version: number, edition: UnitId, position: number): AggregateBase {
  const state = Uint8Array.of(version, 0, 255);
  return {
    ...{ version, edition, position, digest: historyDigest(sampleEvents(originatorId, 1, version)) },
    snapshot: {
      ...{ originatorId, originatorVersion: version + 1, eventId: `event ${version + 1}`, aggregateType: 'Sample' },
      ...{ stateVersion: 3, takenAtMs: 1_700_000_000_000, state },
    },
  };
}

interface Part {
  readonly from: Cursor;
  readonly covered: number;
  readonly aggregates: readonly (Omit<BootstrapAggregate, 'continues'> & { readonly continues?: boolean })[];
  readonly units: readonly (SampleUnit & Pick<ConfirmedUnit, 'position'>)[];
}

/** A part of a bootstrap at a place. */
function partOf(position: number, { from, covered, aggregates, units }: Part): UnitPage {
  const isEnd = covered === position;
  const page = new LogPages(from, 0).next(...units);
  return {
    ...{
      ...page,
      from,
      to: isEnd ? `${position}-end` : `${position}-part-${covered}`,
      position: covered,
      head: position,
    },
    bootstrap: { position, isEnd, aggregates: aggregates.map((one) => ({ continues: false, ...one })) },
  };
}

const partsBringAggregates = caseOf(
  'parts bring aggregates, each with what stands for its first events',
  async (recorder) => {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const [u4, u5, b1] = [uuidV4(), uuidV4(), uuidV4()];
    expectEqual(
      (await recorder.syncProgress()).bootstrap,
      { isBegun: false, named: [] },
      'a store in which nothing is',
    );
    const base = baseOf(a, 3, uuidV4(), 6);
    const first = partOf(10, {
      ...{ from: '0', covered: 5, aggregates: [{ originatorId: a, base }] },
      units: [
        { id: u4, events: [sampleEvent(a, 4)], position: 6 },
        { id: u5, events: [sampleEvent(a, 5)], position: 8 },
      ],
    });
    expectEqual(
      await recorder.insertPage(first),
      { isStored: true, confirmed: [], setAside: [], addedEvents: 2 },
      'a part',
    );
    const midst = await recorder.syncProgress();
    expectEqual([midst.cursor, midst.position, midst.bootstrap?.isBegun], [first.to, 5, true], 'where it stands');
    expectEqual(await recorder.selectBase(a), base, 'what stands for its first events');
    expectEqual(await recorder.selectEvents(a, { gt: 3 }), sampleEvents(a, 4, 5), 'what is here');
    await expectRejection(recorder.selectEvents(a), 'HISTORY_TRUNCATED', 'all of it');
    expectEqual((await recorder.insertPage(first)).isStored, false, 'the same part once more');
    const last = partOf(10, {
      ...{ from: first.to, covered: 10, aggregates: [{ originatorId: b }, { originatorId: c }] },
      units: [{ id: b1, events: [...sampleEvents(b, 1, 2), sampleEvent(c, 1)], position: 10 }],
    });
    expectEqual((await recorder.insertPage(last)).isStored, true, 'the last part');
    const progress = await recorder.syncProgress();
    expectEqual([progress.cursor, progress.position, progress.bootstrap], [last.to, 10, undefined], 'where it stands');
    expectEqual(await recorder.selectEvents(b), sampleEvents(b, 1, 2), 'an aggregate that has all of its events');
    for (const start of [1, 2])
      await expectRejection(
        recorder.selectNotifications({ start, limit: 100 }),
        'HISTORY_TRUNCATED',
        `from ${start} on`,
      );
    await recorder.insertPage(new LogPages(last.to, 10).next({ events: [sampleEvent(a, 6)] }));
    expectEqual(await recorder.selectEvents(a, { gt: 3 }), sampleEvents(a, 4, 6), 'after the next page');
    await expectRejection(recorder.insertEvents([sampleEvent(a, 2)]), 'INTEGRITY_ERROR', 'a version that is stood for');
    await recorder.insertEvents([sampleEvent(a, 7)]);
    expectEqual((await recorder.selectPendingUnits(0, ALL)).length, 1, 'what was recorded since');
  },
);

const ownIsRecognised = caseOf(
  'what was recorded before is found among the events of the first part, or that is not stored',
  async (recorder) => {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const own = uuidV4();
    await recorder.insertEvents([sampleEvent(a, 1)], { unit: { id: own } });
    expectEqual((await recorder.syncProgress()).bootstrap?.named, [a], 'what is named');
    const unnamed = partOf(5, {
      ...{ from: '0', covered: 2, aggregates: [{ originatorId: b }] },
      units: [{ id: uuidV4(), events: sampleEvents(b, 1, 2), position: 4 }],
    });
    expectEqual((await recorder.insertPage(unnamed)).isStored, false, 'a part without it');
    const first = partOf(5, {
      ...{ from: '0', covered: 0, aggregates: [{ originatorId: a }] },
      units: [
        { id: own, events: [sampleEvent(a, 1)], position: 1 },
        { id: uuidV4(), events: [sampleEvent(a, 2)], position: 2 },
      ],
    });
    expectEqual((await recorder.insertPage(first)).confirmed, [own], 'what is confirmed');
    // It comes once more, in its turn, with what stands for it: that is passed over.
    const anchor = { id: uuidV4(), events: [sampleEvent(b, 2)], position: 4 };
    const last = partOf(5, {
      from: first.to,
      covered: 5,
      aggregates: [
        { originatorId: a, base: baseOf(a, 1, own, 2) },
        { originatorId: b, base: baseOf(b, 1, uuidV4(), 4) },
      ],
      units: [{ ...(first.units[1] as ConfirmedUnit), position: 2 }, anchor],
    });
    expectEqual((await recorder.insertPage(last)).addedEvents, 1, 'events that the last part adds');
    expectEqual(await recorder.selectEvents(a), sampleEvents(a, 1, 2), 'what was named has all of its events');
    expectEqual(await recorder.selectBase(a), undefined, 'nothing stands for them');
    expectEqual((await recorder.selectBase(b))?.version, 1, 'what stands for the other');
  },
);

const laterGivesWay = caseOf('what is recorded between parts gives way to what they bring', async (recorder) => {
  const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
  const first = partOf(9, {
    from: '0',
    covered: 1,
    aggregates: [{ originatorId: c }],
    units: [{ id: uuidV4(), events: [sampleEvent(c, 1)], position: 1 }],
  });
  await recorder.insertPage(first);
  const [strict, commutes] = [uuidV4(), uuidV4()];
  await recorder.insertEvents([sampleEvent(a, 1)], { unit: { id: strict } });
  await recorder.insertEvents([sampleEvent(b, 1)], { unit: { id: commutes, isCommutative: true } });
  const last = partOf(9, {
    from: first.to,
    covered: 9,
    aggregates: [
      { originatorId: a, base: baseOf(a, 4, uuidV4(), 6) },
      { originatorId: b, base: baseOf(b, 2, uuidV4(), 9) },
    ],
    units: [
      { id: uuidV4(), events: [sampleEvent(a, 5)], position: 6 },
      { id: uuidV4(), events: [sampleEvent(b, 3)], position: 9 },
    ],
  });
  expectEqual((await recorder.insertPage(last)).setAside, [strict], 'what gives way');
  const [pending] = await recorder.selectPendingUnits(0, ALL);
  expectEqual(pending?.id, commutes, 'what commutes');
  expectEqual(pending?.events[0]?.originatorVersion, 4, 'and its version');
  expectEqual((await recorder.findUnits([strict]))[0]?.reason?.code, 'CONFLICT', 'the reason');
});

const unitsGrow = caseOf(
  'a unit of several aggregates comes with each of them, and is whole at the end',
  async (recorder) => {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const both = { id: uuidV4(), events: [sampleEvent(b, 1), sampleEvent(a, 1), sampleEvent(c, 2)], position: 4 };
    const first = partOf(5, { from: '0', covered: 1, aggregates: [{ originatorId: a }], units: [both] });
    await recorder.insertPage(first);
    expectEqual(
      [await recorder.selectEvents(a), await recorder.selectEvents(b)],
      [sampleEvents(a, 1, 1), []],
      'a part of it',
    );
    const next = partOf(5, { from: first.to, covered: 2, aggregates: [{ originatorId: b }], units: [both] });
    await recorder.insertPage(next);
    const anchor = { id: uuidV4(), events: [sampleEvent(c, 3)], position: 5 };
    const last = partOf(5, {
      ...{ from: next.to, covered: 5, aggregates: [{ originatorId: c, base: baseOf(c, 2, both.id, 5) }] },
      units: [both, anchor],
    });
    await recorder.insertPage(last);
    expectEqual(await recorder.selectEvents(b), sampleEvents(b, 1, 1), 'another part of it');
    expectEqual(await recorder.selectEvents(c, { gt: 2 }), [sampleEvent(c, 3)], 'after what is stood for');
    expectEqual((await recorder.findUnits([both.id]))[0]?.state, 'confirmed', 'the unit');
  },
);

const otherWaysEndIt = caseOf('who goes back, or follows the log anew, has no bootstrap any more', async (recorder) => {
  const [a, b] = [newOriginatorId(), newOriginatorId()];
  const [a2, a3] = [uuidV4(), uuidV4()];
  const first = partOf(6, {
    ...{ from: '0', covered: 3, aggregates: [{ originatorId: a, base: baseOf(a, 2, a2, 3) }] },
    units: [{ id: a3, events: [sampleEvent(a, 3)], position: 3 }],
  });
  await recorder.insertPage(first);
  expectEqual(await recorder.followAnew(first.to), true, 'it follows anew');
  const anew = await recorder.syncProgress();
  expectEqual(
    [anew.cursor, anew.position, anew.held, anew.bootstrap],
    ['0', 0, [first.to], undefined],
    'where it stands',
  );
  const whole = new LogPages('0', 0).next(
    { id: uuidV4(), events: [sampleEvent(a, 1)], position: 1 },
    { id: a2, events: [sampleEvent(a, 2)], position: 2 },
    { id: a3, events: [sampleEvent(a, 3)], position: 3 },
    { id: uuidV4(), events: sampleEvents(b, 1, 3), position: 6 },
  );
  await recorder.insertPage(whole);
  expectEqual(await recorder.selectEvents(b), sampleEvents(b, 1, 3), 'what was missing');
  expectEqual((await recorder.selectBase(a))?.version, 2, 'what stands for the first events');
  expectEqual(await recorder.rewind('0'), true, 'it goes back');
  const { rewinds, lostUnits } = await recorder.syncProgress();
  expectEqual([rewinds, lostUnits], [1, 2], 'what is lost');
  await recorder.endHeal({ rewinds, refused: [] });
  expectEqual(await recorder.selectBase(a), undefined, 'nothing stands for anything');
  expectEqual((await recorder.syncProgress()).bootstrap, { isBegun: false, named: [] }, 'it may begin again');
  expectEqual((await recorder.insertPage(first)).isStored, true, 'the first part');
});

const impossibleIsRefused = caseOf(
  'a part that no server has is refused, and nothing of it stored',
  async (recorder) => {
    const a = newOriginatorId();
    const base = baseOf(a, 3, uuidV4(), 6);
    const anchor = { id: uuidV4(), events: [sampleEvent(a, 4)], position: 6 };
    const sound = { from: '0', covered: 6, aggregates: [{ originatorId: a, base }], units: [anchor] };
    const impossible: readonly (readonly [string, UnitPage])[] = [
      ['no event after what is stood for', partOf(6, { ...sound, units: [] })],
      ['another event after it', partOf(6, { ...sound, units: [{ ...anchor, events: [sampleEvent(a, 5)] }] })],
      [
        'a place after that of the parts',
        partOf(6, { ...sound, aggregates: [{ originatorId: a, base: { ...base, position: 7 } }] }),
      ],
      ['the state of another', partOf(6, { ...sound, aggregates: [{ originatorId: newOriginatorId(), base }] })],
      ['an aggregate twice', partOf(6, { ...sound, aggregates: [{ originatorId: a, base }, { originatorId: a }] })],
      ['more than there is', partOf(6, { ...sound, covered: 7 })],
      [
        'no version that is stood for',
        partOf(6, { ...sound, aggregates: [{ originatorId: a, base: baseOf(a, 0, base.edition, 6) }] }),
      ],
    ];
    for (const [what, part] of impossible) await expectRejection(recorder.insertPage(part), 'DATA_ERROR', what);
    expectEqual((await recorder.syncProgress()).cursor, '0', 'where it stands');
    expectEqual(await recorder.selectBase(a), undefined, 'what stands for anything');
    expectEqual((await recorder.insertPage(partOf(6, sound))).isStored, true, 'a sound one');
  },
);

/** The cases; run all of them. */
export const bootstrapCases: readonly Case[] = [
  partsBringAggregates,
  ownIsRecognised,
  laterGivesWay,
  unitsGrow,
  otherWaysEndIt,
  impossibleIsRefused,
];
