/**
 * What must hold at every step of a run: whatever was acknowledged is in the log, or held by somebody; what a device has of
 * the log is what the log has there; nothing is on a device twice, and no version is missing.
 *
 * @module
 */
import { fromCursor } from '../../../src/server/log/log-chain.js';
import type { UnitStanding } from '../../../src/persistence/unit-recorder.js';
import type { SimDevice } from '../world/sim-device.js';
import { readEvent, scopesIn } from '../world/stock.js';
import { isHere, unheld } from './agreement.js';
import type { Parties } from './agreement.js';
import { findIn } from './survey.js';
import type { Survey } from './survey.js';
import type { Acknowledged } from './witness.js';

/** What a unit may be whose wish is not in the log. */
const HELD: ReadonlySet<UnitStanding['state']> = new Set(['pending', 'confirmed', 'lost', 'setAside']);

/** Devices that are simulated. */
type WatchedParties = Parties & { readonly devices: readonly SimDevice[] };

/** Looks at all of a run between two steps. */
export class StepWatch {
  readonly #parties: WatchedParties;
  #turns = 0;
  /** How often a device had a part of the log that could be compared. */
  compared = 0;

  constructor(parties: WatchedParties) {
    this.#parties = parties;
  }

  async look(): Promise<void> {
    const { devices, audit } = this.#parties;
    await audit.look();
    await this.#lookForWishes();
    // One at a time: what is wrong stays so for longer.
    const device = devices[this.#turns++ % devices.length];
    if (device !== undefined) await this.#lookAt(device);
  }

  async #lookForWishes(): Promise<void> {
    const { audit, witness, devices } = this.#parties;
    const hasRowsBeside = await this.#parties.hasRowsBeside();
    const byDevice = new Map<string, (readonly [intent: string, acknowledged: Acknowledged])[]>();
    for (const one of witness.owed()) {
      const [intent, { by }] = one;
      if (audit.intents.has(intent) || (by === 'beside' && hasRowsBeside)) continue;
      const some = byDevice.get(by) ?? [];
      byDevice.set(by, some);
      some.push(one);
    }
    let isSearch = byDevice.has('beside');
    for (const device of devices) {
      const owed = byDevice.get(device.name) ?? [];
      if (owed.length === 0) continue;
      const standings = await findIn(
        await device.observer.current(),
        owed.map(([, { unit }]) => unit as string),
      );
      isSearch ||= owed.some(([, { mayBeIdle }], at) => {
        const state = standings[at]?.state;
        return state === undefined || !(HELD.has(state) || (mayBeIdle && state === 'withdrawn'));
      });
    }
    if (!isSearch) return;
    // Held by a copy of the device, or by the operator; or not at all.
    for await (const [intent, { by }] of unheld(this.#parties)) {
      if (by !== 'beside' || !hasRowsBeside) witness.fail(`${intent} of ${by} was acknowledged, and is nowhere`);
    }
  }

  async #lookAt(device: SimDevice): Promise<void> {
    const { audit, witness } = this.#parties;
    const fail = (problem: string): void => witness.fail(`on ${device.name}, in the middle of it: ${problem}`);
    const found = await device.follow();
    checkEvents(found, fail);
    const { position = 0, chain, visibility = '' } = fromCursor(found.progress.cursor) ?? {};
    // Otherwise the server was set back, and the device is going to hear of it.
    if (position === 0 || found.progress.bootstrap?.isBegun === true || audit.chainAt(position) !== chain) return;
    this.compared++;
    const scopes = scopesIn(visibility);
    const there = audit.units.filter((unit) => unit.position <= position && isHere(unit, scopes, found.bases));
    const standings = await found.find(there.map(({ id }) => id));
    for (const [at, { id, position: logged }] of there.entries()) {
      const standing = standings[at];
      if (standing?.state === 'confirmed' && standing.position === logged) continue;
      const here = `${standing?.state ?? 'unknown'} at ${standing?.position ?? 0}`;
      fail(`${id} is at ${logged} in the log, ${here}, and the store at ${position}`);
    }
  }
}

/** Every version of what is there has the one before it, and nobody's wish is in an aggregate twice. */
function checkEvents({ events, bases }: Survey, fail: (problem: string) => void): void {
  const versions = new Map<string, number[]>();
  const wishes = new Set<string>();
  for (const event of events) {
    const { originatorId, originatorVersion } = event;
    const wish = `${readEvent(event).intent} of ${originatorId}`;
    if (wishes.has(wish)) fail(`${wish} is there twice`);
    wishes.add(wish);
    const some = versions.get(originatorId) ?? [];
    versions.set(originatorId, some);
    some.push(originatorVersion);
  }
  for (const [id, some] of versions) {
    some.sort((one, other) => one - other);
    const before = bases.get(id)?.version ?? 0;
    const gap = some.findIndex((version, at) => version !== before + at + 1);
    if (gap !== -1) fail(`of ${id} it has version ${some[gap]} after ${some[gap - 1] ?? before}`);
  }
}
