import { countOriginatorId, ITEM_COUNTED } from '../../../demo/stock-events.js';
import type { BooksDatabase, BooksEvent } from './books-database.js';
import { expect } from './patient-expect.js';
import type { ShownEvent } from './stock-page.js';

/**
 * Expects that PostgreSQL holds exactly what devices recorded: every event of each device once, with its own content
 * and in its own order, each in one unit of that device, and nothing else.
 *
 * @param devices - what each device showed, oldest first
 */
export async function expectBooksHold(
  database: BooksDatabase,
  ...devices: readonly (readonly ShownEvent[])[]
): Promise<void> {
  const [events, replicas] = await Promise.all([database.events(), database.eventsOfReplicas()]);
  expect(events).toHaveLength(devices.flat().length);
  expect(Object.keys(replicas)).toHaveLength(devices.length);
  const histories = Object.entries(replicas).map(([replicaId, inUnits]) => {
    const own = events.filter(({ originatorId, data }) => originatorId === countOriginatorId(replicaId, data.sku));
    return { inUnits, events: own.map(withoutPosition) };
  });
  for (const shown of devices) {
    expect(histories).toContainEqual({ inUnits: shown.length, events: expectedEvents(shown) });
  }
  expectIncreasing(events.map(({ notificationId }) => notificationId));
}

type Content = Omit<BooksEvent, 'notificationId' | 'originatorId' | 'data'> & { readonly data: object };

function withoutPosition({ originatorVersion, topic, data }: BooksEvent): Content {
  const { sku, previousQuantity, quantity, countedAt } = data;
  return { originatorVersion, topic, data: { sku, previousQuantity, quantity, countedAt } };
}

function expectedEvents(shown: readonly ShownEvent[]): readonly Content[] {
  const versions = new Map<string, number>();
  return shown.map(({ sku, previousQuantity, quantity, countedAt }) => {
    const originatorVersion = (versions.get(sku) ?? 0) + 1;
    versions.set(sku, originatorVersion);
    return { originatorVersion, topic: ITEM_COUNTED, data: { sku, previousQuantity, quantity, countedAt } };
  });
}

function expectIncreasing(ids: readonly number[]): void {
  expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] as number))).toBe(true);
}
