/**
 * What people do: commands of all kinds, and decisions about what was set aside.
 *
 * @module
 */
import { CommandError } from '../../../src/domain/domain-errors.js';
import type { SeededRandom } from '../../soak/seeded-random.js';
import { uuidOf } from '../machine/platform.js';
import type { SimDevice, Wish, WishKind } from './sim-device.js';
import type { SimTab } from './sim-tab.js';
import { ITEMS, readEvent, scopeOf, stock1, stock2 } from './stock.js';
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
    const wish = newWish(world, device, random);
    device.wishes.push(wish);
    if (device.wishes.length > WISHES_KEPT) device.wishes.shift();
    tab.process.run(() => wishFor(world, device, tab, wish));
  }
}

/** Somebody does again what was done, or was not, as far as is known. */
export function repeat(world: World, device: SimDevice, tab: SimTab, random: SeededRandom): void {
  const open = device.wishes.filter(({ intent }) => !world.witness.acknowledged.has(intent));
  const wishes = random.chance(0.8) ? open : device.wishes;
  if (wishes.length > 0) wishFor(world, device, tab, random.pick(wishes));
}

function newWish(world: World, device: SimDevice, random: SeededRandom): Wish {
  const scopes = world.parties.scopesOf(device.subject);
  const seen = ITEMS.filter((id) => scopes.includes(scopeOf(id)));
  const items = random.chance(0.95) ? seen : ITEMS;
  const kind = random.weighted(KINDS);
  return {
    ...{ kind, intent: world.newIntent(device.name), unit: uuidOf(random) },
    item: kind === 'open' ? uuidOf(random) : random.pick(items),
    to: random.pick(items),
    quantity: random.between(1, 4),
    name: `name ${random.between(1, 3)}`,
  };
}

/** What it comes to is known when it is acknowledged, or refused; if it is ever. */
function wishFor(world: World, device: SimDevice, tab: SimTab, wish: Wish): void {
  const { kind, intent, unit } = wish;
  executed(tab, device.subject, wish).then(
    (events) => {
      if (events === 0) return;
      world.counts.units++;
      world.note(`${tab.process.name} ${kind} ${intent} ${unit} is acknowledged`);
      world.witness.acknowledge(intent, device.name, kind, unit);
    },
    (error: unknown) => {
      if (error instanceof CommandError) world.counts.refused++;
      else world.counts.uncertain++;
      world.note(`${tab.process.name} ${kind} ${intent} failed: ${String(error)}`);
    },
  );
}

/** @returns of how many events */
async function executed({ app, release }: SimTab, actorId: string, wish: Wish): Promise<number> {
  const { kind, intent, unit, item, to, quantity, name } = wish;
  // The second release has all that the first one has.
  const stock = release === 1 ? stock1 : (stock2 as unknown as typeof stock1);
  const options = { unit: { id: unit }, retry: { attemptsMax: 3 }, metadata: { actorId } } as const;
  switch (kind) {
    case 'move': {
      if (to === item) return 0;
      const moved = await app.executeAll(
        [
          [stock, item, { type: 'Reserve', data: { quantity, intent } }],
          [stock, to, { type: 'Receive', data: { quantity, intent } }],
        ],
        options,
      );
      return moved.reduce((sum, { events }) => sum + events.length, 0);
    }
    case 'exactly': {
      const { version } = await app.repository.load(stock, item);
      const command = { type: 'Reserve', data: { quantity: 1, intent } } as const;
      return (await app.execute(stock, item, command, { ...options, expected: version })).events.length;
    }
    case 'append': {
      const named = { type: 'Named', data: { name, intent } } as const;
      return (await app.append(stock, item, [named], 'any', { unit: { id: unit } })).length;
    }
    case 'open':
      return (await app.execute(stock, item, { type: 'Receive', data: { quantity, intent } }, options)).events.length;
    default: {
      const data = kind === 'Name' ? { name, intent } : { quantity, intent };
      // Of the second release's only.
      return (await app.execute(stock, item, { type: kind, data } as never, options)).events.length;
    }
  }
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
