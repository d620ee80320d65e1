/**
 * What must hold at the end of a run: all replicas and the server have the same log, and everything that was acknowledged
 * is in it, or set aside with a reason, or has nothing to do any more.
 *
 * @module
 */
import { historyDigest } from '../../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { SUPERSEDED } from '../../../src/persistence/unit-recorder.js';
import type { RefusedUnit } from '../../../src/server/log/unit-log.js';
import { readEvent, scopeOf } from '../world/stock.js';
import type { Scope } from '../world/stock.js';
import type { LogAudit, LoggedUnit } from './log-audit.js';
import type { Survey } from './survey.js';
import type { Acknowledged, Witness } from './witness.js';

/** A device as whoever checks it sees it. */
export interface CheckedDevice {
  readonly name: string;
  readonly subject: string;
  /** What its store has, as far as whoever has followed it knows. */
  follow(): Promise<Survey>;
  /** What its store has for a tab that is opened now. */
  openAnew<T>(work: (found: Survey) => Promise<T>): Promise<T>;
  /** What its tabs show. */
  shown(): Promise<readonly { readonly name: string; readonly events: readonly StoredEvent[] }[]>;
}

/** What is compared. */
export interface Parties {
  readonly devices: readonly CheckedDevice[];
  readonly audit: LogAudit;
  readonly witness: Witness;
  readonly offers: () => Promise<readonly RefusedUnit[]>;
  readonly scopesOf: (subject: string) => readonly Scope[];
  /** Whether there are rows that other programs have written, and which are in the log with the next push or page. */
  readonly hasRowsBeside: () => Promise<boolean>;
}

/** Forgives what nobody holds any more: to be called when a storage was thrown away or set back. */
export async function forgive(parties: Parties): Promise<number> {
  let count = 0;
  for await (const [, acknowledged] of unheld(parties)) {
    acknowledged.isForgiven = true;
    count++;
  }
  return count;
}

/** Wishes that were acknowledged, and which nobody holds. */
export async function* unheld(parties: Parties): AsyncGenerator<readonly [intent: string, acknowledged: Acknowledged]> {
  const { audit, witness, devices, offers } = parties;
  await audit.look();
  let missing = [...witness.owed()].filter(([intent]) => !audit.intents.has(intent));
  if (missing.length === 0) return;
  // What was refused when it was pushed is on its device all the same.
  const offered = (await offers()).flatMap(({ kind, unit }) => (kind === 'offered' ? (unit?.events ?? []) : []));
  const aside = new Set(offered.map((event) => readEvent(event).intent));
  missing = missing.filter(([intent]) => !aside.has(intent));
  for (const device of devices) {
    if (missing.length === 0) return;
    const { intents, find } = await device.follow();
    const held = intents();
    missing = missing.filter(([intent]) => !held.has(intent));
    const idle = missing.filter(([, { unit, mayBeIdle }]) => unit !== undefined && mayBeIdle);
    const standings = await find(idle.map(([, { unit }]) => unit as string));
    const withdrawn = new Set(idle.flatMap(([intent], at) => (standings[at]?.state === 'withdrawn' ? [intent] : [])));
    missing = missing.filter(([intent]) => !withdrawn.has(intent));
  }
  yield* missing;
}

/** Units that wait for a person, on a device or at the server, each counted once. */
export async function countDeadLetters({ devices, offers }: Parties): Promise<number> {
  const ids = new Set((await offers()).flatMap(({ unit }) => unit?.id ?? []));
  for (const device of devices) {
    for (const { id } of (await device.follow()).setAside) ids.add(id);
  }
  return ids.size;
}

/** Says of all that is not as it must be. @returns of how many aggregates of devices the first events are not there */
export async function checkAgreement(parties: Parties): Promise<number> {
  const { devices, audit, witness } = parties;
  let bases = 0;
  await audit.look();
  for (const device of devices) {
    await device.openAnew(async (found) => {
      bases += found.bases.size;
      await checkDevice(device, found, parties);
    });
  }
  for await (const [intent, { by }] of unheld(parties)) {
    witness.fail(`${intent} of ${by} was acknowledged, and nobody knows what became of it`);
  }
  return bases;
}

async function checkDevice(device: CheckedDevice, found: Survey, { audit, witness, scopesOf }: Parties): Promise<void> {
  const fail = (problem: string): void => witness.fail(`on ${device.name}: ${problem}`);
  const scopes = scopesOf(device.subject);
  const all = audit.units.flatMap(({ events }) => events.filter((one) => scopes.includes(scopeOf(one.originatorId))));
  const visible = all.filter((event) => isAfter(event, found.bases));
  for (const [id, { version, digest }] of found.bases) {
    const left = all.filter((one) => one.originatorId === id && one.originatorVersion <= version);
    if (left.length !== version || historyDigest(left) !== digest) {
      fail(`of ${id} something else has left than the first ${version} of ${left.length} events`);
    }
  }
  const [here, there] = [byAggregate(found.events), byAggregate(visible)];
  for (const id of new Set([...here.keys(), ...there.keys()])) {
    if (here.get(id) !== there.get(id)) fail(`of ${id} it has\n${here.get(id)}\nand not\n${there.get(id)}`);
  }
  await checkStandings(found, { audit, scopes, fail });
  for (const { id, reason } of found.setAside) {
    if (reason.code === SUPERSEDED) fail(`${id} waits for somebody to decide it again`);
    // No page says so of what may not be seen.
    const logged = audit.ids.get(id);
    if (logged !== undefined && isSeen(logged, scopes)) fail(`${id} is set aside (${reason.code}), and in the log`);
  }
  for (const { name, events } of await device.shown()) {
    if (textOf(events) !== textOf(found.events)) fail(`${name} shows something else than its journal says`);
  }
  const own = [...witness.acknowledged].filter(([, { unit, mayBeIdle }]) => unit !== undefined && !mayBeIdle);
  const standings = await found.find(own.map(([, { unit }]) => unit as string));
  for (const [at, [intent]] of own.entries()) {
    if (standings[at]?.state === 'withdrawn')
      fail(`${intent} was withdrawn, and its command always has something to do`);
  }
}

async function checkStandings(
  { find, progress, bases }: Survey,
  {
    audit,
    scopes,
    fail,
  }: { readonly audit: LogAudit; readonly scopes: readonly Scope[]; readonly fail: (problem: string) => void },
): Promise<void> {
  const { pendingUnits, lostUnits, held } = progress;
  if (pendingUnits + lostUnits + held.length > 0) {
    fail(`${pendingUnits} units are pending, ${lostUnits} lost, ${held.length} places held`);
  }
  const seen = audit.units.filter((unit) => isHere(unit, scopes, bases));
  const standings = await find(seen.map(({ id }) => id));
  for (const [at, { id, position }] of seen.entries()) {
    const standing = standings[at];
    if (standing?.state !== 'confirmed' || standing.position !== position) {
      fail(`${id} is at ${position} in the log, and ${standing?.state ?? 'unknown'} at ${standing?.position ?? 0}`);
    }
  }
}

/** Whether who has those scopes sees something of a unit. */
function isSeen({ scopes: seenIn }: LoggedUnit, scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => seenIn.has(scope));
}

/** Whether something of a unit is on a device: of what it sees, and has not let go. */
export function isHere(unit: LoggedUnit, scopes: readonly Scope[], bases: Survey['bases']): boolean {
  if (bases.size === 0) return isSeen(unit, scopes);
  return unit.events.some((event) => scopes.includes(scopeOf(event.originatorId)) && isAfter(event, bases));
}

function isAfter({ originatorId, originatorVersion }: StoredEvent, bases: Survey['bases']): boolean {
  return originatorVersion > (bases.get(originatorId)?.version ?? 0);
}

/** What there is of each aggregate, in the order of its versions. */
function byAggregate(events: readonly StoredEvent[]): ReadonlyMap<string, string> {
  const found = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const some = found.get(event.originatorId) ?? [];
    found.set(event.originatorId, some);
    some.push(event);
  }
  return new Map(
    [...found].map(([id, some]) => [
      id,
      textOf(some.sort((one, other) => one.originatorVersion - other.originatorVersion)),
    ]),
  );
}

function textOf(events: readonly StoredEvent[]): string {
  return events
    .map((event) => `${event.originatorVersion} ${event.topic} ${Buffer.from(event.state).toString()}`)
    .join('\n');
}
