/**
 * What must hold of a page that a device has stored.
 *
 * @module
 */
import { scopeOf } from './domain.js';
import { DeviceDraft, type DeviceRules } from './device-draft.js';
import type { DeviceState, SetAside } from './device-state.js';
import { rowsOf } from './device-state.js';
import type { ModelDevice } from './model-device.js';
import type { ModelPage } from './unit-types.js';
import type { Witness } from './witness.js';

export interface StoredPage {
  readonly device: ModelDevice;
  readonly page: ModelPage;
  /** The device before it. */
  readonly before: DeviceState;
  readonly rules: DeviceRules;
}

/** A page has whole units, as they were accepted, and as much of each as its reader may see. */
export function* pageProblems(stored: StoredPage, witness: Witness): Generator<string> {
  const { device, page, before } = stored;
  yield* returnProblems(stored);
  const scopes = page.to.scopes.split('+');
  const { cursor } = before.pass ?? before;
  if (page.to.position < cursor.position) yield `a page has taken ${device.name} back`;
  for (const { id, status, events } of before.units.values()) {
    const left = device.state.units.get(id)?.events ?? [];
    const seen = events.find((event) => !left.includes(event) && scopes.includes(scopeOf(event.aggregate)));
    if (status === 'confirmed' && seen !== undefined) yield `${id} has left ${device.name}, who may see it`;
  }
  for (const { edition, events } of page.units) {
    const whole = witness.acceptedAs(device.tenant, edition);
    const visible = whole?.events.filter(({ aggregate }) => scopes.includes(scopeOf(aggregate)));
    if (visible?.length !== events.length) yield `${device.name} was shown a piece of ${edition}`;
  }
}

/** At the end of a log that was followed anew, what was set aside because it could not be seen is pending again. */
function* returnProblems({ device, page, before, rules }: StoredPage): Generator<string> {
  const { state } = device;
  if (!page.isHead || state.healing !== before.healing) return;
  if (!before.isReturning && (before.pass === undefined || state.pass !== undefined)) return;
  const draft = new DeviceDraft(state, rules);
  // One that stands on what has come back after it waits for the next time.
  const isSettled = ({ unit }: SetAside): boolean =>
    unit.events.every(({ aggregate }) => rowsOf(state, aggregate).at(-1)?.unit.status === 'confirmed');
  const left = [...state.aside.values()].find((entry) => isSettled(entry) && draft.returned(entry) !== undefined);
  if (left !== undefined) yield `${left.unit.id} is set aside on ${device.name}, and could be seen again`;
}

/** How many units were set aside because they could not be seen, and are pending again. */
export function returned({ state }: ModelDevice, before: DeviceState): number {
  const isBack = ([id, { code }]: readonly [string, SetAside]): boolean =>
    code === 'OUT_OF_SCOPE' && state.units.get(id)?.status === 'pending';
  return [...before.aside].filter(isBack).length;
}
