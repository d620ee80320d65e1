import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { openObjectRecorder } from '../../../src/persistence/durable-object/object-recorder.js';
import type { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';

export const ENGINE = 'Durable Object';

let names = 0;

/** A name that nothing else has, of an object or a table. */
export function newName(): string {
  return `own_${++names}`;
}

/** An object in which everything is done that is done within it. */
export interface ObjectPlace {
  within<T>(work: () => Promise<T>): Promise<T>;
  /** Only within it. */
  readonly storage: DurableObjectStorage;
}

/** Of a new object. */
export function newObject(): ObjectPlace {
  const stub = env.EMPTY.getByName(newName());
  let storage: DurableObjectStorage | undefined;
  return {
    within: (work) =>
      runInDurableObject(stub, async (_object, context) => {
        ({ storage } = context);
        return await work();
      }),
    get storage() {
      if (storage === undefined) throw new Error('Not within the object.');
      return storage;
    },
  };
}

/** A recorder whose log is empty, beside others in the object. */
export async function openEmptyRecorder(place: ObjectPlace): Promise<SqliteProcessRecorder> {
  return await openObjectRecorder(place.storage, { eventsTable: newName(), trackingTable: newName() });
}
