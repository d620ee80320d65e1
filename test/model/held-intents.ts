/**
 * Who holds what, in a run of the model.
 *
 * @module
 */
import { intentOf } from './domain.js';
import { isPart } from './device-truncation.js';
import type { World } from './world.js';

export const TENANTS: readonly string[] = ['blue', 'red'];

/** What anybody holds, by tenant and intent; also what servers have set aside, and what devices have of others. */
export function* heldIntents(
  { server, devices }: Pick<World, 'server' | 'devices'>,
  { withAside = true }: { readonly withAside?: boolean } = {},
): Generator<string> {
  for (const tenant of TENANTS) {
    const { units, loose, aside } = server.log(tenant);
    for (const { events } of units) yield* intents(tenant, events);
    yield* intents(tenant, loose);
    if (withAside) for (const { events } of aside.values()) yield* intents(tenant, events);
  }
  for (const { state, tenant } of devices) {
    for (const unit of [...state.units.values(), ...[...state.aside.values()].map((entry) => entry.unit)]) {
      if (isPart(unit)) continue;
      yield* intents(tenant, unit.events);
    }
  }
}

function* intents(tenant: string, events: readonly { readonly payload: string }[]): Generator<string> {
  for (const { payload } of events) yield `${tenant}|${intentOf(payload)}`;
}
