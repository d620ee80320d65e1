/**
 * What a server’s log of units promises to those who send.
 *
 * @module
 */
import { derivedUnitId } from '../../persistence/derived-unit-id.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { PendingUnit } from '../../persistence/unit.js';
import { randomUuid } from '../../util/random-uuid.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { pageOf, readLog, sampleUnit } from './unit-samples.js';
import { ANN, BOB, NOBODY, NO, SEALED, kindsOf, endOf, unitsAfter } from './unit-log-context.js';
import type { Case } from './unit-log-context.js';

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

/** Cases about pushes. */
export const unitPushCases: readonly Case[] = [
  acceptedAndShown,
  answeredAgain,
  ofAnotherSubject,
  refusedForGood,
  conflictEndsPush,
  followsInTurn,
  followsAtOnce,
  numberAlone,
  allOrNothing,
  malformed,
  atOnce,
];
