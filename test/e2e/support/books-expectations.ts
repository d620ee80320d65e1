import { ITEM_COUNTED, ITEM_STEPPED } from '../../../demo/stock-events.js';
import { STOCK_ITEMS } from '../../../demo/stock-items.js';
import type { BooksDatabase, BooksEvent } from './books-database.js';
import { expect } from './patient-expect.js';
import type { ShownEvent } from './stock-page.js';

/**
 * Expects that PostgreSQL holds exactly what devices recorded: every event of each device once, with its own content
 * and in its own order, each in one unit of that device, on the item that all devices know by one id; and nothing else.
 *
 * @param devices - what each device showed as its own, oldest first
 */
export async function expectBooksHold(
  database: BooksDatabase,
  ...devices: readonly (readonly ShownEvent[])[]
): Promise<void> {
  const [events, replicas] = await Promise.all([database.events(), database.eventsOfReplicas()]);
  expect(events).toHaveLength(devices.flat().length);
  expect(Object.keys(replicas)).toHaveLength(devices.length);
  const histories = Object.entries(replicas).map(([replicaId, inUnits]) => {
    const own = events.filter(({ data }) => data.countedBy?.deviceId === replicaId);
    return { inUnits, events: own.map(contentOf) };
  });
  for (const shown of devices) {
    expect(histories).toContainEqual({ inUnits: shown.length, events: shown.map(expectedContent) });
  }
  expectIncreasing(events.map(({ notificationId }) => notificationId));
  expectVersions(events);
}

interface Content {
  readonly topic: string;
  readonly originatorId: string | undefined;
  readonly previousQuantity: number | undefined;
  readonly quantity: number | undefined;
  readonly countedAt: string | undefined;
}

function contentOf({ topic, originatorId, data }: BooksEvent): Content {
  const { previousQuantity = 0, change = 0, quantity = previousQuantity + change, countedAt } = data;
  return { topic, originatorId, previousQuantity, quantity, countedAt };
}

function expectedContent({ kind, sku, previousQuantity, quantity, countedAt }: ShownEvent): Content {
  const originatorId = STOCK_ITEMS.find((item) => item.sku === sku)?.id;
  return {
    topic: kind === 'stepped' ? ITEM_STEPPED : ITEM_COUNTED,
    ...{ originatorId, previousQuantity, quantity, countedAt },
  };
}

/** The versions of each item are 1, 2, 3 …, in the order of the books. */
function expectVersions(events: readonly BooksEvent[]): void {
  const versions = Map.groupBy(events, ({ originatorId }) => originatorId);
  for (const ofOne of versions.values()) {
    expect(ofOne.map(({ originatorVersion }) => originatorVersion)).toEqual(ofOne.map((_event, index) => index + 1));
  }
}

function expectIncreasing(ids: readonly number[]): void {
  expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] as number))).toBe(true);
}
