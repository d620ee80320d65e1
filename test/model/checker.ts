/**
 * What must hold at the end of a run.
 *
 * @module
 */
import { AGGREGATES, deltaOf, intentOf, OLD_AGGREGATE, REFUSED_INTENT, scopeOf, stockAfter } from './domain.js';
import { pendingUnits, SUPERSEDED } from './device-state.js';
import type { ModelDevice } from './model-device.js';
import type { LoggedUnit, ModelLog } from './model-log.js';
import { headOf } from './model-log.js';
import { heldIntents, TENANTS } from './held-intents.js';
import { comesBack } from './server-rules.js';
import type { PlacedEvent } from './unit-types.js';
import type { World } from './world.js';

import { said } from './witness.js';

/** @returns what is wrong, if something is */
export function check(world: World): string | undefined {
  for (const problem of problems(world)) return problem;
  return undefined;
}

function* problems(world: World): Generator<string> {
  for (const tenant of TENANTS) {
    const log = world.server.log(tenant);
    yield* orderProblems(log);
    yield* onceProblems(log);
    yield* decisionProblems(world, log);
    yield* asideProblems(world, log);
  }
  for (const device of world.devices) yield* deviceProblems(world, device);
  yield* lossProblems(world);
}

/** One order, without holes, the same for everybody. */
function* orderProblems({ tenant, units, loose }: ModelLog): Generator<string> {
  if (loose.length > 0) yield `${tenant}: ${loose.length} rows were never adopted`;
  let position = 0;
  for (const unit of units) {
    if (unit.position < position + unit.events.length) yield `${tenant}: ${unit.id} stands within the unit before it`;
    position = unit.position;
  }
  for (const aggregate of [...AGGREGATES, OLD_AGGREGATE]) {
    let version = 0;
    let stock = 0;
    for (const event of eventsOf(units, aggregate)) {
      if (version === 0 && deltaOf(event.payload) !== 0 && aggregate !== OLD_AGGREGATE) {
        yield `${tenant}: ${aggregate} begins with what follows on something`;
      }
      if (event.version !== ++version) yield `${tenant}: ${aggregate} ${event.version} after ${version - 1}`;
      stock = stockAfter(stock, event.payload);
      if (stock < 0) yield `${tenant}: the stock of ${aggregate} is below zero at ${version}`;
    }
  }
}

/** I1. */
function* onceProblems({ tenant, units }: ModelLog): Generator<string> {
  const ids = new Set<string>();
  const unitOf = new Map<string, string>();
  for (const { id, events } of units) {
    if (ids.has(id)) yield `${tenant}: ${id} is there twice`;
    ids.add(id);
    for (const { payload } of events) {
      const intent = intentOf(payload);
      const before = unitOf.get(intent) ?? id;
      if (before !== id) yield `${tenant}: ${intent} is there twice, as ${before} and ${id}`;
      unitOf.set(intent, id);
    }
  }
}

/** I6, and that everything is what was accepted. */
function* decisionProblems({ witness }: World, { tenant, units }: ModelLog): Generator<string> {
  const payloads = new Map<string, string[]>();
  for (const { edition, isCommutative, events } of units) {
    const accepted = witness.acceptedAs(tenant, edition);
    if (accepted === undefined) yield `${tenant}: nobody has pushed ${edition}`;
    else if (said(accepted.events) !== said(events)) yield `${tenant}: ${edition} is not what was pushed`;
    const first = new Set(events.map(({ aggregate }) => aggregate));
    for (const { aggregate, payload } of events) {
      const before = payloads.get(aggregate) ?? [];
      const decidedOn = witness.decidedOn(edition, aggregate);
      if (first.delete(aggregate) && !isCommutative && decidedOn !== undefined && decidedOn !== before.join()) {
        yield `${tenant}: ${edition} was decided on another ${aggregate} than the one that it stands on`;
      }
      payloads.set(aggregate, [...before, payload]);
    }
  }
}

function* asideProblems({ server, witness }: World, log: ModelLog): Generator<string> {
  const { tenant, aside, known, units } = log;
  const there = new Set(units.flatMap(({ events }) => events.map(placeOf)));
  for (const unit of aside.values()) {
    if (known.has(unit.id)) yield `${tenant}: ${unit.id} is set aside, and known`;
    if (comesBack(log, unit, server.rules)) yield `${tenant}: ${unit.id} is set aside, and would fit`;
    if (unit.events.every((event) => there.has(placeOf(event)))) yield `${tenant}: ${unit.id} is set aside, and there`;
    const accepted = witness.acceptedAs(tenant, unit.edition);
    const part = accepted?.events.filter(({ index }) => unit.events.some((event) => event.index === index)) ?? [];
    if (said(part) !== said(unit.events)) yield `${tenant}: ${unit.edition} is set aside, and was never accepted`;
  }
}

/** Every device has what it may see, and nothing else but what is its own. */
function* deviceProblems(world: World, device: ModelDevice): Generator<string> {
  const { name, state, tenant, subject } = device;
  const log = world.server.log(tenant);
  const scopes = world.server.scopesOf(subject);
  if (state.rewinds > 0 && !world.restoredAt.has(tenant)) yield `${name} went back in a log that was never set back`;
  const isSeen = ({ aggregate }: PlacedEvent): boolean => scopes.includes(scopeOf(aggregate));
  const maySee = (event: PlacedEvent): boolean =>
    isSeen(event) && event.version > (state.bases.get(event.aggregate)?.version ?? 0);
  for (const [aggregate, { version, edition, payloads }] of state.bases) {
    const first = eventsOf(log.units, aggregate).slice(0, version);
    const last = log.units.find(({ events }) => events.some((event) => event === first.at(-1)));
    const isThere = payloads.length === version && first.map(({ payload }) => payload).join() === payloads.join();
    if (!isThere || last?.edition !== edition) yield `${name} has a base of ${aggregate} ${version} that is of no log`;
  }
  const pending = pendingUnits(state);
  if (pending.length > 0) yield `${name}: ${pending.length} units are still pending`;
  if (state.cursor.hash !== headOf(log).hash) yield `${name} has not come to the end of the log`;
  const line = (position: number, edition: string, events: readonly PlacedEvent[]): string =>
    events.length === 0 ? '' : `${position} ${edition} ${said(events)}`;
  const shown = log.units.map(({ position, edition, events }) => line(position, edition, events.filter(maySee)));
  const held = [...state.units.values()].map(({ position, edition, events }) => line(position, edition, events));
  const missing =
    shown.find((text) => text !== '' && !held.includes(text)) ?? held.find((text) => !shown.includes(text));
  if (missing !== undefined) yield `${name} and the server differ in ${missing}`;
  const there = new Set(log.units.flatMap(({ events }) => events.map(placeOf)));
  for (const { unit, code } of state.aside.values()) {
    if (code === SUPERSEDED) yield `${name}: ${unit.id} waits for ever to be decided again`;
    if (unit.events.every((event) => there.has(placeOf(event))) && !log.known.has(unit.id)) {
      yield `${name}: ${unit.id} is set aside, and there under another id`;
    }
    const known = log.known.get(unit.id);
    const isAccepted = known?.kind === 'accepted';
    if (isAccepted && known.unit.events.some(isSeen)) yield `${name}: ${unit.id} is set aside, and in the log`;
    const confirmed = world.confirmedBy.get(device);
    if (isAccepted && confirmed?.rewinds === state.rewinds && confirmed.ids.has(unit.id)) {
      yield `${name} keeps ${unit.id}, which was confirmed, and is none of its business any more`;
    }
    // In this edition, or in one that another copy of the device has sent.
    const isRefused = REFUSED_INTENT.test(unit.intent);
    const isWrong = code === 'FORBIDDEN_AMOUNT' ? !isRefused : code === 'CONFLICT_REFUSED' || code === 'ID_TAKEN';
    if (isWrong) yield `${name}: ${unit.id} was refused as ${code}`;
  }
}

/** I5, I7. What an operator has to look after is with whoever recorded it, too. */
function* lossProblems(world: World): Generator<string> {
  const held = new Set(heldIntents(world));
  for (const device of world.devices) {
    if (world.disturbed.has(device.name) || world.disturbed.has(device.subject)) continue;
    const own = new Set(heldIntents({ server: world.server, devices: [device] }, { withAside: false }));
    for (const [intent, { tenant, by, isGone, isForgiven, isTruncated }] of world.witness.acknowledged) {
      if (by !== device.name || isGone || isForgiven || isTruncated || own.has(`${tenant}|${intent}`)) continue;
      yield `${intent} is neither in the log nor on ${by}, which has recorded it`;
    }
  }
  for (const [intent, { tenant, by, isGone, isForgiven }] of world.witness.acknowledged) {
    if (isGone || isForgiven || held.has(`${tenant}|${intent}`)) continue;
    yield `${intent} of ${by} was acknowledged, and nobody knows what became of it`;
  }
}

function eventsOf(units: readonly LoggedUnit[], aggregate: string): PlacedEvent[] {
  return units.flatMap(({ events }) => events.filter((event) => event.aggregate === aggregate));
}

function placeOf({ aggregate, version, payload }: PlacedEvent): string {
  return `${aggregate},${version},${payload}`;
}
