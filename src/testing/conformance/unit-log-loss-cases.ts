/**
 * What a server’s log of units does about what others insert beside it, and about what it has lost.
 *
 * @module
 */
import { derivedUnitId } from '../../persistence/derived-unit-id.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { ConfirmedUnit, PendingUnit } from '../../persistence/unit.js';
import type { StoredUnitLog } from '../../server/log/stored-unit-log.js';
import { randomUuid } from '../../util/random-uuid.js';
import { expectEqual, expectTrue } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { asLost, readLog, sampleUnit } from './unit-samples.js';
import { ANN, BOB, KEY, SEALED, kindsOf, endOf, unitsAfter } from './unit-log-context.js';
import type { Case } from './unit-log-context.js';

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

/** Cases about others’ events, and about healing. */
export const unitLossCases: readonly Case[] = [
  strangers,
  refusedThenBeside,
  setBackAndGone,
  healed,
  unfit,
  forged,
  stopped,
];
