/**
 * What a server's log of units promises, in every layout of its tables.
 *
 * @module
 */
import { derivedEdition } from '../../persistence/unit-edition.js';
import { derivedUnitId } from '../../persistence/derived-unit-id.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { ConfirmedUnit, PendingUnit } from '../../persistence/unit.js';
import type { StoredUnitLog, UnitLogOptions } from '../../server/log/stored-unit-log.js';
import type { Decision, PushOutcome, Sender, UnitLog, Visibility } from '../../server/log/unit-log.js';
import { randomUuid } from '../../util/random-uuid.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { asLost, pageOf, readLog, sampleUnit } from './unit-samples.js';

/** A log, and what happens to its tables. */
export interface UnitLogContext {
  /** The log, which may hold units already, with these options. */
  readonly open: (options?: UnitLogOptions) => StoredUnitLog;
  /** Inserts events beside the log, as a program does that knows nothing of units. */
  readonly insertBeside: (events: readonly StoredEvent[]) => Promise<void>;
  /** Remembers all tables. @returns sets them back to that, as the restoration of a backup does */
  readonly backup: () => Promise<() => Promise<void>>;
}

type Case = ConformanceCase<UnitLogContext>;

const ANN: Sender = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const BOB: Sender = { subject: 'bob', replicaId: '00000000-0000-4000-8000-00000000000b' };
const NOBODY: Sender = { subject: '', replicaId: '00000000-0000-4000-8000-00000000000c' };
const NO = { code: 'NO', message: 'No.' };
const KEY = new Uint8Array(32).fill(7);
const SEALED: UnitLogOptions = { seals: { keys: [KEY] }, clock: { nowMs: () => 1_764_000_000_000 } };

const kindsOf = ({ decisions }: PushOutcome): readonly Decision['kind'][] => decisions.map(({ kind }) => kind);

async function endOf(log: UnitLog): Promise<string> {
  return (await readLog(log)).cursor;
}

/** What happens on a log after a place: the units that a device which stands there gets. */
async function unitsAfter(log: UnitLog, cursor: string): Promise<readonly ConfirmedUnit[]> {
  return (await readLog(log, cursor)).units;
}

const newsAsPages: Case = {
  name: 'what is new is the page that who asks would be given, where it is little; and where the log ends',
  async run({ open, insertBeside, backup }) {
    const log = open(SEALED);
    const limits = { eventsMax: 5, bytesMax: 10_000 };
    const begin = await log.news(limits);
    expectEqual(begin, { end: await endOf(log), position: await log.head(), page: undefined }, 'the end');
    const nothing = await log.news({ ...limits, after: begin.end });
    expectEqual(
      [nothing.end, nothing.page?.units, nothing.page?.to],
      [begin.end, [], begin.end],
      'where nothing is new',
    );
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)], { scopes: ['north', 'é'] });
    await log.push([first, sampleUnit([sampleEvent(b, 2)], { after: [first.id] })], ANN);
    // What was committed a moment ago, and what is read.
    const head = await log.head();
    const little = await log.news({ ...limits, after: begin.end, head });
    expectEqual(little.page, await pageOf(log, begin.end), 'the page');
    const read = await open(SEALED).news({ ...limits, after: begin.end, head });
    expectEqual(read, little, 'the same of another process');
    expectEqual([little.end, little.position], [await endOf(log), await log.head()], 'where it ends');
    const ofAnn: Visibility = { id: 'ann', isVisible: ({ origin }) => origin.author === 'ann' };
    const part = await log.news({ ...limits, visibility: ofAnn });
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], BOB);
    const others = await log.news({ ...limits, visibility: ofAnn, after: part.end });
    expectEqual(others.page, await log.page(part.end, { ...limits, visibility: ofAnn }), 'the page of a part');
    const otherPart = await log.news({ ...limits, after: part.end });
    expectEqual(
      [otherPart.page, otherPart.end],
      [undefined, await endOf(log)],
      'where another part may be seen by now',
    );
    for (const bounds of [
      { ...limits, eventsMax: 1 },
      { ...limits, eventsMax: 5 },
      { ...limits, bytesMax: 1 },
    ]) {
      const much = await log.news({ ...bounds, after: begin.end });
      expectEqual([much.page, much.end], [undefined, await endOf(log)], `with ${bounds.eventsMax} ${bounds.bytesMax}`);
    }
    await insertBeside([sampleEvent(newOriginatorId(), 1)]);
    const beside = await log.news({ ...limits, after: little.end, head: await log.head() });
    expectEqual(beside.page, await pageOf(log, little.end), 'what others have inserted');
    const restore = await backup();
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    const { end } = await log.news(limits);
    await restore();
    const back = await log.news({ ...limits, after: end });
    expectEqual([back.page, back.end], [undefined, await endOf(log)], 'of a log that was set back');
  },
};

const acceptedAndShown: Case = {
  name: 'units are accepted in their order, and a page shows them as they are',
  async run({ open }) {
    const log = open(SEALED);
    const before = await endOf(log);
    const start = await log.head();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)], { scopes: ['north', 'é'] });
    const second = sampleUnit([sampleEvent(b, 2)], { after: [first.id] });
    const outcome = await log.push([first, second], ANN);
    expectEqual(
      outcome,
      {
        decisions: [
          { id: first.id, kind: 'accepted', position: start + 3, isNew: true },
          { id: second.id, kind: 'accepted', position: start + 4, isNew: true },
        ],
        conflict: undefined,
        head: start + 4,
      },
      'the push',
    );
    const page = await pageOf(log, before);
    expectEqual([page.from, page.position, page.head], [before, start + 4, start + 4], 'where the page is');
    const shown = page.units.map(({ origin, ...unit }) => ({
      ...unit,
      author: origin.author,
      at: origin.recordedAtMs,
    }));
    const said = ({ id, events, isCommutative, scopes }: PendingUnit): object => ({
      id,
      events,
      isCommutative,
      scopes,
    });
    const by = { author: 'ann', at: 1_764_000_000_000 };
    expectEqual(
      shown,
      [
        { ...said(first), position: start + 3, total: 3, ...by },
        { ...said(second), position: start + 4, total: 1, ...by },
      ],
      'the units',
    );
    const next = await pageOf(log, page.to);
    expectEqual([next.to, next.units.length, next.head], [page.to, 0, start + 4], 'the page at the end');
  },
};

const answeredAgain: Case = {
  name: 'a unit that is known is answered from its row, whoever else was first, in whatever form it comes',
  async run({ open }) {
    const log = open();
    const id = newOriginatorId();
    const unit = sampleUnit([sampleEvent(id, 1)]);
    const [first] = (await log.push([unit], ANN)).decisions;
    const other = sampleUnit([sampleEvent(id, 2)], { after: [unit.id] });
    const inAnotherForm = { ...unit, events: [sampleEvent(newOriginatorId(), 7)] };
    const again = await log.push([inAnotherForm, other, unit], ANN);
    expectEqual(again.decisions[0], { ...first, isNew: false }, 'the first one');
    expectEqual(again.decisions[2], { ...first, isNew: false }, 'the first one, once more');
    expectEqual(kindsOf(again), ['accepted', 'accepted', 'accepted'], 'all of them');
    const replay = await log.push([unit, other], ANN);
    expectEqual(kindsOf(replay), ['accepted', 'accepted'], 'what is known altogether');
    expectEqual(replay.head, await log.head(), 'the head');
    const head = await log.head();
    const twice = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const outcome = await log.push([twice, twice], ANN);
    expectEqual(
      outcome.decisions.map((decision) => decision.kind === 'accepted' && decision.isNew),
      [true, false],
      'a unit twice in a push',
    );
    expectEqual(await log.head(), head + 1, 'the head after it');
  },
};

const ofAnotherSubject: Case = {
  name: 'a unit that another subject has sent is answered as if it were forbidden',
  async run({ open }) {
    const log = open();
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await log.push([unit], ANN);
    const rejected = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await log.push([rejected], ANN, async () => ({ code: 'TOO_SECRET', message: 'secret' }));
    for (const id of [unit, rejected]) {
      const [decision] = (await log.push([id], BOB)).decisions;
      expectEqual(decision?.kind, 'rejected', "somebody else's unit");
      expectEqual(decision?.kind === 'rejected' && decision.code, 'FORBIDDEN', 'its code');
      expectTrue(!JSON.stringify(decision).includes('secret'), 'its reason is told to nobody else');
    }
    expectEqual(kindsOf(await log.push([unit, rejected], ANN)), ['accepted', 'rejected'], 'to whom sent it');
    const everybodys = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await log.push([everybodys], NOBODY);
    expectEqual(kindsOf(await log.push([everybodys], BOB)), ['accepted'], 'what everybody could send');
    expectEqual(kindsOf(await log.push([unit], NOBODY)), ['accepted'], 'where everybody is let in');
    const event = sampleEvent(newOriginatorId(), 1);
    const derived = sampleUnit([event], { id: derivedUnitId(event) });
    await log.push([derived], ANN);
    expectEqual(kindsOf(await log.push([derived], BOB)), ['accepted'], 'what follows from the event');
    const taken = sampleUnit([sampleEvent(newOriginatorId(), 1)], { id: derived.id });
    expectEqual(kindsOf(await log.push([taken], BOB)), ['rejected'], 'such an id with another event');
  },
};

const refusedForGood: Case = {
  name: 'what is refused stays so with its reason, and the rest goes on',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const id = newOriginatorId();
    const shelf = newOriginatorId();
    const one = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const two = sampleUnit([sampleEvent(shelf, 1)]);
    const three = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const asked: string[] = [];
    const authorize = async (unit: PendingUnit): Promise<{ code: string; message: string } | undefined> => {
      asked.push(unit.id);
      return unit.id === two.id ? { code: 'NOT_YOURS', message: 'Not your shelf \u0000.' } : undefined;
    };
    const outcome = await log.push([one, two, three], ANN, authorize);
    expectEqual(kindsOf(outcome), ['accepted', 'rejected', 'accepted'], 'the push');
    const again = await log.push([one, two, three], ANN, authorize);
    expectEqual(asked, [one.id, two.id, three.id], 'what was asked');
    const [, decision] = again.decisions;
    expectEqual(decision?.kind === 'rejected' && decision.code, 'NOT_YOURS', 'the reason that was kept');
    expectEqual(
      (await unitsAfter(log, before)).map((unit) => unit.id),
      [one.id, three.id],
      'the log',
    );
    const hole = sampleUnit([sampleEvent(id, 1), sampleEvent(id, 3)]);
    const [gap] = (await log.push([hole], ANN)).decisions;
    expectEqual(gap?.kind === 'rejected' && gap.code, 'VERSION_GAP', 'versions with a hole');
    const onIt = sampleUnit([sampleEvent(shelf, 2)], { after: [two.id] });
    expectEqual(
      await log.push([onIt], ANN),
      { decisions: [], conflict: onIt.id, head: await log.head() },
      'what stands on a unit that was refused',
    );
  },
};

const conflictEndsPush: Case = {
  name: 'a conflict is no decision, and ends the push',
  async run({ open }) {
    const log = open();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1)]);
    await log.push([first], ANN);
    const before = sampleUnit([sampleEvent(b, 1)]);
    const late = sampleUnit([sampleEvent(a, 1)]);
    const after = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const outcome = await log.push([before, late, after], BOB);
    expectEqual([kindsOf(outcome), outcome.conflict], [['accepted'], late.id], 'the push');
    // Decided again on what is there, under its id.
    const again = sampleUnit([sampleEvent(a, 2)], { id: late.id, after: [first.id] });
    expectEqual(kindsOf(await log.push([again, after], BOB)), ['accepted', 'accepted'], 'decided again');
  },
};

const followsInTurn: Case = {
  name: 'what is new in a push is not decided before the unit that it was sent after',
  async run({ open }) {
    const log = open();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const [first, second] = [sampleUnit([sampleEvent(a, 1)]), sampleUnit([sampleEvent(b, 1)])];
    // It commutes, and stands on nothing: nothing else would keep it from being first.
    const third = sampleUnit([sampleEvent(newOriginatorId(), 1)], { isCommutative: true });
    const early = await log.push([second, third], ANN, undefined, undefined, first.id);
    expectEqual([kindsOf(early), early.conflict], [[], second.id], 'before the first');
    await log.push([first], ANN);
    const strangers = await log.push(
      [sampleUnit([sampleEvent(a, 2)], { after: [first.id] })],
      BOB,
      undefined,
      undefined,
      first.id,
    );
    expectEqual(kindsOf(strangers), [], 'after a unit of somebody else');
    const late = await log.push([second, third], ANN, undefined, undefined, first.id);
    expectEqual(kindsOf(late), ['accepted', 'accepted'], 'after the first');
    // What is known is answered all the same; and what is refused is as good as decided.
    const more = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const known = await log.push([second, more], ANN, undefined, undefined, randomUuid());
    expectEqual([kindsOf(known), known.conflict], [['accepted'], more.id], 'after nothing that is known');
    const no = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await log.push([no], ANN, async () => NO);
    const afterNo = await log.push([more], ANN, async () => undefined, undefined, no.id);
    expectEqual(kindsOf(afterNo), ['accepted'], 'after one that is refused');
  },
};

const followsAtOnce: Case = {
  name: 'of two pushes at once, the second follows the first',
  async run({ open }) {
    const log = open();
    // What runs while they come makes them share the next transaction.
    const running = log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    const [first, second] = [
      sampleUnit([sampleEvent(newOriginatorId(), 1)]),
      sampleUnit([sampleEvent(newOriginatorId(), 1)]),
    ];
    const one = log.push([first], ANN);
    const two = log.push([second], ANN, undefined, undefined, first.id);
    const outcomes = await Promise.all([running, one, two]);
    expectEqual(outcomes.map(kindsOf), [['accepted'], ['accepted'], ['accepted']], 'the three');
    const shown = (await readLog(log)).units.slice(-2);
    expectEqual(
      shown.map(({ id }) => id),
      [first.id, second.id],
      'the order',
    );
  },
};

const numberAlone: Case = {
  name: 'the right number after another unit is a conflict, as is the right unit with another number',
  async run({ open }) {
    const log = open();
    const id = newOriginatorId();
    const first = sampleUnit([sampleEvent(id, 1)]);
    await log.push([first], ANN);
    for (const [what, sample] of [
      ['another unit', sampleUnit([sampleEvent(id, 2)], { after: [randomUuid()] })],
      ['no unit', sampleUnit([sampleEvent(id, 2)])],
      ['a number too large', sampleUnit([sampleEvent(id, 3)], { after: [first.id] })],
      ['a number too small', sampleUnit([sampleEvent(id, 1)], { after: [first.id] })],
      ['a unit where there is none', sampleUnit([sampleEvent(newOriginatorId(), 1)], { after: [first.id] })],
    ] as const) {
      expectEqual((await log.push([sample], ANN)).conflict, sample.id, what);
    }
  },
};

const allOrNothing: Case = {
  name: 'a unit of several aggregates is accepted as a whole or not at all',
  async run({ open }) {
    const log = open();
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    await log.push([sampleUnit([sampleEvent(c, 1)])], ANN);
    const head = await log.head();
    const unit = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(c, 1)]);
    expectEqual((await log.push([unit], ANN)).conflict, unit.id, 'a conflict on the third');
    expectEqual(await log.head(), head, 'the head');
    expectEqual(kindsOf(await log.push([sampleUnit([sampleEvent(a, 1)])], BOB)), ['accepted'], 'the first is free');
  },
};

const renumbered: Case = {
  name: 'units of commutative events are given the next versions, and another edition with them',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit(sampleEvents(a, 1, 2));
    await log.push([first], ANN);
    const mine = sampleUnit([sampleEvent(a, 2), sampleEvent(b, 9), sampleEvent(a, 3)], {
      isCommutative: true,
      after: [randomUuid(), undefined],
    });
    expectEqual(kindsOf(await log.push([mine], BOB)), ['accepted'], 'the push');
    const [, shown] = await unitsAfter(log, before);
    expectEqual(
      shown?.events.map(({ originatorId, originatorVersion }) => [originatorId, originatorVersion]),
      [
        [a, 3],
        [b, 1],
        [a, 4],
      ],
      'the versions',
    );
    expectEqual(shown?.events[0]?.state, mine.events[0]?.state, 'the state');
    const moved = { id: mine.id, events: shown?.events ?? [], after: [first.id, undefined] };
    expectEqual(shown?.edition, derivedEdition(moved), 'the edition');
  },
};

const editionsCount: Case = {
  name: 'what was decided on a unit in one edition does not fit the same unit in another one',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const a = newOriginatorId();
    const base = sampleUnit([sampleEvent(a, 1)]);
    const theirs = sampleUnit([sampleEvent(a, 2, 'theirs')], { after: [base.id] });
    const moved = sampleUnit([sampleEvent(a, 2, 'mine')], { isCommutative: true, after: [base.id] });
    await log.push([base, theirs, moved], ANN);
    // In a log that was set back since, it stood in the same place, and on something else.
    const elsewhere = { id: moved.id, events: [sampleEvent(a, 3, 'mine')], after: [newOriginatorId()] };
    for (const edition of [derivedEdition(elsewhere), moved.id, theirs.id, undefined]) {
      const decided = sampleUnit([sampleEvent(a, 4)], { after: [edition] });
      const { decisions, conflict } = await log.push([decided], BOB);
      expectEqual([decisions, conflict], [[], decided.id], `after ${edition}`);
    }
    const edition = (await unitsAfter(log, before))[2]?.edition;
    const decided = sampleUnit([sampleEvent(a, 4)], { after: [edition] });
    expectEqual(kindsOf(await log.push([decided], BOB)), ['accepted'], 'after the edition that is there');
  },
};

const editionsStay: Case = {
  name: 'a unit that fits keeps its edition, whatever its kind, and nobody gives a unit that of another one',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const a = newOriginatorId();
    const base = sampleUnit([sampleEvent(a, 1)]);
    const commutative = sampleUnit([sampleEvent(a, 2)], { isCommutative: true, after: [base.id] });
    const again = sampleUnit([sampleEvent(a, 3)], { after: [commutative.id] });
    const edition = derivedEdition(again);
    const next = sampleUnit([sampleEvent(a, 4)], { after: [edition] });
    const kinds = kindsOf(await log.push([base, commutative, { ...again, edition }, next], ANN));
    expectEqual(kinds, ['accepted', 'accepted', 'accepted', 'accepted'], 'the push');
    expectEqual(
      (await unitsAfter(log, before)).map((unit) => unit.edition),
      [undefined, undefined, edition, undefined],
      'the editions',
    );
    const other = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    for (const stolen of [edition, base.id, other.id]) {
      const { decisions, conflict } = await log.push([{ ...other, edition: stolen }], BOB);
      expectEqual([decisions, conflict], [[], other.id], `edition ${stolen}`);
    }
    const borrowed = { ...other, isCommutative: true, edition };
    expectEqual(kindsOf(await log.push([borrowed], BOB)), ['accepted'], 'one that commutes');
    const [shown] = (await unitsAfter(log, before)).slice(-1);
    expectEqual(shown?.edition, derivedEdition(other), 'its edition');
    await expectRejection(log.push([{ ...other, id: edition }], BOB), 'PROGRAMMING_ERROR', 'the id of an edition');
  },
};

const beginsNothing: Case = {
  name: 'commutative events that follow on something are a conflict where nothing is there',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await log.push([sampleUnit([sampleEvent(b, 1)])], ANN);
    const orphan = sampleUnit([sampleEvent(b, 2), sampleEvent(a, 2)], {
      isCommutative: true,
      after: [randomUuid(), randomUuid()],
    });
    const { decisions, conflict } = await log.push([orphan], BOB);
    expectEqual([decisions.length, conflict], [0, orphan.id], 'the push');
    const opening = sampleUnit([sampleEvent(a, 1)]);
    expectEqual(kindsOf(await log.push([opening, orphan], BOB)), ['accepted', 'accepted'], 'after what it followed on');
    expectEqual((await unitsAfter(log, before)).length, 3, 'the units');
  },
};

const pagesEndWithUnits: Case = {
  name: 'a page ends where a unit ends, whichever limit is reached',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const large = (id: string): StoredEvent => ({ ...sampleEvent(id, 1), state: new Uint8Array(1_000) });
    const units = [2, 3, 1, 4].map((count) =>
      sampleUnit(Array.from({ length: count }, () => large(newOriginatorId()))),
    );
    await log.push(units, ANN);
    const counts = async (limits: { eventsMax: number; bytesMax: number }): Promise<readonly number[]> => {
      const found: number[] = [];
      let cursor = before;
      for (;;) {
        const page = await pageOf(log, cursor, limits);
        if (page.to === cursor) return found;
        found.push(page.units.length);
        cursor = page.to;
      }
    };
    expectEqual(await counts({ eventsMax: 2, bytesMax: 1_000_000 }), [1, 1, 2], 'by events');
    expectEqual(await counts({ eventsMax: 3, bytesMax: 1_000_000 }), [2, 2], 'by events, in the middle of a unit');
    expectEqual(await counts({ eventsMax: 1_000, bytesMax: 1 }), [1, 1, 1, 1], 'by bytes: one at least');
    expectEqual(await counts({ eventsMax: 1_000, bytesMax: 5_500 }), [3, 1], 'by bytes');
    expectEqual(await counts({ eventsMax: 1_000, bytesMax: 1_000_000 }), [4], 'all');
  },
};

const unknownCursors: Case = {
  name: 'a cursor that is not of this log is told from one that is',
  async run({ open }) {
    const log = open();
    const two = [1, 2].map(() => sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)]));
    await log.push(two, ANN);
    const { cursor } = await readLog(log);
    const position = await log.head();
    const limits = { eventsMax: 1, bytesMax: 1 };
    for (const [what, unknown] of [
      ['another hash', cursor.replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
      ['in the middle of a unit', cursor.replace(`.${position}.`, `.${position - 1}.`)],
      ['at another unit', cursor.replace(`.${position}.`, `.${position - 2}.`)],
      ['after the end', cursor.replace(`.${position}.`, `.${position + 2}.`)],
      ['of another version', cursor.replace(/^1/, '2')],
      ['nothing', ''],
      ['no cursor', 'Robert'],
    ] as const) {
      expectEqual(await log.page(unknown, limits), undefined, what);
    }
    expectEqual((await log.page(cursor, limits))?.from, cursor, 'its own');
    for (const [what, held] of [
      ['held, of another log', [cursor, cursor.replace(/.$/, (last) => (last === '0' ? '1' : '0'))]],
      ['held, and no cursor', ['Robert']],
    ] as const) {
      expectEqual(await log.page(cursor, { ...limits, held }), undefined, what);
      expectEqual(await log.page(CURSOR_START, { ...limits, held }), undefined, `${what}, from the start`);
    }
    const held = [cursor, CURSOR_START, `${cursor}.abc`];
    expectEqual((await log.page(cursor, { ...limits, held }))?.from, cursor, 'held, whatever was visible there');
    await expectRejection(log.page('1'.repeat(201), limits), 'PROGRAMMING_ERROR', 'a cursor without end');
  },
};

const commonPlace: Case = {
  name: 'the common place is the newest mark that the log has',
  async run({ open }) {
    const log = open();
    const next = async (): Promise<string> => {
      await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
      return await endOf(log);
    };
    const [oldest, middle, newest] = [await next(), await next(), await next()];
    const cursors = [newest, middle, oldest];
    const strange = cursors.map((cursor) => cursor.replace(/.{4}$/, 'dead'));
    const marks = [...strange, 'x', middle, oldest, CURSOR_START];
    expectEqual(await log.common(marks), middle, 'among others');
    expectEqual(await log.common([oldest, newest]), newest, 'in whatever order');
    expectEqual(await log.common(strange), CURSOR_START, 'of another log');
    expectEqual(await log.common([]), CURSOR_START, 'of nothing');
    const many = Array.from({ length: 2_000 }, (_, index) => `1.${index + 1}.${'ab'.repeat(16)}`);
    expectEqual(await log.common([...many, oldest]), oldest, 'among very many');
  },
};

const strangers: Case = {
  name: 'what others insert becomes part of the log, before anything else is answered',
  async run({ open, insertBeside }) {
    const log = open();
    const before = await endOf(log);
    const id = newOriginatorId();
    const unit = sampleUnit([sampleEvent(id, 1)]);
    await log.push([unit], ANN);
    await insertBeside([sampleEvent(id, 2), sampleEvent(id, 3)]);
    const late = sampleUnit([sampleEvent(id, 2)], { after: [unit.id] });
    expectEqual((await log.push([late], ANN)).conflict, late.id, 'a push that did not know of it');
    await insertBeside([sampleEvent(id, 4)]);
    const shown = await unitsAfter(log, before);
    const derivedOf = (version: number): string => derivedUnitId(sampleEvent(id, version));
    expectEqual(
      shown.map((one) => [one.id, one.total, one.origin.author]),
      [[unit.id, 1, 'ann'], ...[2, 3, 4].map((version) => [derivedOf(version), 1, ''])],
      'the log',
    );
    expectEqual(await log.head(), shown.at(-1)?.position, 'the head');
    const next = sampleUnit([sampleEvent(id, 5)], { after: [derivedOf(4)] });
    const same = sampleUnit([sampleEvent(id, 4)], { id: derivedOf(4), after: [derivedOf(3)] });
    const outcome = await log.push([same, next], BOB);
    expectEqual(kindsOf(outcome), ['accepted', 'accepted'], 'what was recorded both ways, and what stands on it');
    expectEqual(outcome.decisions[0]?.kind === 'accepted' && outcome.decisions[0].isNew, false, 'it was known');
  },
};

const refusedThenBeside: Case = {
  name: 'a unit that was refused, and whose event others recorded since, is there',
  async run({ open, insertBeside }) {
    const log = open();
    const event = sampleEvent(newOriginatorId(), 1);
    const unit = sampleUnit([event], { id: derivedUnitId(event) });
    expectEqual(kindsOf(await log.push([unit], ANN, async () => ({ code: 'NO', message: 'No.' }))), ['rejected'], 'it');
    await insertBeside([event]);
    await log.head();
    expectEqual(kindsOf(await log.push([unit], ANN)), ['accepted'], 'it, since then');
  },
};

const setBackAndGone: Case = {
  name: 'a log that was set back, and has gone on, does not know what came after',
  async run({ open, backup }) {
    const log = open();
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    const shared = await endOf(log);
    const restore = await backup();
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    const lost = await endOf(log);
    await restore();
    expectEqual(await log.page(lost, { eventsMax: 1, bytesMax: 1 }), undefined, 'at once');
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], BOB);
    expectEqual(await log.page(lost, { eventsMax: 1, bytesMax: 1 }), undefined, 'after it has gone on');
    expectEqual(await log.common([lost, shared, CURSOR_START]), shared, 'the common place');
  },
};

const healed: Case = {
  name: 'what was lost comes back as it was, once, in the order of its positions',
  async run({ open, backup }) {
    const log = open(SEALED);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const base = sampleUnit([sampleEvent(a, 1)]);
    await log.push([base], ANN);
    const shared = await endOf(log);
    const restore = await backup();
    const one = sampleUnit([sampleEvent(a, 2), sampleEvent(b, 1)], { after: [base.id, undefined], scopes: ['x'] });
    const two = sampleUnit([sampleEvent(b, 2)], { after: [one.id] });
    const three = sampleUnit([sampleEvent(a, 7)], { isCommutative: true, after: [one.id] });
    await log.push([one, two], ANN);
    await log.push([three], BOB);
    const all = (await readLog(log)).units;
    const lost = asLost(all).slice(-3);
    await restore();
    const later = open({ ...SEALED, clock: { nowMs: () => 1_765_000_000_000 } });
    await later.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], BOB);
    const edition = lost[2]?.edition;
    expectTrue(edition !== undefined, 'what was given another version has another edition');
    const asIfNotMoved = lost.map(({ edition: _, ...unit }) => unit);
    const kinds = (await later.heal(asIfNotMoved.slice(2), BOB)).decisions.map(({ kind }) => kind);
    expectEqual(kinds, ['refused'], 'without its edition');
    const { decisions: healings } = await later.heal([...lost].reverse(), BOB);
    expectEqual(
      healings,
      [three.id, two.id, one.id].map((id) => ({ id, kind: 'restored' })),
      'the offer',
    );
    const content = (units: readonly ConfirmedUnit[]): object[] =>
      units.map(({ position: _, origin: { author, recordedAtMs }, ...unit }) => ({ ...unit, author, recordedAtMs }));
    expectEqual(content((await unitsAfter(later, shared)).slice(1)), content(all.slice(-3)), 'the log');
    expectEqual(
      (await later.heal(lost, ANN)).decisions.map(({ kind }) => kind),
      ['known', 'known', 'known'],
      'offered again',
    );
    expectEqual(kindsOf(await later.push([one, two], ANN)), ['accepted', 'accepted'], 'sent again by its author');
  },
};

const unfit: Case = {
  name: 'what does not fit any more is set aside for operators, with what stood on it, until it is there',
  async run({ open, backup }) {
    const log = open(SEALED);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const restore = await backup();
    const units = [
      sampleUnit([sampleEvent(a, 1)]),
      sampleUnit([sampleEvent(b, 1)]),
      sampleUnit([sampleEvent(b, 2)], {}),
    ] as [PendingUnit, PendingUnit, PendingUnit];
    await log.push([units[0]], ANN);
    const second = sampleUnit([sampleEvent(a, 2)], { after: [units[0].id] });
    const onB = sampleUnit([sampleEvent(b, 2)], { after: [units[1].id] });
    await log.push([second, units[1], onB], ANN);
    const lost = asLost((await readLog(log)).units).slice(-4);
    await restore();
    const taken = sampleUnit([sampleEvent(a, 1)]);
    await log.push([taken], BOB);
    const kinds = async (offers: typeof lost): Promise<readonly string[]> =>
      (await log.heal(offers, BOB)).decisions.map(({ kind }) => kind);
    expectEqual(await kinds(lost.slice(0, 2)), ['setAside', 'setAside'], 'its place is taken, and by number it fits');
    expectEqual(await kinds(lost.slice(3)), ['setAside'], 'what it stood on is not there yet');
    const mine = new Set(lost.map(({ id }) => id));
    const aside = async (): Promise<readonly string[]> => {
      const found = (await log.refused({ limit: 10_000 })).filter(({ id }) => mine.has(id));
      for (const { id: asideId, unit, code, subject } of found) {
        expectEqual([code, subject], ['CONFLICT', 'bob'], 'why, and who offered it');
        expectEqual(
          unit,
          lost.find(({ id }) => id === asideId),
          'the unit, to be read',
        );
      }
      return found.map(({ id }) => id);
    };
    const sorted = (ids: readonly string[]): readonly string[] => [...ids].sort();
    expectEqual(await aside(), sorted([units[0].id, second.id, onB.id]), 'what is set aside');
    expectEqual(await kinds(lost.slice(2)), ['restored', 'restored'], 'now both are offered');
    expectEqual(await aside(), sorted([units[0].id, second.id]), 'what is set aside still');
    const [first = '', ...rest] = (await log.refused({ limit: 10_000 })).map(({ id }) => id);
    const next = (await log.refused({ after: first, limit: 10_000 })).map(({ id }) => id);
    expectEqual(next, rest, 'the next part');
  },
};

const forged: Case = {
  name: 'what is not just as this log has sealed it is refused',
  async run({ open, backup }) {
    const log = open(SEALED);
    const restore = await backup();
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)], { scopes: ['s'] });
    await log.push([unit], ANN);
    const [lost] = asLost((await readLog(log)).units).slice(-1) as [ReturnType<typeof asLost>[number]];
    await restore();
    const [event, other] = lost.events as [StoredEvent, StoredEvent];
    const { origin } = lost;
    const seal = Uint8Array.from(origin.seal, (byte, index) => (index === 9 ? byte ^ 1 : byte));
    const forgeries: Readonly<Record<string, typeof lost>> = {
      id: { ...lost, id: randomUuid() },
      state: { ...lost, events: [{ ...event, state: new Uint8Array(3) }, other] },
      topic: { ...lost, events: [{ ...event, topic: 'forged' }, other] },
      version: { ...lost, events: [{ ...event, originatorVersion: 2 }, other] },
      aggregate: { ...lost, events: [{ ...event, originatorId: newOriginatorId() }, other] },
      order: { ...lost, events: [other, event] },
      part: { ...lost, events: [event], after: [undefined] },
      total: { ...lost, total: 2, position: lost.position, events: [event], after: [undefined] },
      after: { ...lost, after: [randomUuid(), undefined] },
      scopes: { ...lost, scopes: [] },
      commutative: { ...lost, isCommutative: true },
      position: { ...lost, position: lost.position + 1 },
      author: { ...lost, origin: { ...origin, author: 'bob' } },
      time: { ...lost, origin: { ...origin, recordedAtMs: origin.recordedAtMs + 1 } },
      'seal, one bit': { ...lost, origin: { ...origin, seal } },
      'seal, cut': { ...lost, origin: { ...origin, seal: origin.seal.subarray(0, 9) } },
      'no seal': { ...lost, origin: { ...origin, seal: new Uint8Array(0) } },
    };
    const refused = async (one: StoredUnitLog, what: string, offer = lost): Promise<void> =>
      expectEqual((await one.heal([offer], BOB)).decisions, [{ id: offer.id, kind: 'refused' }], what);
    for (const [what, forgery] of Object.entries(forgeries)) await refused(log, what, forgery);
    const otherKey = new Uint8Array(32).fill(8);
    await refused(open({ seals: { keys: [otherKey] } }), 'another key');
    await refused(open({ ...SEALED, tenant: 'other' }), 'another tenant');
    await refused(open(), 'no key');
    const rotated = open({ seals: { keys: [otherKey, KEY] } });
    const { decisions: outcome } = await rotated.heal([{ ...lost, id: randomUuid() }, lost], BOB);
    expectEqual(
      outcome.map(({ kind }) => kind),
      ['refused', 'restored'],
      'an older key proves still, and one forgery stops nobody',
    );
    const [now] = (await readLog(rotated)).units.slice(-1);
    expectTrue(JSON.stringify(now?.origin.seal) !== JSON.stringify(origin.seal), 'sealed with the new key');
  },
};

const stopped: Case = {
  name: 'an operator who wants to look first finds all that was offered, and nothing comes back by itself',
  async run({ open, backup }) {
    const log = open({ ...SEALED, onLost: 'stop' });
    const restore = await backup();
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await log.push([unit], ANN);
    const lost = asLost((await readLog(log)).units).slice(-1);
    await restore();
    const head = await log.head();
    for (let times = 0; times < 2; times++) {
      expectEqual((await log.heal(lost, BOB)).decisions, [{ id: unit.id, kind: 'setAside' }], 'the offer');
    }
    expectEqual(await log.head(), head, 'the head');
    const offers = (await log.refused({ limit: 10_000 })).filter((offer) => offer.id === unit.id);
    expectEqual(
      offers.map(({ code, unit: offered }) => [code, offered]),
      [['STOPPED', lost[0]]],
      'what an operator reads',
    );
    expectEqual(
      (await open(SEALED).heal(lost, BOB)).decisions,
      [{ id: unit.id, kind: 'restored' }],
      'when it may come back',
    );
  },
};

const seenInPart: Case = {
  name: 'who may see a part gets that part, with how much it is of, and a cursor of his own',
  async run({ open, backup }) {
    const log = open(SEALED);
    const start = await log.head();
    const restore = await backup();
    const [seen, hidden] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(hidden, 1), sampleEvent(seen, 1)]);
    const unseen = sampleUnit([sampleEvent(hidden, 2)], { after: [first.id] });
    const last = sampleUnit([sampleEvent(seen, 2)], { after: [first.id] });
    await log.push([first, unseen, last], ANN);
    const visibility = {
      id: 'only-seen',
      isVisible: (unit: ConfirmedUnit, index: number): boolean => unit.events[index]?.originatorId === seen,
    };
    const limits = { eventsMax: 1_000, bytesMax: 1_000_000, visibility };
    const page = await pageOf(log, CURSOR_START, limits);
    const mine = page.units.filter(({ position }) => position > start);
    expectEqual(
      mine.map((unit) => [unit.id, unit.total, unit.events]),
      [
        [first.id, 2, [sampleEvent(seen, 1)]],
        [last.id, 1, [sampleEvent(seen, 2)]],
      ],
      'the page',
    );
    expectEqual([page.position, page.head], [start + 4, start + 4], 'where it ends');
    expectEqual((await pageOf(log, page.to, limits)).units, [], 'what follows');
    const other = { ...limits, visibility: { ...visibility, id: 'other' } };
    const [all, whole] = [{ eventsMax: 1, bytesMax: 1 }, await endOf(log)];
    await expectRejection(log.page(page.to, all), 'SCOPES_CHANGED', 'to whom sees everything');
    await expectRejection(log.page(page.to, other), 'SCOPES_CHANGED', 'to whom sees something else');
    await expectRejection(log.page(whole, limits), 'SCOPES_CHANGED', 'to whom has seen everything');
    expectEqual((await log.page(whole, { ...all, held: [page.to] }))?.from, whole, 'what is held of another part');
    expectEqual(await log.common([page.to]), page.to, 'a mark');
    await restore();
    // Another part, or another log: of these two, only the second loses anything.
    for (const [what, options] of [
      ['everything', all],
      ['something else', other],
    ] as const) {
      expectEqual(await log.page(page.to, options), undefined, `after it was set back, to whom sees ${what}`);
    }
    expectEqual(
      await log.page(CURSOR_START, { ...limits, held: [page.to] }),
      undefined,
      'after it was set back, to whom follows it once more',
    );
    expectEqual(await log.common([page.to]), CURSOR_START, 'a mark of the log as it was');
    const { decisions: healings } = await log.heal(asLost(mine), BOB);
    expectEqual(
      healings.map(({ kind }) => kind),
      ['setAside', 'setAside'],
      'a part that is offered, and what stood on it',
    );
    const [offer] = (await log.refused({ limit: 10_000 })).filter(({ id }) => id === first.id);
    expectEqual(offer?.code, 'PARTIAL', 'why');
    await expectRejection(
      log.page(CURSOR_START, { ...limits, visibility: { ...visibility, id: 'a.b' } }),
      'PROGRAMMING_ERROR',
      'an id that no cursor can have',
    );
  },
};

const pushedUnseen: Case = {
  name: 'who may not see what a unit is about is told so, and nothing is kept of it: it may come again',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const [seen, hidden] = [newOriginatorId(), newOriginatorId()];
    const visibility: Visibility = {
      id: 'only-seen',
      isVisible: (unit, index) => unit.events[index]?.originatorId === seen,
    };
    const codesOf = async (units: readonly PendingUnit[], sender = ANN): Promise<readonly string[]> =>
      (await log.push(units, sender, async ({ id }) => (id === bad.id ? NO : undefined), visibility)).decisions.map(
        (decision) => (decision.kind === 'rejected' ? decision.code : decision.kind),
      );
    const bad = sampleUnit([sampleEvent(hidden, 1)]);
    const mine = sampleUnit([sampleEvent(seen, 1)]);
    const both = sampleUnit([sampleEvent(seen, 2), sampleEvent(hidden, 1)], { after: [mine.id, undefined] });
    expectEqual(
      await codesOf([bad, mine, both]),
      ['OUT_OF_SCOPE', 'accepted', 'OUT_OF_SCOPE'],
      'units that are new, of which a part is enough',
    );
    expectEqual(
      (await unitsAfter(log, before)).map(({ id }) => id),
      [mine.id],
      'the log',
    );
    const refused = sampleUnit([sampleEvent(hidden, 1)]);
    await log.push([refused], ANN, async () => NO);
    expectEqual(kindsOf(await log.push([both], ANN)), ['accepted'], 'the same unit, when all is visible');
    const gone = sampleUnit([sampleEvent(hidden, 2)], { after: [both.id] });
    await log.push([gone], ANN);
    const more = Array.from({ length: 3 }, (_, index) =>
      sampleUnit([sampleEvent(newOriginatorId(), 1)], { scopes: [String(index)] }),
    );
    await log.push(more, ANN);
    // In a form that tells otherwise: what counts is what the log has.
    const inAnotherForm = { ...gone, events: [sampleEvent(seen, 3)] };
    expectEqual(
      await codesOf([mine, both, inAnotherForm, refused, ...more]),
      ['accepted', 'accepted', 'OUT_OF_SCOPE', 'NO', 'OUT_OF_SCOPE', 'OUT_OF_SCOPE', 'OUT_OF_SCOPE'],
      'units that are known',
    );
    expectEqual(
      await codesOf([inAnotherForm, sampleUnit([sampleEvent(hidden, 9)], { id: refused.id })], BOB),
      ['FORBIDDEN', 'FORBIDDEN'],
      "somebody else's, of which nothing is told",
    );
    expectEqual(kindsOf(await log.push([gone], ANN)), ['accepted'], 'what is granted again');
    await expectRejection(
      log.push([mine], ANN, undefined, { ...visibility, id: 'a.b' }),
      'PROGRAMMING_ERROR',
      'an id that no cursor can have',
    );
  },
};

const malformed: Case = {
  name: 'malformed units are refused before anything is stored',
  async run({ open }) {
    const log = open(SEALED);
    const head = await log.head();
    const good = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const bad: Readonly<Record<string, Partial<PendingUnit>>> = {
      'no id': { id: 'x' },
      'an id of zeros': { id: '00000000-0000-0000-0000-000000000000' },
      'no events': { events: [], after: [] },
      'an event without a topic': { events: [{ ...sampleEvent(newOriginatorId(), 1), topic: '' }] },
      'a version that is none': { events: [{ ...sampleEvent(newOriginatorId(), 1), originatorVersion: 0.5 }] },
      'too few places': { after: [] },
      'a place that is none': { after: ['x'] },
      'too many scopes': { scopes: Array.from({ length: 21 }, String) },
      'a scope without end': { scopes: ['x'.repeat(201)] },
    };
    for (const [what, part] of Object.entries(bad)) {
      await expectRejection(log.push([good, { ...good, ...part }], ANN), 'PROGRAMMING_ERROR', what);
    }
    for (const limits of [
      { eventsMax: 0, bytesMax: 1 },
      { eventsMax: 1, bytesMax: Number.NaN },
    ]) {
      await expectRejection(log.page(CURSOR_START, limits), 'PROGRAMMING_ERROR', 'a limit that is none');
    }
    const origin = { author: 'ann', recordedAtMs: 1, seal: new Uint8Array(17) };
    for (const part of [{ position: -1 }, { total: 0 }, { origin: { ...origin, recordedAtMs: Number.NaN } }]) {
      const lost = { ...good, position: 1, total: 1, origin, ...part };
      await expectRejection(log.heal([lost], ANN), 'PROGRAMMING_ERROR', 'an offer that is none');
    }
    expectEqual(await log.head(), head, 'the head');
    expectEqual((await log.push([], ANN)).decisions, [], 'no units');
    expectEqual((await log.heal([], ANN)).decisions, [], 'no offers');
  },
};

const atOnce: Case = {
  name: 'of pushes at once each unit is accepted once, and the log has no gaps',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const start = await log.head();
    const id = newOriginatorId();
    const shared = sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)]);
    const outcomes = await Promise.all(
      [ANN, BOB, ANN, BOB].map(async (sender, index) => {
        const hot = sampleUnit([sampleEvent(id, 1)], { isCommutative: index < 2 });
        return await log.push([...(sender === ANN ? [shared] : []), hot], sender);
      }),
    );
    const strict = outcomes.filter(({ conflict }) => conflict !== undefined).length;
    // Of the strict ones, the first of all is accepted, if no commutative one came before.
    expectTrue(strict === 1 || strict === 2, `one aggregate, ${strict} conflicts`);
    const shown = await unitsAfter(log, before);
    let position = start;
    for (const unit of shown) expectEqual(unit.position, (position += unit.total), 'a position');
    const versions = shown.flatMap(({ events }) => events.filter(({ originatorId }) => originatorId === id));
    expectEqual(
      versions.map(({ originatorVersion }) => originatorVersion),
      versions.map((_, index) => index + 1),
      'the versions of one aggregate',
    );
    expectEqual(shown.filter((unit) => unit.id === shared.id).length, 1, 'a unit of several pushes');
  },
};

const historyIsRead: Case = {
  name: 'the history of an aggregate is read by parts, in the order of its versions, by who may see all of it',
  async run({ open }) {
    const log = open();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)]);
    const second = sampleUnit([sampleEvent(b, 2)], { after: [first.id] });
    const third = sampleUnit([sampleEvent(a, 3), sampleEvent(a, 4)], { after: [first.id] });
    await log.push([first, second, third], ANN);
    const read = async (after: number, upTo: number, more: object = {}): Promise<readonly StoredEvent[] | undefined> =>
      await log.history(a, { after, upTo, eventsMax: 100, bytesMax: 100_000, ...more });
    expectEqual(await read(0, 100), sampleEvents(a, 1, 4), 'all of it');
    expectEqual(await read(1, 3), sampleEvents(a, 2, 3), 'a part');
    expectEqual(await read(0, 100, { eventsMax: 1 }), sampleEvents(a, 1, 2), 'at least a unit');
    expectEqual(await read(2, 100, { bytesMax: 1 }), sampleEvents(a, 3, 4), 'the next');
    expectEqual(await read(4, 100), [], 'what is not there yet');
    expectEqual(await log.history(newOriginatorId(), { after: 0, upTo: 1, eventsMax: 1, bytesMax: 1 }), [], 'another');
    const onlyB: Visibility = { id: 'b', isVisible: ({ events }, index) => events[index]?.originatorId === b };
    expectEqual(await read(0, 100, { visibility: onlyB }), [], 'by who may not see it');
    await expectRejection(read(0, 1, { eventsMax: 0 }), 'PROGRAMMING_ERROR', 'no events');
  },
};

/** Cases for a log of units. */
export const unitLogCases: readonly Case[] = [
  acceptedAndShown,
  newsAsPages,
  answeredAgain,
  ofAnotherSubject,
  refusedForGood,
  conflictEndsPush,
  followsInTurn,
  followsAtOnce,
  numberAlone,
  allOrNothing,
  renumbered,
  editionsCount,
  editionsStay,
  beginsNothing,
  pagesEndWithUnits,
  historyIsRead,
  unknownCursors,
  commonPlace,
  strangers,
  refusedThenBeside,
  setBackAndGone,
  healed,
  unfit,
  forged,
  stopped,
  seenInPart,
  pushedUnseen,
  malformed,
  atOnce,
];
