/**
 * Answers MongoDB's driver as a server would, as far as the recorders ask: for faults that no real server makes on demand.
 *
 * It is no MongoDB, and what passes on it is no proof for one: it keeps documents in a `Map`, and its rules are those that
 * this project takes MongoDB to have. `MONGODB_URL` runs the suites on a real one.
 *
 * Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { BSON, ObjectId, Timestamp } from 'mongodb';
import { Refusal, StandInStore } from './mongo-stand-in-store.js';
import type { Document, Reading, View } from './mongo-stand-in-store.js';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;

/** What becomes of a command: answered with this, or the connection is cut before it is done, or after. */
export type Fault = Document | 'cut before' | 'cut after' | undefined;

/** A server. */
export interface MongoStandIn {
  /** For the driver. */
  readonly url: string;
  /** The commands that came, but for those of the driver's own, in their order. Integers of 64 bits are bigints. */
  readonly commands: readonly Document[];
  /** Asked before each of them. */
  onCommand: (name: string, command: Document) => Fault;
  /** Once a connection was cut, it takes no others. */
  isUnreachableAfterCut: boolean;
  close(): Promise<void>;
}

interface Running {
  readonly number: bigint;
  readonly view: View;
  state: 'open' | 'committed' | 'aborted';
}

/** @param isAlone - it is no member of a replica set, and has no transactions */
export async function openMongoStandIn({
  isAlone = false,
}: { readonly isAlone?: boolean } = {}): Promise<MongoStandIn> {
  const store = new StandInStore();
  const running = new Map<string, Running>();
  const commands: Document[] = [];
  const sockets = new Set<Socket>();
  const electionId = new ObjectId();
  let time = 1;
  let wasCut = false;

  const server = createServer((socket) => {
    if (wasCut && standIn.isUnreachableAfterCut) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let bytes = Buffer.alloc(0);
    // One after another, as a server does on one connection.
    let before: Promise<void> = Promise.resolve();
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 4 && bytes.length >= bytes.readInt32LE(0)) {
        const message = bytes.subarray(0, bytes.readInt32LE(0));
        bytes = bytes.subarray(message.length);
        before = before.then(() => answer(socket, message)).catch(() => void socket.destroy());
      }
    });
  });

  function cut(socket: Socket): void {
    wasCut = true;
    // The driver's own connections, which watch the server, too.
    for (const one of standIn.isUnreachableAfterCut ? sockets : [socket]) one.destroy();
  }

  async function answer(socket: Socket, message: Buffer): Promise<void> {
    const command = commandIn(message);
    const [name = ''] = Object.keys(command);
    const isOwn = /^(hello|ismaster|ping|endsessions)$/i.test(name);
    if (!isOwn) commands.push(command);
    const fault = isOwn ? undefined : standIn.onCommand(name, command);
    if (fault === 'cut before') {
      cut(socket);
      return;
    }
    const reply = typeof fault === 'object' ? { ok: 0, ...fault } : await replyTo(name, command);
    if (fault === 'cut after') {
      cut(socket);
      return;
    }
    const clusterTime = new Timestamp({ t: 1, i: ++time });
    const signature = { hash: new BSON.Binary(new Uint8Array(20)), keyId: 0n };
    const times = isAlone ? {} : { operationTime: clusterTime, $clusterTime: { clusterTime, signature } };
    socket.write(framed(message, { ...reply, ...times }));
  }

  async function replyTo(name: string, command: Document): Promise<Document> {
    for (;;) {
      try {
        return { ok: 1, ...run(name, command) };
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { code, codeName, more } = error;
        // Outside of a transaction the server waits for the one that is open.
        if (code === 112 && more['errorLabels'] === undefined) await new Promise((resolve) => setImmediate(resolve));
        else return { ok: 0, code, codeName, errmsg: codeName, ...more };
      }
    }
  }

  function run(name: string, command: Document): Document {
    if (/^(hello|ismaster)$/i.test(name)) return isAlone ? description() : { ...description(), ...membership() };
    if (/^ping$/i.test(name)) return {};
    if (/^endsessions$/i.test(name)) {
      for (const session of command[name] as readonly unknown[]) abort(running.get(JSON.stringify(session)));
      return {};
    }
    const collection = String(command[name]);
    if (name === 'commitTransaction' || name === 'abortTransaction') return end(name === 'commitTransaction', command);
    const view = viewOf(command);
    try {
      return runIn(view, name, collection, command);
    } catch (error) {
      // Any error undoes the transaction.
      const mine = running.get(sessionOf(command));
      if (mine?.view === view) abort(mine);
      throw error;
    }
  }

  function runIn(view: View, name: string, collection: string, command: Document): Document {
    const one = (key: string): Document => (command[key] ?? {}) as Document;
    const many = (key: string): readonly Document[] => command[key] as readonly Document[];
    const given = (change: Document): Parameters<StandInStore['update']>[2] => ({
      filter: (change['q'] ?? change['query']) as Document,
      change: (change['u'] ?? change['update']) as Document,
      isUpsert: change['upsert'] === true,
    });
    switch (name) {
      case 'create':
        store.create(collection);
        return {};
      case 'createIndexes':
        for (const { name: index, key, unique } of many('indexes')) {
          if (unique === true) store.index(collection, { name: String(index), fields: Object.keys(key as object) });
        }
        return {};
      case 'find': {
        const firstBatch = store.find(view, collection, one('filter'), readingOf(command));
        return { cursor: { id: 0n, ns: `test.${collection}`, firstBatch } };
      }
      case 'aggregate': {
        const [{ $match = {} } = {}] = many('pipeline');
        const n = store.find(view, collection, $match as Document).length;
        return { cursor: { id: 0n, ns: `test.${collection}`, firstBatch: n === 0 ? [] : [{ _id: 1, n }] } };
      }
      case 'findAndModify':
        return { value: store.update(view, collection, given(command))?.after ?? null };
      case 'insert':
        return written(view, many('documents'), (document) => store.insert(view, collection, document));
      case 'update': {
        const upserted: Document[] = [];
        let n = 0;
        const reply = written(view, many('updates'), (change, index) => {
          const result = store.update(view, collection, given(change));
          if (result !== undefined) n++;
          if (result?.isNew === true) upserted.push({ index, _id: result.after['_id'] });
        });
        return { ...reply, n, nModified: n - upserted.length, ...(upserted.length > 0 ? { upserted } : {}) };
      }
      case 'delete': {
        let n = 0;
        for (const { q, limit } of many('deletes')) {
          const found = store.find(view, collection, q as Document, { limit: Number(limit) });
          for (const document of found) store.remove(view, collection, document);
          n += found.length;
        }
        return { n };
      }
      default:
        throw new Refusal(59, 'CommandNotFound');
    }
  }

  /** Duplicate keys are told in the answer, and undo the transaction all the same. */
  function written(
    view: View,
    changes: readonly Document[],
    write: (change: Document, index: number) => void,
  ): Document {
    for (const [index, change] of changes.entries()) {
      try {
        write(change, index);
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== 11_000) throw error;
        const mine = [...running.values()].find((one) => one.view === view);
        if (mine !== undefined) abort(mine);
        return { n: index, writeErrors: [{ index, code: error.code, ...error.more }] };
      }
    }
    return { n: changes.length };
  }

  function viewOf(command: Document): View {
    if (command['autocommit'] !== false) return store.committed;
    if (isAlone) throw new Refusal(20, 'IllegalOperation');
    const [session, number] = [sessionOf(command), command['txnNumber'] as bigint];
    const mine = running.get(session);
    if (command['startTransaction'] === true) {
      if (mine?.state === 'open') abort(mine);
      const begun: Running = { number, view: store.begin(), state: 'open' };
      running.set(session, begun);
      return begun.view;
    }
    if (mine?.number === number && mine.state === 'open') return mine.view;
    throw noSuchTransaction();
  }

  function end(isCommit: boolean, command: Document): Document {
    const mine = running.get(sessionOf(command));
    if (mine === undefined || mine.number !== command['txnNumber'] || mine.state === 'aborted')
      throw noSuchTransaction();
    if (!isCommit) abort(mine);
    // A commit that is asked for again has been, and is not made twice.
    else if (mine.state === 'open') {
      store.commit(mine.view);
      mine.state = 'committed';
    }
    return {};
  }

  function abort(mine: Running | undefined): void {
    if (mine === undefined) return;
    store.end(mine.view);
    if (mine.state === 'open') mine.state = 'aborted';
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  const membership = (): Document => ({
    ...{ setName: 'rs0', hosts: [host], me: host, primary: host, setVersion: 1, electionId },
  });
  const standIn: MongoStandIn = {
    url: `mongodb://${host}/test?${isAlone ? '' : 'replicaSet=rs0&'}serverSelectionTimeoutMS=2000&heartbeatFrequencyMS=500`,
    commands,
    onCommand: () => undefined,
    isUnreachableAfterCut: false,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return standIn;
}

function readingOf({ sort, skip, limit, projection }: Document): Reading {
  return {
    ...(sort === undefined ? {} : { sort: sort as Document }),
    ...(projection === undefined ? {} : { projection: projection as Document }),
    ...{ skip: Number(skip ?? 0), limit: Number(limit ?? 0) },
  };
}

function description(): Document {
  const limits = { maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000 };
  const wire = { minWireVersion: 0, maxWireVersion: 21, logicalSessionTimeoutMinutes: 30, readOnly: false };
  return { helloOk: true, ismaster: true, isWritablePrimary: true, ...limits, ...wire, localTime: new Date() };
}

function noSuchTransaction(): Refusal {
  return new Refusal(251, 'NoSuchTransaction', { errorLabels: ['TransientTransactionError'] });
}

function sessionOf(command: Document): string {
  return JSON.stringify(command['lsid']);
}

/** What a message asks for, with the documents that stand beside it. */
function commandIn(message: Buffer): Document {
  const read = (bytes: Buffer): Document => BSON.deserialize(bytes, { useBigInt64: true });
  if (message.readInt32LE(12) === OP_QUERY) return read(message.subarray(message.indexOf(0, 20) + 9));
  const command: Document = {};
  for (let at = HEADER_BYTES + 4; at < message.length;) {
    const kind = message.readUInt8(at++);
    const size = message.readInt32LE(at);
    if (kind === 0) Object.assign(command, read(message.subarray(at, at + size)));
    else {
      const nameEnd = message.indexOf(0, at + 4);
      const documents: Document[] = [];
      for (let next = nameEnd + 1; next < at + size; next += message.readInt32LE(next)) {
        documents.push(read(message.subarray(next, next + message.readInt32LE(next))));
      }
      command[message.toString('utf8', at + 4, nameEnd)] = documents;
    }
    at += size;
  }
  return command;
}

function framed(message: Buffer, reply: Document): Buffer {
  const body = BSON.serialize(reply);
  const isQuery = message.readInt32LE(12) === OP_QUERY;
  // Flags, cursor, where it begins, and how many there are; or flags and the kind of section.
  const head = isQuery ? Buffer.from([8, ...Array<number>(15).fill(0), 1, 0, 0, 0]) : Buffer.alloc(5);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + head.length + body.length, 0);
  header.writeInt32LE(message.readInt32LE(4), 8);
  header.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12);
  return Buffer.concat([header, head, body]);
}
