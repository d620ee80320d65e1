/**
 * What every recorder promises whose units can be decided again.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { derivedEdition } from '../../persistence/unit-edition.js';
import type { UnitId, UnitPage } from '../../persistence/unit.js';
import { SUPERSEDED } from '../../persistence/unit-recorder.js';
import type { DecidedUnit, Superseded, UnitLimits } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import type { UnitRecorderContext } from './unit-recorder-cases.js';

type Recorder = UnitRecorderContext['recorder'];
type Case = ConformanceCase<UnitRecorderContext>;

const PAGE: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };
const REASON = { code: 'FORBIDDEN', message: 'not yours' } as const;
const COMMAND = Uint8Array.of(7, 0, 255);

/** Others' event in the place of a pending one, of an aggregate with one event that is confirmed and two that are pending. */
interface Conflict {
  readonly originatorId: string;
  readonly log: LogPages;
  /** Of the units that give way. */
  readonly ids: readonly [UnitId, UnitId];
  readonly theirs: UnitId;
  readonly page: UnitPage;
  readonly lastId: number;
}

async function conflict(recorder: Recorder): Promise<Conflict> {
  const originatorId = newOriginatorId();
  const log = await LogPages.after(recorder);
  await recorder.insertPage(log.next({ events: [sampleEvent(originatorId, 1)] }));
  const lastId = await recorder.maxNotificationId();
  const ids = [uuidV4(), uuidV4()] as const;
  const theirs = uuidV4();
  await recorder.insertEvents([sampleEvent(originatorId, 2)], { unit: { id: ids[0], command: COMMAND } });
  await recorder.insertEvents([sampleEvent(originatorId, 3)], { unit: { id: ids[1], scopes: ['ward'] } });
  const page = log.next({ id: theirs, events: [changed(sampleEvent(originatorId, 2))] });
  return { originatorId, log, ids, theirs, page, lastId };
}

const commandsAreKept: Case = {
  name: 'what decided a unit is kept with it, and told when it is set aside',
  async run({ recorder }) {
    const last = await recorder.maxNotificationId();
    const unit = { id: uuidV4(), command: COMMAND };
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit });
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const pending = await recorder.selectPendingUnits(last, PAGE);
    await recorder.setAside(pending.map(({ id }) => ({ id, reason: REASON })));
    const [first, second] = await recorder.selectSetAside(last, PAGE);
    expectEqual([...(first?.command ?? [])], [...COMMAND], 'its command');
    expectEqual([first?.attempts, second?.command, second?.attempts], [0, undefined, 0], 'of the other none');
    const tooLong = { command: new Uint8Array(1_048_577) };
    const refused = recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: tooLong });
    await expectRejection(refused, 'PROGRAMMING_ERROR', 'one of more than 1 MiB');
  },
};

const pagesWaitForDecisions: Case = {
  name: 'a page that needs decisions is not stored, and says what is to be decided, and on what',
  async run({ recorder }) {
    const { originatorId, ids, page, lastId } = await conflict(recorder);
    const before = await recorder.syncProgress();
    const { isStored, superseded } = await recorder.insertPage(page, { superseding: 'decide' });
    expectEqual(isStored, false, 'whether it is stored');
    expectEqual(
      superseded?.units.map(({ id }) => id),
      [...ids],
      'the units',
    );
    expectEqual(
      superseded?.units.map(({ reason }) => reason.code),
      [SUPERSEDED, SUPERSEDED],
      'their reasons',
    );
    expectEqual([...(superseded?.units[0]?.command ?? [])], [...COMMAND], 'the command');
    expectEqual(superseded?.units[1]?.firstNotificationId, lastId + 2, 'where the second stands');
    expectEqual(
      superseded?.aggregates,
      [{ originatorId, version: 1, events: page.units.flatMap(({ events }) => events) }],
      'what they are decided on',
    );
    expectEqual(await recorder.syncProgress(), before, 'how far the store is');
    expectEqual(await versionsOf(recorder, originatorId), ['1', '2', '3'], 'the events');
    expectEqual(await recorder.selectSetAside(lastId, PAGE), [], 'what is set aside');
  },
};

const pagesAndDecisionsAreOne: Case = {
  name: 'a page and what was decided on it are one: decided again under their ids, withdrawn, or set aside',
  async run({ recorder }) {
    const { originatorId, ids, theirs, page, lastId, log } = await conflict(recorder);
    const decided = [
      { id: ids[0], events: [sampleEvent(originatorId, 3), sampleEvent(originatorId, 4)] },
      { id: ids[1], events: [] },
    ];
    const outcome = await recorder.insertPage(page, { superseding: 'decide', decided });
    expectEqual([outcome.isStored, outcome.setAside], [true, [ids[1]]], 'what became of it');
    expectEqual(await versionsOf(recorder, originatorId), ['1', '2 of others', '3', '4'], 'the events');
    const [pending, ...more] = await recorder.selectPendingUnits(lastId, PAGE);
    const after = [theirs];
    const edition = derivedEdition({ id: ids[0], events: decided[0]?.events ?? [], after });
    expectEqual(
      [pending?.id, pending?.edition, pending?.after, more.length],
      [ids[0], edition, after, 0],
      'what is pending',
    );
    const standings = await recorder.findUnits([...ids, lastId + 1, lastId + 2]);
    expectEqual(
      standings.map((standing) => [standing?.id, standing?.state]),
      [ids[0], ids[1], ids[0], ids[1]].map((id) => [id, id === ids[0] ? 'pending' : 'withdrawn']),
      'where they stand, by their ids and by those that their events had',
    );
    expectEqual(await recorder.selectSetAside(lastId, PAGE), [], 'what is set aside');
    const confirming = log.next({ id: ids[0], edition, events: pending?.events ?? [] });
    expectEqual((await recorder.insertPage(confirming)).confirmed, [ids[0]], 'confirmed');
  },
};

const decisionsThatDoNotFit: Case = {
  name: 'decisions that are not about all of it, or do not follow on what is there, change nothing and are asked for anew',
  async run({ recorder }) {
    const { originatorId, ids, page } = await conflict(recorder);
    const before = await recorder.syncProgress();
    const tooFew: DecidedUnit[] = [{ id: ids[0], events: [sampleEvent(originatorId, 3)] }];
    const wrong = [...tooFew, { id: ids[1], events: [sampleEvent(originatorId, 5)] }];
    for (const decided of [tooFew, wrong]) {
      const { isStored, superseded } = await recorder.insertPage(page, { superseding: 'decide', decided });
      expectEqual([isStored, superseded?.units.length], [false, 2], 'what became of it');
    }
    expectEqual(await recorder.syncProgress(), before, 'how far the store is');
    const twice = [...tooFew, ...tooFew];
    await expectRejection(recorder.insertPage(page, { decided: twice }), 'PROGRAMMING_ERROR', 'two about one unit');
    await expectRejection(recorder.decide(twice), 'PROGRAMMING_ERROR', 'two about one unit');
  },
};

const decisionsWithoutAPage: Case = {
  name: 'what was deferred by pages is decided at their end, and what was set aside whenever somebody wants to',
  async run({ recorder }) {
    const { originatorId, ids, page, lastId } = await conflict(recorder);
    await recorder.insertPage(page, { superseding: 'defer' });
    const codes = (await recorder.selectSetAside(lastId, PAGE)).map(({ reason }) => reason.code);
    expectEqual(codes, [SUPERSEDED, SUPERSEDED], 'the reasons');
    const superseded = await recorder.selectSuperseded();
    expectEqual(ownOf(superseded, ids), [...ids], 'the units');
    const aggregate = superseded.aggregates.find((one) => one.originatorId === originatorId);
    expectEqual(aggregate, { originatorId, version: 2, events: [] }, 'what they are decided on');
    const kept = { id: ids[1], reason: REASON };
    expectTrue(!(await recorder.decide([kept, { id: uuidV4() }])), 'not where one is not set aside');
    expectTrue(await recorder.decide([{ id: ids[0], events: [sampleEvent(originatorId, 3)] }, kept]), 'decided');
    const [aside] = await recorder.selectSetAside(lastId, PAGE);
    expectEqual([aside?.id, aside?.reason], [ids[1], REASON], 'what stays set aside, and why');
    expectEqual(ownOf(await recorder.selectSuperseded(), ids), [], 'nothing is to be decided');
    const { units } = await recorder.selectSuperseded([ids[1]]);
    expectEqual(
      units.map(({ id }) => id),
      [ids[1]],
      'it can be named',
    );
    expectTrue(await recorder.decide([{ id: ids[1], events: [sampleEvent(originatorId, 4)] }]), 'and is decided');
    expectEqual(await versionsOf(recorder, originatorId), ['1', '2 of others', '3', '4'], 'the events');
    const pending = await recorder.selectPendingUnits(lastId, PAGE);
    expectEqual(
      pending.map(({ id, scopes }) => [id, scopes]),
      [
        [ids[0], []],
        [ids[1], ['ward']],
      ],
      'what is pending',
    );
    expectEqual(pending[1]?.after, [pending[0]?.edition], 'the second stands on the first');
  },
};

const decisionsWithAnEmptyPage: Case = {
  name: 'what was deferred is decided with a page that has nothing, too',
  async run({ recorder }) {
    const { originatorId, ids, page, log, lastId } = await conflict(recorder);
    await recorder.insertPage(page, { superseding: 'defer' });
    const empty = { ...log.next(), to: page.to };
    const { isStored, superseded } = await recorder.insertPage(empty, { superseding: 'decide' });
    expectEqual([isStored, superseded?.units.length], [false, 2], 'what is to be decided');
    const decided = [{ id: ids[0], events: [sampleEvent(originatorId, 3)] }, { id: ids[1] }];
    expectTrue((await recorder.insertPage(empty, { superseding: 'decide', decided })).isStored, 'stored');
    expectEqual(
      (await recorder.selectPendingUnits(lastId, PAGE)).map(({ id }) => id),
      [ids[0]],
      'what is pending',
    );
    expectEqual(await recorder.selectSetAside(lastId, PAGE), [], 'what is set aside');
  },
};

const attemptsAreCounted: Case = {
  name: 'how often a unit was decided again is counted, and a rewind keeps what decided it',
  async run({ recorder }) {
    const { originatorId, ids, page, log, lastId } = await conflict(recorder);
    const decided = [{ id: ids[0], events: [sampleEvent(originatorId, 3)] }, { id: ids[1] }];
    await recorder.insertPage(page, { superseding: 'decide', decided });
    const before = await recorder.syncProgress();
    const [pending] = await recorder.selectPendingUnits(lastId, PAGE);
    const { edition, events } = pending as NonNullable<typeof pending>;
    await recorder.insertPage(log.next({ id: ids[0], ...(edition === undefined ? {} : { edition }), events }));
    await recorder.rewind(before.cursor);
    const { rewinds } = await recorder.syncProgress();
    await recorder.endHeal({ rewinds, refused: [] });
    const next = new LogPages(before.cursor, before.position);
    const { superseded } = await recorder.insertPage(next.next({ events: [changed(sampleEvent(originatorId, 3))] }), {
      superseding: 'decide',
    });
    const [again] = superseded?.units ?? [];
    expectEqual(
      [again?.id, again?.attempts, [...(again?.command ?? [])]],
      [ids[0], 1, [...COMMAND]],
      'the second time',
    );
  },
};

const lostGroundIsDecidedOn: Case = {
  name: 'what stood on what is lost can wait to be decided again, where its command was kept',
  async run({ recorder }) {
    for (const superseding of ['setAside', 'defer'] as const) {
      const [a, b] = [newOriginatorId(), newOriginatorId()];
      const log = await LogPages.after(recorder);
      await recorder.insertPage(log.next({ events: [sampleEvent(a, 1)] }));
      const { cursor } = await recorder.syncProgress();
      await recorder.insertPage(log.next({ events: [sampleEvent(a, 2)] }));
      const lastId = await recorder.maxNotificationId();
      const [on, after, without, onNothing] = [uuidV4(), uuidV4(), uuidV4(), uuidV4()];
      await recorder.insertEvents([sampleEvent(a, 3), sampleEvent(b, 1)], { unit: { id: on, command: COMMAND } });
      await recorder.insertEvents([sampleEvent(b, 2)], { unit: { id: after, command: COMMAND } });
      await recorder.insertEvents([sampleEvent(b, 3)], { unit: { id: without } });
      await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id: onNothing, command: COMMAND } });
      await recorder.rewind(cursor);
      const lost = await recorder.selectLostUnits(0, PAGE);
      const { rewinds } = await recorder.syncProgress();
      const refused = lost.map(({ id }) => id);
      expectTrue(await recorder.endHeal({ rewinds, refused, superseding }), 'it ended');
      const aside = await recorder.selectSetAside(lastId - 1, PAGE);
      const [first, second] = superseding === 'defer' ? [SUPERSEDED, SUPERSEDED] : ['LOST', 'DEPENDENCY'];
      expectEqual(
        aside.map(({ id, reason }) => [id, reason.code]),
        [
          [refused[0], 'LOST'],
          [on, first],
          [after, second],
          [without, 'DEPENDENCY'],
        ],
        superseding,
      );
      const { units, aggregates } = await recorder.selectSuperseded([on, after]);
      expectEqual([units.length, aggregates], [2, lostGround(a, b)], 'on what');
      const events = [sampleEvent(a, 2), sampleEvent(b, 1)];
      const decided = [
        { id: on, events },
        { id: after, events: [sampleEvent(b, 2)] },
      ];
      expectTrue(await recorder.decide(decided), 'decided');
      const pending = await recorder.selectPendingUnits(lastId, PAGE);
      expectEqual(
        pending.map(({ id }) => id),
        [onNothing, on, after],
        'what is pending',
      );
      await recorder.setAside(pending.map(({ id }) => ({ id, reason: REASON })));
    }
  },
};

/** All that is left is confirmed. */
function lostGround(a: string, b: string): Superseded['aggregates'] {
  return [
    { originatorId: a, version: 1, events: [] },
    { originatorId: b, version: -1, events: [] },
  ];
}

const attemptsWithoutACommand: Case = {
  name: 'how often a unit without a command was decided again is counted as well',
  async run({ recorder }) {
    const originatorId = newOriginatorId();
    const log = await LogPages.after(recorder);
    const id = uuidV4();
    await recorder.insertEvents([sampleEvent(originatorId, 1)], { unit: { id } });
    for (const attempts of [0, 1, 2]) {
      const page = log.next({ events: [changed(sampleEvent(originatorId, attempts + 1))] });
      const { superseded } = await recorder.insertPage(page, { superseding: 'decide' });
      const [unit] = superseded?.units ?? [];
      expectEqual([unit?.id, unit?.attempts, unit?.command], [id, attempts, undefined], 'how often');
      const decided = [{ id, events: [sampleEvent(originatorId, attempts + 2)] }];
      expectTrue((await recorder.insertPage(page, { superseding: 'decide', decided })).isStored, 'stored');
    }
  },
};

const commandsAreLetGo: Case = {
  name: 'what decided a unit is let go when the store is 10,000 positions beyond it',
  async run({ recorder }) {
    for (const beyond of [9_999, 10_000]) {
      const log = await LogPages.after(recorder);
      const before = await recorder.syncProgress();
      const lastId = await recorder.maxNotificationId();
      const unit = { id: uuidV4(), command: COMMAND };
      const events = [sampleEvent(newOriginatorId(), 1)];
      await recorder.insertEvents(events, { unit });
      const page = log.next({ id: unit.id, events });
      await recorder.insertPage(page);
      const position = page.position + beyond;
      await recorder.insertPage(log.next({ events: [sampleEvent(newOriginatorId(), 1)], position }));
      await recorder.rewind(before.cursor);
      const { rewinds } = await recorder.syncProgress();
      await recorder.endHeal({ rewinds, refused: [] });
      await recorder.setAside([{ id: unit.id, reason: REASON }]);
      const [aside] = await recorder.selectSetAside(lastId, PAGE);
      expectEqual([aside?.id, aside?.command !== undefined], [unit.id, beyond < 10_000], `${beyond} beyond`);
    }
  },
};

const discarding: Case = {
  name: 'what is set aside can be given up, and its ids are not given again',
  async run({ recorder }) {
    const { ids, page, lastId } = await conflict(recorder);
    await recorder.insertPage(page);
    expectEqual(await recorder.discardSetAside([ids[0], uuidV4()]), [ids[0]], 'what was there');
    expectEqual(
      (await recorder.selectSetAside(lastId, PAGE)).map(({ id }) => id),
      [ids[1]],
      'what is left',
    );
    const found = await recorder.findUnits([ids[0], lastId + 1, ids[1]]);
    expectEqual(
      found.map((unit) => [unit?.id, unit?.state, unit?.position]),
      [[ids[0], 'discarded', undefined], [ids[0], 'discarded', undefined], [ids[1], 'setAside', undefined]], // prettier-ignore
      'it is gone',
    );
    const [next] = await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expectTrue((next as number) > lastId + 2, 'the next id');
    expectEqual(await recorder.discardSetAside([]), [], 'of nothing');
  },
};

const severalAggregates: Case = {
  name: 'a unit of several aggregates is decided as a whole, and what follows on it after it',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const ids = [uuidV4(), uuidV4()] as const;
    const log = await LogPages.after(recorder);
    const lastId = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1), sampleEvent(b, 1)], { unit: { id: ids[0] } });
    await recorder.insertEvents(sampleEvents(b, 2, 2), { unit: { id: ids[1] } });
    const page = log.next({ events: [changed(sampleEvent(a, 1))] });
    const { superseded } = await recorder.insertPage(page, { superseding: 'decide' });
    const theirs = page.units.flatMap(({ events }) => events);
    const expected = [
      { originatorId: a, version: -1, events: theirs },
      { originatorId: b, version: -1, events: [] },
    ];
    expectEqual(superseded?.aggregates, expected, 'what they are decided on');
    const decided = [
      { id: ids[0], events: [sampleEvent(b, 1), sampleEvent(a, 2)] },
      { id: ids[1], events: [sampleEvent(b, 2)] },
    ];
    expectTrue((await recorder.insertPage(page, { superseding: 'decide', decided })).isStored, 'stored');
    const pending = await recorder.selectPendingUnits(lastId, PAGE);
    expectEqual(
      pending.map(({ id, after }) => [id, after]),
      [
        [ids[0], [undefined, page.units[0]?.id]],
        [ids[1], [pending[0]?.edition]],
      ],
      'what they stand on',
    );
  },
};

/** The promises of a `UnitRecorder` about what is decided again, to be run on every one. */
export const unitDecisionCases: readonly Case[] = [
  commandsAreKept,
  pagesWaitForDecisions,
  pagesAndDecisionsAreOne,
  decisionsThatDoNotFit,
  decisionsWithoutAPage,
  decisionsWithAnEmptyPage,
  attemptsAreCounted,
  attemptsWithoutACommand,
  lostGroundIsDecidedOn,
  commandsAreLetGo,
  discarding,
  severalAggregates,
];

function changed(event: StoredEvent): StoredEvent {
  return { ...event, topic: 'others' };
}

async function versionsOf(recorder: Recorder, originatorId: string): Promise<string[]> {
  const events = await recorder.selectEvents(originatorId);
  return events.map(({ originatorVersion, topic }) => `${originatorVersion}${topic === 'others' ? ' of others' : ''}`);
}

/** Others of the same store may be there. */
function ownOf({ units }: Superseded, ids: readonly UnitId[]): UnitId[] {
  return units.flatMap(({ id }) => (ids.includes(id) ? [id] : []));
}
