/**
 * What people want, and how an application does it: the same in a simulated tab and in a page.
 *
 * @module
 */
import type { Application } from '../../../src/application/application.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { STOCKS } from './stock.js';
import type { Release, stock1 } from './stock.js';

/** Kinds of wishes: commands by their names, and others. */
export type WishKind =
  | 'Receive'
  | 'Reserve'
  | 'ReserveRest'
  | 'Name'
  | 'Damage'
  | 'Correct'
  | 'Return'
  | 'move'
  | 'exactly'
  | 'append'
  | 'open';

/** What somebody wants. Whoever hears nothing of it may want it again, under the same id. */
export interface Wish {
  readonly intent: string;
  readonly unit: UnitId;
  readonly kind: WishKind;
  readonly item: string;
  readonly to: string;
  readonly quantity: number;
  readonly name: string;
}

/** Who does it. */
export interface Fulfilling {
  readonly app: Pick<Application, 'execute' | 'executeAll' | 'append' | 'repository'>;
  readonly release: Release;
}

/**
 * Does what somebody wants.
 *
 * @returns of how many events
 */
export async function fulfil({ app, release }: Fulfilling, actorId: string, wish: Wish): Promise<number> {
  const { kind, intent, unit, item, to, quantity, name } = wish;
  // Every release has all that the first one has.
  const stock = STOCKS[release] as unknown as typeof stock1;
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
      // Of the third release on, in a language.
      const data = { name, intent, ...(release < 3 ? {} : { language: 'de' }) };
      const named = { type: 'Named', data } as const;
      return (await app.append(stock, item, [named], 'any', { unit: { id: unit } })).length;
    }
    case 'open':
      return (await app.execute(stock, item, { type: 'Receive', data: { quantity, intent } }, options)).events.length;
    default: {
      const data = kind === 'Name' ? { name, intent } : { quantity, intent };
      // Some are of newer releases only.
      return (await app.execute(stock, item, { type: kind, data } as never, options)).events.length;
    }
  }
}
