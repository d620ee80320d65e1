/**
 * What people do: commands of all kinds, and decisions about what was set aside.
 *
 * @module
 */
import { ApplicationTooOldError } from '../../../src/application/aggregates/application-errors.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import type { SeededRandom } from '../../soak/seeded-random.js';
import { uuidOf } from '../machine/platform.js';
import type { SimDevice } from './sim-device.js';
import type { SimTab } from './sim-tab.js';
import { ITEMS, readEvent, RELEASE_LAST, scopeOf } from './stock.js';
import type { Release, Scope } from './stock.js';
import { fulfil } from './wishes.js';
import type { Wish, WishKind } from './wishes.js';
import type { World } from './world.js';

const KINDS: readonly (readonly [weight: number, kind: WishKind])[] = [
  [8, 'Receive'],
  [8, 'Reserve'],
  [3, 'ReserveRest'],
  [3, 'Name'],
  [2, 'Damage'],
  [4, 'move'],
  [2, 'exactly'],
  [1, 'append'],
  [2, 'open'],
];
const KINDS_LATER: typeof KINDS = [...KINDS, [2, 'Correct'], [2, 'Return']];
/** The release that brings them. */
const ADDED: Readonly<Partial<Record<WishKind, Release>>> = { Damage: 2, Correct: 3, Return: 5 };
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };

const WISHES_KEPT = 20;

/** Somebody does something in a tab, if there is one. Nobody waits for it. */
export function work(world: World, device: SimDevice, random: SeededRandom): void {
  const { usable } = device;
  if (usable.length === 0) {
    if (device.tabs.length === 0) device.openTab();
    return;
  }
  const tab = random.pick(usable);
  for (
    let count = random.weighted([
      [6, 1],
      [2, 2],
      [1, 5],
    ] as const);
    count > 0;
    count--
  ) {
    const scopes = world.parties.scopesOf(device.subject);
    const release = world.releaseLast === RELEASE_LAST ? tab.release : undefined;
    const wish = newWish(world.newIntent(device.name), { scopes, release }, random);
    device.wishes.push(wish);
    if (device.wishes.length > WISHES_KEPT) device.wishes.shift();
    tab.process.run(() => wishFor(world, device, tab, wish));
  }
}

/** Somebody does again what was done, or was not, as far as is known. */
export function repeat(world: World, device: SimDevice, tab: SimTab, random: SeededRandom): void {
  // See "What it found": under an id that has left with history, or never came, it is set aside, and is in the log as well.
  const { ids } = world.audit;
  const known = device.wishes.filter(({ unit }) => !device.lacksHistory || !ids.has(unit));
  const open = known.filter(({ intent }) => !world.witness.acknowledged.has(intent));
  const wishes = random.chance(0.8) ? open : known;
  if (wishes.length > 0) wishFor(world, device, tab, random.pick(wishes));
}

/**
 * What somebody wants now.
 *
 * @param of - what of the articles is seen; and the release, where there are five, and nobody wants what it does not have
 */
export function newWish(
  intent: string,
  { scopes, release }: { readonly scopes: readonly Scope[]; readonly release?: Release | undefined },
  random: SeededRandom,
): Wish {
  const seen = ITEMS.filter((id) => scopes.includes(scopeOf(id)));
  const items = random.chance(0.95) ? seen : ITEMS;
  const kinds = KINDS_LATER.filter(([, name]) => (ADDED[name] ?? 1) <= (release ?? 0));
  const kind = random.weighted(release === undefined ? KINDS : kinds);
  return {
    ...{ kind, intent, unit: uuidOf(random) },
    item: kind === 'open' ? uuidOf(random) : random.pick(items),
    to: random.pick(items),
    quantity: random.between(1, 4),
    name: `name ${random.between(1, 3)}`,
  };
}

/** What it comes to is known when it is acknowledged, or refused; if it is ever. */
function wishFor(world: World, device: SimDevice, tab: SimTab, wish: Wish): void {
  const { kind, intent, unit } = wish;
  fulfil(tab, device.subject, wish).then(
    (events) => {
      if (events === 0) return;
      world.counts.units++;
      world.note(`${tab.process.name} ${kind} ${intent} ${unit} is acknowledged`);
      world.witness.acknowledge(intent, device.name, kind, unit);
    },
    (error: unknown) => {
      if (error instanceof CommandError) world.counts.refused++;
      else if (error instanceof ApplicationTooOldError) world.counts.tooOld++;
      else world.counts.uncertain++;
      world.note(`${tab.process.name} ${kind} ${intent} failed: ${String(error)}`);
    },
  );
}

/** Somebody looks after what was set aside: tries it again, or gives it up. */
export async function lookAfterAside(world: World, tab: SimTab, random: SeededRandom): Promise<void> {
  const { recorder, app } = tab;
  const aside = await recorder.selectSetAside(0, ALL);
  if (aside.length === 0) return;
  const { id, events } = random.pick(aside);
  if (random.chance(0.6)) {
    const { decided } = await app.decideAgain(await recorder.selectSuperseded([id]));
    const isDone = await recorder.decide(decided);
    world.note(`${tab.process.name} tries ${id} again: ${isDone}`);
    return;
  }
  // Who is killed in the middle of it has given it up, or not.
  const intents = events.map((event) => readEvent(event).intent);
  world.witness.discard(intents);
  const given = await recorder.discardSetAside([id]);
  world.note(`${tab.process.name} gives up ${given.length}`);
}
