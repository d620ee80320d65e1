/**
 * Writes states of MongoDB, in a transaction.
 *
 * A transaction sees one state of the data, and the server undoes it where another one has changed a document since: so what
 * was read before a write is what is written over, and a version that fits is still the one when it is committed.
 *
 * @module
 */
import { toSafeInteger } from '../persistence/mongodb/mongo-documents.js';
import type { MongoCollection, MongoDocument, MongoSession } from '../persistence/mongodb/mongo-driver.js';
import type { Undo } from '../persistence/mongodb/mongo-log.js';
import type { State } from '../states/state.js';
import {
  assertRestored,
  assertVersion,
  assertWritten,
  checkedToRestore,
  restoredAmong,
  updateBy,
  validateExpected,
} from '../states/state-changes.js';
import { checkedId, toDocument } from '../states/state-document.js';
import type { ChangeOptions, FoundState, RestoreOptions, StateWriter } from '../states/state-store.js';
import { asStored, atVersion, toData, toStateFields } from './mongo-state-documents.js';
import { MongoStateReader } from './mongo-state-reader.js';

// Read and written at once.
const RESTORED_MAX = 500;

/** A document to be stored, or undefined: none any more. */
export type Written = readonly [id: string, document: object | undefined];

/** Implements {@link StateWriter} in the session of a transaction. */
export class MongoStateWriter extends MongoStateReader implements StateWriter {
  async put<Data>(
    state: State<Data>,
    id: string,
    data: unknown,
    { version }: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    validateExpected(version);
    const documents = this.documentsOf(state);
    const document = await toDocument(state, checkedId(id), data);
    const fields = toStateFields(state, id, document);
    return await this.calls.run(async (session, undoneBy) => {
      const before = await documents.findOne({ _id: id }, { session });
      const actual = before === null ? 0 : toSafeInteger(before, 'version');
      assertVersion(state, id, version, actual);
      await documents.replaceOne({ _id: id }, atVersion(actual + 1, fields), { session, upsert: true });
      undoneBy(undoOf(documents, session, id, before));
      return { id, version: actual + 1, data: document.data };
    });
  }

  async update<Data>(
    state: State<Data>,
    id: string,
    change: Partial<Data> | ((data: Data) => Data),
    options: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    validateExpected(options.version);
    return await updateBy(this, state, id, change, options);
  }

  async delete<Data>(state: State<Data>, id: string, { version }: ChangeOptions = {}): Promise<boolean> {
    assertWritten(state);
    validateExpected(version);
    checkedId(id);
    const documents = this.documentsOf(state);
    return await this.calls.run(async (session, undoneBy) => {
      const before = await documents.findOne({ _id: id }, { session });
      assertVersion(state, id, version, before === null ? 0 : toSafeInteger(before, 'version'));
      if (before === null) return false;
      await documents.deleteOne({ _id: id }, { session });
      undoneBy(undoOf(documents, session, id, before));
      return true;
    });
  }

  async restore<Data>(
    state: State<Data>,
    given: readonly FoundState<unknown>[],
    options?: RestoreOptions,
  ): Promise<number> {
    assertRestored(state, options);
    const documents = this.documentsOf(state);
    let changed = 0;
    for (let from = 0; from < given.length; from += RESTORED_MAX) {
      const part = given.slice(from, from + RESTORED_MAX);
      const checked = await checkedToRestore(state, part);
      const ids = checked.map(({ id }) => id);
      const there = await this.calls.run((session) => documents.find({ _id: { $in: ids } }, { session }).toArray());
      const byId = new Map(
        there.map((one) => [String(one['_id']), { version: toSafeInteger(one, 'version'), data: toData(one) }]),
      );
      const restored = restoredAmong(checked, byId, options);
      const written = restored.map(({ id, version, data }): Written => [
        id,
        atVersion(version, toStateFields(state, id, { data })),
      ]);
      await this.calls.run((session, undoneBy) => writeAll(documents, { session, undoneBy, written, before: there }));
      changed += restored.length;
    }
    return changed;
  }
}

/**
 * Writes documents in the place of those that are there.
 *
 * @param before - those that were there of the same ids, and maybe others, as they were read
 */
export async function writeAll(
  documents: MongoCollection,
  {
    session,
    undoneBy,
    written,
    before,
  }: {
    readonly session: MongoSession;
    readonly undoneBy: (undo: Undo) => void;
    readonly written: readonly Written[];
    readonly before: readonly MongoDocument[];
  },
): Promise<void> {
  if (written.length === 0) return;
  await documents.bulkWrite(written.map(operationOf), { session, ordered: true });
  const byId = new Map(before.map((one) => [one['_id'], asStored(one)]));
  const undoing = written.map(([id]): Written => [id, byId.get(id)]);
  undoneBy(async () => {
    await documents.bulkWrite(undoing.map(operationOf), { session, ordered: true });
  });
}

function operationOf([id, document]: Written): object {
  const filter = { _id: id };
  return document === undefined
    ? { deleteOne: { filter } }
    : { replaceOne: { filter, replacement: document, upsert: true } };
}

function undoOf(documents: MongoCollection, session: MongoSession, id: string, before: MongoDocument | null): Undo {
  return async () => {
    if (before === null) await documents.deleteOne({ _id: id }, { session });
    else await documents.replaceOne({ _id: id }, asStored(before), { session, upsert: true });
  };
}
