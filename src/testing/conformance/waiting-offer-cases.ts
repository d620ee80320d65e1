/**
 * What a server's log of units promises of what it has lost, is offered, and cannot take back yet: in every layout of its
 * tables.
 *
 * @module
 */
import type { ConfirmedUnit, LostUnit, PendingUnit, UnitId } from '../../persistence/unit.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { StoredUnitLog, UnitLogOptions } from '../../server/log/stored-unit-log.js';
import type { Sender } from '../../server/log/unit-log.js';
import { expectEqual, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { asLost, readLog, sampleUnit } from './unit-samples.js';
import type { UnitLogContext } from './unit-log-cases.js';

type Case = ConformanceCase<UnitLogContext>;

const ANN: Sender = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const SEALED: UnitLogOptions = { seals: { keys: [new Uint8Array(32).fill(7)] } };
const ALL = { eventsMax: 100_000, bytesMax: 100_000_000 };

/** A log that has had these units, and is set back to before them. */
async function lostBy(
  { open, backup }: UnitLogContext,
  ...units: readonly PendingUnit[]
): Promise<{ readonly log: StoredUnitLog; readonly restore: () => Promise<void>; readonly lost: readonly LostUnit[] }> {
  const log = open(SEALED);
  const restore = await backup();
  await log.push(units, ANN);
  const lost = asLost((await readLog(log)).units).slice(-units.length);
  expectEqual(
    lost.map(({ id }) => id),
    units.map(({ id }) => id),
    'what the log had',
  );
  await restore();
  return { log, restore, lost };
}

/** Five units: each stands on the one before it, but for the last. */
function chainOfUnits(): readonly [PendingUnit, PendingUnit, PendingUnit, PendingUnit, PendingUnit] {
  const [a, b] = [newOriginatorId(), newOriginatorId()];
  const first = sampleUnit([sampleEvent(a, 1)]);
  const second = sampleUnit([sampleEvent(a, 2)], { after: [first.id] });
  const third = sampleUnit([sampleEvent(a, 3), sampleEvent(b, 1)], { after: [second.id, undefined] });
  const fourth = sampleUnit([sampleEvent(b, 2)], { after: [third.id] });
  return [first, second, third, fourth, sampleUnit([sampleEvent(newOriginatorId(), 1)])];
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.filter((_, at) => at !== index)).map((rest) => [item, ...rest]),
  );
}

const inWhateverOrder: Case = {
  name: 'what three devices hold parts of comes back by itself, in whatever order they offer them',
  async run(context) {
    const units = chainOfUnits();
    const ids = units.map(({ id }) => id);
    const { log, restore, lost } = await lostBy(context, ...units);
    const held = [[lost[3]], [lost[1], lost[4]], [lost[0], lost[2]]] as LostUnit[][];
    for (const order of permutations([0, 1, 2])) {
      for (const device of order) {
        const { decisions } = await log.heal(held[device] as LostUnit[], { ...ANN, subject: `device ${device}` });
        expectTrue(
          decisions.every(({ kind }) => kind === 'restored' || kind === 'setAside'),
          'each is taken back, or kept',
        );
      }
      const back = (await readLog(log)).units.filter(({ id }) => ids.includes(id));
      // The order of what stands on one another, which is that of the log as it was.
      expectEqual(
        back.map(({ id }) => id).filter((id) => id !== ids[4]),
        ids.slice(0, 4),
        `after ${order.join()}`,
      );
      expectEqual(content(back.slice().sort(byId)), content(lost.slice().sort(byId)), 'as it was');
      expectEqual(await asideOf(log, ids), [], 'what is left for an operator');
      await restore();
    }
  },
};

const byAnyWay: Case = {
  name: 'what an offer waited for may come by a push, or beside the log',
  async run(context) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const pushed = sampleUnit([sampleEvent(a, 1)]);
    const onPushed = sampleUnit([sampleEvent(a, 2)], { after: [pushed.id] });
    const onThat = sampleUnit([sampleEvent(a, 3)], { after: [onPushed.id] });
    const { log, restore, lost } = await lostBy(context, pushed, onPushed, onThat);
    for (const offer of [lost.slice(1), lost.slice(1).reverse()]) {
      for (const one of offer) await log.heal([one], ANN);
      expectEqual(await idsOf(log, [pushed, onPushed, onThat]), [], 'it waits');
      await context.open(SEALED).push([pushed], ANN);
      expectEqual(await idsOf(log, [pushed, onPushed, onThat]), [pushed.id, onPushed.id, onThat.id], 'by a push');
      await restore();
    }
    await context.insertBeside([sampleEvent(b, 1)]);
    const [beside] = (await readLog(log)).units.slice(-1) as [ConfirmedUnit];
    const onBeside = sampleUnit([sampleEvent(b, 2)], { after: [beside.id] });
    await log.push([onBeside], ANN);
    const offer = asLost((await readLog(log)).units).slice(-1);
    await restore();
    expectEqual((await log.heal(offer, ANN)).decisions[0]?.kind, 'setAside', 'it waits for a row');
    await context.insertBeside([sampleEvent(b, 1)]);
    expectEqual(await idsOf(log, [onBeside]), [onBeside.id], 'by a row beside the log');
    expectEqual(await asideOf(log, [onBeside.id]), [], 'nothing is left');
  },
};

const placesAreTaken: Case = {
  name: 'what has lost its place waits for an operator, and is not tried for nothing',
  async run(context) {
    const units = chainOfUnits();
    const [first, second, third] = units;
    const { log, lost } = await lostBy(context, ...units.slice(0, 4));
    expectEqual(
      (await log.heal(lost.slice(1), ANN)).decisions.map(({ kind }) => kind),
      Array(3).fill('setAside'),
      'it waits',
    );
    const other = sampleUnit([sampleEvent((first.events[0] as { readonly originatorId: string }).originatorId, 1)]);
    await log.push([other], ANN);
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    const ids = units.slice(0, 4).map(({ id }) => id);
    expectEqual(await idsOf(log, units.slice(0, 4)), [], 'nothing fits');
    expectEqual((await asideOf(log, ids)).length, 3, 'what an operator reads');
    expectEqual(
      (await log.heal(lost, ANN)).decisions.map(({ kind }) => kind),
      Array(4).fill('setAside'),
      'all of it',
    );
    expectEqual(await log.discardRefused([second.id]), [second.id], 'taken out');
    expectEqual((await asideOf(log, ids)).length, 3, 'the rest');
    expectEqual(await asideOf(log, [third.id]), [['CONFLICT', 2]], 'and why');
  },
};

const partsAddUp: Case = {
  name: 'parts of a unit that devices saw add up to it, in whatever order they come, and what stands on it follows',
  async run(context) {
    const { open, backup } = context;
    const [north, south, west] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = open(SEALED);
    const restore = await backup();
    const shared = sampleUnit(
      [
        sampleEvent(south, 1),
        sampleEvent(north, 1),
        sampleEvent(south, 2),
        sampleEvent(west, 1),
        sampleEvent(north, 2),
      ],
      { scopes: ['x'] },
    );
    const onNorth = sampleUnit([sampleEvent(north, 3)], { after: [shared.id] });
    const onSouth = sampleUnit([sampleEvent(south, 3)], { after: [shared.id] });
    await log.push([shared, onNorth, onSouth], ANN);
    const units = [shared, onNorth, onSouth];
    const whole = (await readLog(log)).units.slice(-3);
    const seen = async (...aggregates: readonly string[]): Promise<LostUnit[]> => {
      const visibility = {
        id: `v${aggregates.length}${aggregates[0]}`,
        isVisible: ({ events }: ConfirmedUnit, index: number): boolean =>
          aggregates.includes(events[index]?.originatorId ?? ''),
      };
      const page = await log.page(CURSOR_START, { ...ALL, visibility });
      return asLost(page?.units ?? []).slice(-(aggregates.length === 2 ? 3 : 2));
    };
    const parts = [await seen(north, west), await seen(south, west), await seen(west)];
    await restore();
    const held = parts.map((some) => some.filter(({ id }) => units.some((unit) => unit.id === id)));
    for (const order of permutations([0, 1, 2])) {
      const [once, twice] = order as [number, number];
      // What is offered twice is one part.
      for (const device of [once, once, twice, order[2] as number]) await log.heal(held[device] as LostUnit[], ANN);
      const back = (await readLog(log)).units.filter(({ id }) => units.some((unit) => unit.id === id));
      expectEqual(content(back.slice().sort(byId)), content(whole.slice().sort(byId)), `after ${order.join()}`);
      expectEqual(back[0]?.id, shared.id, 'what the others stand on is first');
      expectEqual(
        await asideOf(
          log,
          units.map(({ id }) => id),
        ),
        [],
        'nothing is left',
      );
      await restore();
    }
    const [part] = held[0] as [LostUnit];
    const seal = Uint8Array.from(part.origin.seal, (byte, index) => (index === 17 ? byte ^ 3 : byte));
    const forged = { ...part, origin: { ...part.origin, seal } };
    expectEqual((await log.heal([forged], ANN)).decisions[0]?.kind, 'refused', 'a part that says it is another one');
    const cut = { ...part, origin: { ...part.origin, seal: part.origin.seal.slice(0, 17) } };
    expectEqual((await log.heal([cut], ANN)).decisions[0]?.kind, 'refused', 'a part that says nothing');
  },
};

const longChains: Case = {
  name: 'a long history that waited for one unit comes back with it, all of it',
  async run(context) {
    const a = newOriginatorId();
    const units: PendingUnit[] = [];
    for (let version = 1; version <= 450; version++) {
      const after = [units.at(-1)?.id];
      units.push(sampleUnit([sampleEvent(a, version)], { after }));
    }
    const { log, lost } = await lostBy(context, ...units);
    await log.heal(lost.slice(1), ANN);
    expectEqual((await idsOf(log, units)).length, 0, 'it waits');
    expectEqual((await log.heal(lost.slice(0, 1), ANN)).decisions[0]?.kind, 'restored', 'the first');
    const ids = units.map(({ id }) => id);
    expectEqual(await idsOf(log, units), ids, 'and all the others');
    expectEqual(await asideOf(log, ids), [], 'nothing is left');
  },
};

/** The promises of a log of units about what it has lost and cannot take back yet. */
export const waitingOfferCases: readonly Case[] = [inWhateverOrder, byAnyWay, placesAreTaken, partsAddUp, longChains];

async function idsOf(log: StoredUnitLog, units: readonly PendingUnit[]): Promise<readonly UnitId[]> {
  const ids = new Set(units.map(({ id }) => id));
  return (await readLog(log, CURSOR_START, ALL)).units.flatMap(({ id }) => (ids.has(id) ? [id] : []));
}

/** Of some, what an operator reads: why, and how many events there are. */
async function asideOf(log: StoredUnitLog, ids: readonly UnitId[]): Promise<readonly (readonly [string, number])[]> {
  const found = (await log.refused({ limit: 10_000 })).filter(({ id }) => ids.includes(id));
  return found.map(({ code, unit }) => [code, unit?.events.length ?? 0]);
}

function content(units: readonly ConfirmedUnit[]): object[] {
  return units.map(({ id, edition, events, scopes, total, isCommutative, origin: { author, recordedAtMs } }) => ({
    ...{ id, edition, events, scopes, total, isCommutative, author, recordedAtMs },
  }));
}

function byId(one: ConfirmedUnit, other: ConfirmedUnit): number {
  return one.id < other.id ? -1 : 1;
}
