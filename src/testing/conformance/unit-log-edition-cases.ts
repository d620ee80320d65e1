/**
 * What a server’s log of units promises about editions, and what it renumbers.
 *
 * @module
 */
import { derivedEdition } from '../../persistence/unit-edition.js';
import { randomUuid } from '../../util/random-uuid.js';
import { expectEqual, expectRejection } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { sampleUnit } from './unit-samples.js';
import { ANN, BOB, kindsOf, endOf, unitsAfter } from './unit-log-context.js';
import type { Case } from './unit-log-context.js';

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

/** Cases about editions. */
export const unitEditionCases: readonly Case[] = [renumbered, editionsCount, editionsStay, beginsNothing];
