/**
 * What must hold at the end of a run: all replicas and the server have the same log, and everything that was acknowledged
 * is in it, or set aside with a reason, or has nothing to do any more.
 *
 * @module
 */
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { SUPERSEDED } from '../../../src/persistence/unit-recorder.js';
import type { RefusedUnit } from '../../../src/server/log/unit-log.js';
import type { SimDevice } from '../world/sim-device.js';
import { readEvent, scopeOf } from '../world/stock.js';
import type { Scope } from '../world/stock.js';
import type { LogAudit, LoggedUnit } from './log-audit.js';
import { survey, surveyOf } from './survey.js';
import type { Survey } from './survey.js';
import type { Acknowledged, Witness } from './witness.js';

/** What is compared. */
export interface Parties {
  readonly devices: readonly SimDevice[];
  readonly audit: LogAudit;
  readonly witness: Witness;
  readonly offers: () => Promise<readonly RefusedUnit[]>;
  readonly scopesOf: (subject: string) => readonly Scope[];
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
  const isWithdrawn = ({ unit, mayBeIdle }: Acknowledged): boolean => mayBeIdle && witness.withdrawn.has(unit ?? '');
  let missing = [...witness.owed()].filter(([intent, one]) => !audit.intents.has(intent) && !isWithdrawn(one));
  if (missing.length === 0) return;
  // What was refused when it was pushed is on its device all the same.
  const offered = (await offers()).flatMap(({ kind, unit }) => (kind === 'offered' ? (unit?.events ?? []) : []));
  const aside = new Set(offered.map((event) => readEvent(event).intent));
  missing = missing.filter(([intent]) => !aside.has(intent));
  for (const { storage } of devices) {
    if (missing.length === 0) return;
    missing = await survey(storage.journal, async ({ intents, find }) => {
      const left = missing.filter(([intent]) => !intents.has(intent));
      const named = left.filter(([, { unit, mayBeIdle }]) => unit !== undefined && mayBeIdle);
      const standings = await find(named.map(([, { unit }]) => unit as string));
      const known = new Set(named.flatMap(([intent], at) => (standings[at]?.state === 'withdrawn' ? [intent] : [])));
      return left.filter(([intent]) => !known.has(intent));
    });
  }
  yield* missing;
}

/** Says of all that is not as it must be. */
export async function checkAgreement(parties: Parties): Promise<void> {
  const { devices, audit, witness } = parties;
  await audit.look();
  for (const device of devices) {
    await survey(device.storage.journal, (found) => checkDevice(device, found, parties));
  }
  for await (const [intent, { by }] of unheld(parties)) {
    witness.fail(`${intent} of ${by} was acknowledged, and nobody knows what became of it`);
  }
}

async function checkDevice(device: SimDevice, found: Survey, { audit, witness, scopesOf }: Parties): Promise<void> {
  const fail = (problem: string): void => witness.fail(`on ${device.name}: ${problem}`);
  const scopes = scopesOf(device.subject);
  const visible = audit.units.flatMap(({ events }) =>
    events.filter((one) => scopes.includes(scopeOf(one.originatorId))),
  );
  const [here, there] = [byAggregate(found.events), byAggregate(visible)];
  for (const id of new Set([...here.keys(), ...there.keys()])) {
    if (here.get(id) !== there.get(id)) fail(`of ${id} it has\n${here.get(id)}\nand not\n${there.get(id)}`);
  }
  await checkStandings(device, found, { audit, scopes, fail });
  for (const { id, reason } of found.setAside) {
    if (reason.code === SUPERSEDED) fail(`${id} waits for somebody to decide it again`);
    // No page says so of what may not be seen.
    const logged = audit.ids.get(id);
    if (logged !== undefined && isSeen(logged, scopes)) fail(`${id} is set aside (${reason.code}), and in the log`);
  }
  for (const tab of device.usable) {
    const { events } = await surveyOf(tab.recorder);
    if (textOf(events) !== textOf(found.events)) fail(`${tab.process.name} shows something else than its journal says`);
  }
  const own = [...witness.acknowledged].filter(([, { unit, mayBeIdle }]) => unit !== undefined && !mayBeIdle);
  const standings = await found.find(own.map(([, { unit }]) => unit as string));
  for (const [at, [intent]] of own.entries()) {
    if (standings[at]?.state === 'withdrawn')
      fail(`${intent} was withdrawn, and its command always has something to do`);
  }
}

async function checkStandings(
  device: SimDevice,
  { find, progress }: Survey,
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
  const seen = audit.units.filter((unit) => isSeen(unit, scopes));
  const standings = await find(seen.map(({ id }) => id));
  for (const [at, { id, position }] of seen.entries()) {
    const standing = standings[at];
    if (standing?.state !== 'confirmed' || standing.position !== position) {
      fail(`${id} is at ${position} in the log, and ${standing?.state ?? 'unknown'} at ${standing?.position ?? 0}`);
    }
  }
}

function isSeen({ events }: LoggedUnit, scopes: readonly Scope[]): boolean {
  return events.some(({ originatorId }) => scopes.includes(scopeOf(originatorId)));
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
