/**
 * What people do: commands of all kinds, and decisions about what was set aside.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import { uuidOf } from '../machine/platform.js';
import { readEvent } from './stock.js';
import type { SimDevice } from './sim-device.js';
import type { SimTab } from './sim-tab.js';
import { ITEMS, scopeOf, stock1, stock2 } from './stock.js';
import type { Scope } from './stock.js';
import type { World } from './world.js';

type Kind = 'Receive' | 'Reserve' | 'ReserveRest' | 'Name' | 'Damage' | 'move' | 'exactly' | 'append' | 'open';

const KINDS: readonly (readonly [weight: number, kind: Kind])[] = [
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

/** Somebody does something in a tab, if there is one. Nobody waits for it. */
export function work(world: World, device: SimDevice, random: SeededRandom): void {
  const { usable } = device;
  if (usable.length === 0) {
    if (device.tabs.length === 0) device.openTab();
    return;
  }
  const tab = random.pick(usable);
  const scopes = world.parties.scopesOf(device.subject);
  for (
    let count = random.weighted([
      [6, 1],
      [2, 2],
      [1, 5],
    ] as const);
    count > 0;
    count--
  ) {
    tab.process.run(() => wish(world, device, tab, { random, scopes }));
  }
}

/** A command. What it comes to is known when it is acknowledged, or refused; if it is ever. */
function wish(
  world: World,
  device: SimDevice,
  tab: SimTab,
  { random, scopes }: { readonly random: SeededRandom; readonly scopes: readonly Scope[] },
): void {
  const kind = random.weighted(KINDS);
  const intent = world.newIntent(device.name);
  const unit = uuidOf(random);
  const seen = ITEMS.filter((id) => scopes.includes(scopeOf(id)));
  const items = random.chance(0.95) ? seen : ITEMS;
  const item = random.pick(items);
  const quantity = random.between(1, 4);
  const done = async (): Promise<number> => {
    const { app } = tab;
    // The second release has all that the first one has.
    const stock = tab.release === 1 ? stock1 : (stock2 as unknown as typeof stock1);
    const options = { unit: { id: unit }, retry: { attemptsMax: 3 }, metadata: { actorId: device.subject } } as const;
    const named = { name: `name ${random.between(1, 3)}`, intent };
    switch (kind) {
      case 'move': {
        const to = random.pick(items);
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
      case 'append':
        return (await app.append(stock, item, [{ type: 'Named', data: named }], 'any', { unit: { id: unit } })).length;
      case 'open': {
        const command = { type: 'Receive', data: { quantity, intent } } as const;
        return (await app.execute(stock, uuidOf(random), command, options)).events.length;
      }
      default: {
        // The second release has more of them.
        const data = kind === 'Name' ? named : { quantity, intent };
        return (await app.execute(stock, item, { type: kind, data } as never, options)).events.length;
      }
    }
  };
  done().then(
    (events) => {
      if (events === 0) return;
      world.counts.units++;
      world.note(`${tab.process.name} ${kind} ${intent} ${unit} ${item} is acknowledged`);
      world.witness.acknowledge(intent, device.name, kind, unit);
    },
    (error: unknown) => {
      world.counts.uncertain++;
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
