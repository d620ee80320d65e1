/**
 * Emmett's event store on PostgreSQL, as its documentation uses it: a stream for each aggregate, with the version
 * that is expected, and no projections.
 *
 * @module
 */
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import type { StoredEvent } from '../../src/persistence/stored-event.js';

const decoder = new TextDecoder();

/** What is measured of an event store. */
export interface PostgresContender {
  /** Appends events of one aggregate, whose versions go on from those before. */
  append(events: readonly StoredEvent[]): Promise<void>;
  /** Reads an aggregate, its states parsed. Gives the number of events. */
  read(originatorId: string): Promise<number>;
  close(): Promise<void>;
}

export async function openEmmett(connectionString: string): Promise<PostgresContender> {
  const store = getPostgreSQLEventStore(connectionString);
  await store.schema.migrate();
  return {
    append: async (events) => {
      const [first] = events;
      if (first === undefined) return;
      await store.appendToStream(streamName(first.originatorId), events.map(toEmmettEvent), {
        expectedStreamVersion: BigInt(first.originatorVersion - 1),
      });
    },
    read: async (originatorId) => (await store.readStream(streamName(originatorId))).events.length,
    close: () => store.close(),
  };
}

function streamName(originatorId: string): string {
  return `item-${originatorId}`;
}

// It stores JSON by itself, so it is given what the state says.
function toEmmettEvent({ topic, state }: StoredEvent): { type: string; data: Record<string, unknown> } {
  return { type: topic, data: JSON.parse(decoder.decode(state)) as Record<string, unknown> };
}
