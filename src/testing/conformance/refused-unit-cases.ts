/**
 * What a server's log keeps for its operators of units that did not come into it, in every layout of its tables.
 *
 * @module
 */
import type { PendingUnit, UnitId } from '../../persistence/unit.js';
import type { StoredUnitLog, UnitLogOptions } from '../../server/log/stored-unit-log.js';
import type { RefusedUnit, Sender } from '../../server/log/unit-log.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import type { UnitLogContext } from './unit-log-cases.js';
import { asLost, readLog, sampleUnit } from './unit-samples.js';

type Case = ConformanceCase<UnitLogContext>;

const ANN: Sender = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const BOB: Sender = { subject: 'bob', replicaId: '00000000-0000-4000-8000-00000000000b' };
const NO = { code: 'STAFF_ONLY', message: 'Only staff may write that.' };
const AT_MS = 1_764_000_000_000;
const SEALED: UnitLogOptions = { seals: { keys: [new Uint8Array(32).fill(7)] }, clock: { nowMs: () => AT_MS } };

const refuse = async (): Promise<typeof NO> => NO;
const newUnit = (stateBytes = 10): PendingUnit => {
  const event = sampleEvent(newOriginatorId(), 1);
  return sampleUnit([{ ...event, state: new Uint8Array(stateBytes).fill(1) }], { scopes: ['north'] });
};

async function listed(log: StoredUnitLog, units: readonly { readonly id: UnitId }[]): Promise<readonly RefusedUnit[]> {
  const mine = new Set(units.map(({ id }) => id));
  return (await log.refused({ limit: 10_000 })).filter(({ id }) => mine.has(id));
}

const readable: Case = {
  name: 'an operator reads what was refused: the unit, who sent it, when, and why; page by page, and by its id',
  async run({ open }) {
    const log = open(SEALED);
    const units = [newUnit(), newUnit(), newUnit()];
    await log.push(units.slice(0, 2), ANN, refuse);
    await log.push(units.slice(2), BOB, refuse);
    const byId = [...units].sort((one, other) => (one.id < other.id ? -1 : 1));
    const found = await listed(log, units);
    expectEqual(
      found,
      byId.map((unit): RefusedUnit => {
        const { subject, replicaId } = unit === units[2] ? BOB : ANN;
        return { id: unit.id, kind: 'rejected', unit, ...NO, subject, replicaId, atMs: AT_MS };
      }),
      'the list',
    );
    const all = await log.refused({ limit: 10_000 });
    const paged: RefusedUnit[] = [];
    for (let after: UnitId | undefined; ;) {
      const [next] = await log.refused({ limit: 1, ...(after === undefined ? {} : { after }) });
      if (next === undefined) break;
      paged.push(next);
      after = next.id;
    }
    expectEqual(paged, all, 'one by one');
    expectEqual(
      await log.findRefused(units[0]?.id as UnitId),
      found.find(({ id }) => id === units[0]?.id),
      'by id',
    );
    expectEqual(await log.findRefused(newUnit().id), undefined, 'one that is not there');
    await expectRejection(log.refused({ limit: 0 }), 'PROGRAMMING_ERROR', 'a limit that is none');
  },
};

const nothingForOthers: Case = {
  name: 'nothing is kept of what another subject has sent, nor of what its sender may not see',
  async run({ open }) {
    const log = open(SEALED);
    const [taken, refused, unseen] = [newUnit(), newUnit(), newUnit()];
    await log.push([taken], ANN);
    await log.push([refused], ANN, refuse);
    const before = await listed(log, [taken, refused, unseen]);
    const inAnotherForm = { ...refused, events: newUnit().events };
    const { decisions } = await log.push([taken, inAnotherForm], BOB, refuse);
    expectEqual(
      decisions.map((decision) => decision.kind === 'rejected' && decision.code),
      ['FORBIDDEN', 'FORBIDDEN'],
      'what Bob is told',
    );
    await log.push([unseen], BOB, undefined, { id: 'nothing', isVisible: () => false });
    expectEqual(await listed(log, [taken, refused, unseen]), before, 'the list');
    expectEqual(before[0]?.unit, refused, 'what Ann has sent');
  },
};

const allowed: Case = {
  name: 'what was refused and is allowed is not known any more: whoever sends it is asked about, and it is taken once',
  async run({ open }) {
    const log = open(SEALED);
    const units = [newUnit(), newUnit()] as const;
    await log.push(units, ANN, refuse);
    const head = await log.head();
    expectEqual(
      await log.allow([units[0].id, newUnit().id]),
      [{ id: units[0].id, outcome: 'forgotten' }],
      'what came of it',
    );
    expectEqual(await log.head(), head, 'nothing is recorded');
    expectEqual(
      (await listed(log, units)).map(({ id }) => id),
      [units[1].id],
      'the list',
    );
    const again = await log.push([units[0]], ANN, refuse);
    expectEqual(again.decisions[0]?.kind, 'rejected', 'who says no says so again');
    await log.allow([units[0].id]);
    const kinds = [];
    for (let times = 0; times < 2; times++) kinds.push(...(await log.push(units, ANN)).decisions);
    expectEqual(
      kinds.map(({ kind }) => kind),
      ['accepted', 'rejected', 'accepted', 'rejected'],
      'what the sender is told',
    );
    const there = (await readLog(log)).units.filter(({ id }) => units.some((unit) => unit.id === id));
    expectEqual(
      there.map(({ id }) => id),
      [units[0].id],
      'what is in the log',
    );
    expectEqual((await listed(log, units)).length, 1, 'the list at the end');
  },
};

const discarded: Case = {
  name: 'what is discarded leaves the list, and stays refused',
  async run({ open }) {
    const log = open(SEALED);
    const units = [newUnit(), newUnit()] as const;
    await log.push(units, ANN, refuse);
    expectEqual(await log.discardRefused([units[0].id, newUnit().id]), [units[0].id], 'what was there');
    expectEqual(
      (await listed(log, units)).map(({ id }) => id),
      [units[1].id],
      'the list',
    );
    expectEqual(await log.findRefused(units[0].id), undefined, 'it is gone');
    const [decision] = (await log.push(units, ANN)).decisions;
    expectEqual(decision, { id: units[0].id, kind: 'rejected', ...NO }, 'what the sender is told');
    expectEqual(await log.discardRefused([]), [], 'of nothing');
  },
};

const bounded: Case = {
  name: 'a unit that is too large is in the list without its events; of many the oldest lose theirs; what is too old leaves it',
  async run({ open }) {
    let nowMs = AT_MS;
    const clock = { nowMs: () => nowMs };
    const log = open({ ...SEALED, clock, refused: { unitBytesMax: 1_000, bytesMax: 2_500, keptMs: 10_000_000 } });
    const large = newUnit(2_000);
    const units = Array.from({ length: 5 }, () => newUnit(900));
    await log.push([large], ANN, refuse);
    for (const unit of units) {
      nowMs += 3_600_001;
      await log.push([unit], ANN, refuse);
    }
    const found = new Map((await listed(log, [large, ...units])).map((entry) => [entry.id, entry]));
    expectEqual(found.has(large.id), false, 'what is too old');
    expectEqual(
      units.map(({ id }) => [found.has(id), found.get(id)?.unit !== undefined]),
      [
        [false, false],
        [false, false],
        [true, false],
        [true, true],
        [true, true],
      ],
      'what is kept of each',
    );
    expectEqual(found.get(units[2]?.id ?? '')?.message, NO.message, 'the reason is there');
    const newest = newUnit(2_000);
    await log.push([newest], ANN, refuse);
    const [entry] = await listed(log, [newest]);
    expectEqual([entry?.unit, entry?.code], [undefined, NO.code], 'one that is too large');
    const [decision] = (await log.push([large], ANN)).decisions;
    expectEqual(decision, { id: large.id, kind: 'rejected', ...NO }, 'the reason is kept for ever');
  },
};

const takenBack: Case = {
  name: 'what was lost and set aside is in the list too, is taken back when it is allowed and fits, and can be discarded',
  async run({ open, backup }) {
    const log = open(SEALED);
    const setBack = await backup();
    const id = newOriginatorId();
    const first = sampleUnit([sampleEvent(id, 1)]);
    const second = sampleUnit([sampleEvent(id, 2)], { after: [first.id] });
    const other = newUnit();
    await log.push([first, second, other], ANN);
    const units = [first, second, other];
    const shown = (await readLog(log)).units.filter((unit) => units.some((one) => one.id === unit.id));
    await setBack();
    const stopping = open({ ...SEALED, onLost: 'stop' });
    const lost = asLost(shown);
    await stopping.heal(lost, BOB);
    const entries = await listed(stopping, units);
    expectEqual(
      entries.map(({ kind, code, subject }) => [kind, code, subject]),
      entries.map(() => ['offered', 'STOPPED', 'bob']),
      'the list',
    );
    expectEqual(entries.length, 3, 'all of them');
    expectEqual(
      await stopping.allow([second.id]),
      [{ id: second.id, outcome: 'unfit' }],
      'what it stood on is not there',
    );
    const outcomes = await stopping.allow([second.id, first.id]);
    expectEqual(
      outcomes.map(({ outcome }) => outcome),
      ['restored', 'restored'],
      'both',
    );
    expectEqual(await stopping.discardRefused([other.id]), [other.id], 'the third is discarded');
    expectEqual(await listed(stopping, units), [], 'the list at the end');
    const there = (await readLog(log)).units.filter((unit) => units.some((one) => one.id === unit.id));
    expectEqual(
      there.map((unit) => [unit.id, unit.origin.author]),
      [
        [first.id, 'ann'],
        [second.id, 'ann'],
      ],
      'what is in the log, and whose it is',
    );
    expectTrue((await stopping.heal(lost.slice(0, 1), BOB)).decisions[0]?.kind === 'known', 'it is known');
  },
};

/** The promises of a log of units to its operators, to be run on every layout. */
export const refusedUnitCases: readonly Case[] = [readable, nothingForOthers, allowed, discarded, bounded, takenBack];
