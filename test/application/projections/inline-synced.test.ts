/** In-line projections of stores that are synchronised: whatever becomes of the events, the view is of those that are there. */
import { afterEach, describe, expect, test } from 'vitest';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import type { InlineParticipant } from '../../../src/application/events/inline-participant.js';
import { cached, invalidation } from '../../../src/application/cached.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';
import { readStockView, StockPerson, stockView } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

const FOLLOWS = ['undo', 'rebuild'] as const;
const people: StockPerson[] = [];

async function join(scene: Scene, more: readonly InlineParticipant[] = []): Promise<StockPerson> {
  const person = await StockPerson.of(scene, async ({ inside }, decode) => {
    const inline = FOLLOWS.map(
      (follows) => new InlineProjection({ projection: stockView(follows), recorder: inside, decode, follows }),
    );
    for (const projection of inline) await projection.setUp();
    return { inline: [...inline, ...more] };
  });
  people.push(person);
  return person;
}

/** People who hold the same stock. */
async function opened(count = 2): Promise<{ scene: Scene; people: readonly StockPerson[]; id: string }> {
  const scene = await Scene.open();
  const id = newOriginatorId();
  for (let left = count; left > 0; left--) await join(scene);
  const [first, ...others] = people as [StockPerson, ...StockPerson[]];
  await first.do(id, 'Receive', { quantity: 5 });
  for (const person of [first, ...others]) {
    await person.synchronise();
    await person.offline();
  }
  return { scene, people, id };
}

async function expectViews(...which: readonly StockPerson[]): Promise<void> {
  for (const person of which) {
    const expected = await person.expected();
    for (const follows of FOLLOWS) {
      expect(await readStockView(person.tab.inside, follows), follows).toEqual(expected);
    }
  }
}

afterEach(async () => {
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

describe('an in-line projection of a store that is synchronised', () => {
  test('holds what others have recorded as soon as the page is there', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await expectViews(anna!, bert!);
    await anna!.do(id, 'Reserve', { quantity: 2 });
    await anna!.synchronise();
    await bert!.synchronise();
    expect(await readStockView(bert!.tab.inside, 'undo')).toMatchObject({ free: { [id]: 3 } });
    await expectViews(anna!, bert!);
  });

  test('holds what is recorded here, with the commit', async () => {
    const {
      people: [anna],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 2 });
    await expectViews(anna!);
    await anna!.do(newOriginatorId(), 'Name', { name: 'nails' });
    await anna!.do(id, 'Receive', { quantity: 1 });
    await expectViews(anna!);
  });

  test('holds what was decided again, and not what it was before', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 3 });
    await bert!.do(id, 'ReserveRest');
    expect(await readStockView(bert!.tab.inside, 'undo')).toMatchObject({ free: {} });
    await anna!.synchronise();
    await bert!.synchronise();
    expect(bert!.rebased).toMatchObject([{ outcome: 'changed', after: [{ data: { quantity: 2 } }] }]);
    await expectViews(anna!, bert!);
    await anna!.synchronise();
    await expectViews(anna!, bert!);
  });

  test('holds nothing of what was set aside, and all of what is tried again', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 4 });
    const tooMuch = await bert!.do(id, 'Reserve', { quantity: 3 });
    await bert!.do(id, 'Reserve', { quantity: 1 });
    await anna!.synchronise();
    await bert!.synchronise();
    await expectViews(bert!);
    await anna!.do(id, 'Receive', { quantity: 4 });
    await anna!.synchronise();
    await bert!.synchronise();
    const { app, tab } = bert!;
    const { decided } = await app.decideAgain(await tab.inside.selectSuperseded([tooMuch]));
    expect(await app.changeUnits(tab.inside, (units) => units.decide(decided))).toBe(true);
    await expectViews(bert!);
    await bert!.synchronise();
    await anna!.synchronise();
    await expectViews(anna!, bert!);
  });

  test('holds moved events once, in the order of the server', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    const other = newOriginatorId();
    await anna!.do(other, 'Name', { name: 'nails' });
    await anna!.do(id, 'Receive', { quantity: 1 });
    await bert!.do(id, 'Receive', { quantity: 2 });
    await bert!.do(other, 'Name', { name: 'screws' });
    await bert!.do(id, 'Receive', { quantity: 3 });
    await anna!.synchronise();
    await bert!.synchronise();
    await expectViews(anna!, bert!);
    await anna!.synchronise();
    await expectViews(anna!, bert!);
  });

  test('what is recorded while a page is on its way is in it, too', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 1 });
    await anna!.synchronise();
    await Promise.all([
      bert!.synchronise(),
      bert!.do(id, 'Receive', { quantity: 7 }),
      bert!.do(id, 'Reserve', { quantity: 1 }),
    ]);
    await bert!.synchronise();
    await anna!.synchronise();
    await expectViews(anna!, bert!);
  });

  test('a view that was made before the store was synchronised goes on, whatever was pending', async () => {
    const scene = await Scene.open();
    const [anna, bert] = [await join(scene), await join(scene)];
    const id = newOriginatorId();
    await anna.do(id, 'Receive', { quantity: 5 });
    await bert.do(id, 'Receive', { quantity: 7 });
    await bert.do(newOriginatorId(), 'Name', { name: 'nails' });
    await anna.synchronise();
    await bert.synchronise();
    await anna.synchronise();
    await expectViews(anna, bert);
  });

  test('a log that is set back and healed is in it in the order that it has then', async () => {
    const {
      scene,
      people: [anna, bert],
      id,
    } = await opened();
    const restore = scene.log.backup();
    await anna!.do(id, 'Reserve', { quantity: 2 });
    await anna!.synchronise();
    await bert!.synchronise();
    await bert!.do(id, 'Reserve', { quantity: 1 });
    await bert!.synchronise();
    restore();
    const other = newOriginatorId();
    const carl = await join(scene);
    await carl.do(other, 'Name', { name: 'nails' });
    await carl.synchronise();
    for (const person of [bert!, anna!, carl, bert!, anna!]) {
      await person.synchronise();
      await expectViews(person);
    }
  });

  test('a participant that fails keeps others’ events from nobody: it is reported, and the view follows later, whole', async () => {
    const scene = await Scene.open();
    const id = newOriginatorId();
    let fails = false;
    const failing: InlineParticipant = {
      onUnitsChanged: async () => {
        if (fails) throw new RangeError('of a user');
      },
      onEventsChanged: () => {
        if (fails) throw new RangeError('of a user');
      },
    };
    const [anna, bert] = [await join(scene), await join(scene, [failing])];
    await anna.do(id, 'Receive', { quantity: 5 });
    for (const person of [anna, bert]) {
      await person.synchronise();
      await person.offline();
    }
    const errors = uncaughtErrors();
    fails = true;
    await anna.do(id, 'Reserve', { quantity: 1 });
    await bert.do(id, 'ReserveRest');
    await anna.synchronise();
    const before = await readStockView(bert.tab.inside, 'undo');
    await bert.synchronise();
    expect(new Set(errors.map(String))).toEqual(new Set(['RangeError: of a user']));
    expect(await bert.state(id)).toMatchObject({ free: 0 });
    // As it was: not a bit of what has come.
    expect(await readStockView(bert.tab.inside, 'undo')).toEqual(before);
    fails = false;
    await bert.offline();
    await bert.do(newOriginatorId(), 'Name', { name: 'nails' });
    await expectViews(bert);
  });

  test('a change in a savepoint that is taken back is in nothing that is taken back later', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    const { tab } = bert!;
    await tab.inside.transaction(async (transaction) => {
      await transaction
        .transaction(async (inner) => {
          await inner.connection.query('UPDATE undo_stock SET free = 77');
          throw new RangeError('of a user');
        })
        .catch(() => undefined);
    });
    await bert!.do(id, 'Reserve', { quantity: 2 });
    await anna!.do(id, 'Reserve', { quantity: 4 });
    await anna!.synchronise();
    await bert!.synchronise();
    await expectViews(bert!);
  });

  test('answers that are cached are dropped when others’ events come, and when one’s own are set aside', async () => {
    const scene = await Scene.open();
    const id = newOriginatorId();
    let bert: StockPerson | undefined = undefined;
    const free = cached(async (item: string) => (await (bert as unknown as StockPerson).state(item)).free, {
      tags: (item) => [item],
    });
    const anna = await join(scene);
    bert = await join(scene, [invalidation([free], ({ originatorId }) => [originatorId])]);
    await anna.do(id, 'Receive', { quantity: 5 });
    for (const person of [anna, bert]) {
      await person.synchronise();
      await person.offline();
    }
    expect(await free(id)).toBe(5);
    await bert.do(id, 'Reserve', { quantity: 3 });
    expect(await free(id)).toBe(2);
    await anna.do(id, 'Reserve', { quantity: 4 });
    await anna.synchronise();
    await bert.synchronise();
    expect(bert.rebased).toMatchObject([{ outcome: 'setAside' }]);
    expect(await free(id)).toBe(1);
  });
});
