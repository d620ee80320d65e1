/** What a hub is billed for, counted by the runtime itself: rows of tables and of indexes, requests, alarms, storage. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { openSyncHub } from '../../../src/hub/sync-hub.js';
import { headerProtocol, LIVE_PAGES, SOCKET_PROTOCOL } from '../../../src/sync/protocol/index.js';
import { HUB_COUNTS } from '../../support/hub-prices.js';
import type { HubCounts } from '../../support/hub-prices.js';
import { deviceRequest, pendingUnit, pendingUnits, pushRequest } from '../../support/unit-wire.js';
import { newName } from '../support/object-context.js';

const SOCKETS = 20;
const PUSHES = 100;

/** The storage of an object, and what its statements have read and written so far. */
function counted(storage: DurableObjectStorage): {
  readonly storage: DurableObjectStorage;
  take(): { readonly read: number; readonly written: number; readonly alarms: number };
} {
  let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  let alarms = 0;
  const bound = <T extends object>(target: T, own: Partial<Record<keyof T, unknown>>): T =>
    new Proxy(target, {
      get: (of, name) => {
        if (name in own) return own[name as keyof T];
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? (value.bind(of) as unknown) : value;
      },
    });
  const sql = bound(storage.sql, {
    exec: (text: string, ...values: unknown[]) => {
      const cursor = storage.sql.exec<Record<string, SqlStorageValue>>(text, ...values);
      cursors.push(cursor);
      return cursor;
    },
  });
  const setAlarm = async (at: number | Date): Promise<void> => {
    alarms++;
    await storage.setAlarm(at);
  };
  return {
    storage: bound(storage, { sql, setAlarm }),
    take() {
      const sum = (field: 'rowsRead' | 'rowsWritten'): number =>
        cursors.reduce((total, cursor) => total + cursor[field], 0);
      const found = { read: sum('rowsRead'), written: sum('rowsWritten'), alarms };
      cursors = [];
      alarms = 0;
      return found;
    },
  };
}

test('an event costs the rows that docs/edge.md says, and no more', async () => {
  const stub = env.EMPTY.getByName(newName());
  const counts = await runInDurableObject(stub, async (_object, context): Promise<HubCounts> => {
    const { storage, take } = counted(context.storage);
    const tokens = [{ token: 'ann', subject: 'ann' }];
    const own = new Proxy(context, {
      get: (of, name) => {
        if (name === 'storage') return storage;
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? (value.bind(of) as unknown) : value;
      },
    });
    const seals = { keys: [new Uint8Array(32).fill(5)] };
    const hub = await openSyncHub(own, { tokens, seals, limits: false });
    const as = (request: Request): Request => {
      request.headers.set('authorization', 'Bearer ann');
      return request;
    };
    const sockets: WebSocket[] = [];
    let told = 0;
    for (let index = 0; index < SOCKETS; index++) {
      const offered = {
        authorization: 'Bearer ann',
        'daybook-protocol': '2',
        'daybook-replica': crypto.randomUUID(),
      };
      const protocols = [
        SOCKET_PROTOCOL,
        ...Object.entries(offered).map(([name, value]) => headerProtocol(name, value)),
      ];
      const headers = { upgrade: 'websocket', 'sec-websocket-protocol': protocols.join(', ') };
      const { webSocket } = await hub.fetch(new Request(`http://hub/v2/live?${LIVE_PAGES}`, { headers }));
      webSocket!.addEventListener('message', ({ data }) => {
        if (String(data).startsWith('event: page')) told++;
      });
      webSocket!.accept();
      sockets.push(webSocket!);
    }
    // The first ones begin what the others go on with.
    const push = async (units = pendingUnits(1, 200)): Promise<void> => {
      const before = told;
      const answer = await hub.fetch(as(pushRequest(units)));
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      while (told < before + SOCKETS) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    for (let round = 0; round < 3; round++) await push();
    take();
    const bytesBefore = context.storage.sql.databaseSize;
    for (let round = 0; round < PUSHES; round++) await push();
    const { read, written, alarms } = take();
    const bytes = context.storage.sql.databaseSize - bytesBefore;

    const [ten = pendingUnit()] = pendingUnits(1);
    const [{ originatorId, topic, state }] = ten.events as [StoredEvent];
    const events = Array.from({ length: 10 }, (_, at) => ({ originatorId, originatorVersion: at + 1, topic, state }));
    await push([{ ...ten, events }]);
    const { written: writtenByTen } = take();
    await push(pendingUnits(10));
    const { written: writtenByTenUnits } = take();
    const head = await hub.unitLog.news({ eventsMax: 1, bytesMax: 1_000 });
    take();
    const poll = { after: head.end, events: 500, bytes: 1_000_000 };
    await (await hub.fetch(as(deviceRequest('/v2/units', poll)))).arrayBuffer();
    const idle = take();
    expect([idle.written, alarms, idle.alarms]).toEqual([0, 0, 0]);
    for (const socket of sockets) socket.close();
    return {
      rowsWritten: written / PUSHES,
      rowsWrittenByTenInUnit: writtenByTen,
      rowsWrittenByTenUnits: writtenByTenUnits,
      rowsRead: Math.ceil(read / PUSHES),
      rowsReadByIdleRequest: idle.read,
      bytes: Math.ceil(bytes / PUSHES),
    };
  });
  const { bytes, ...rows } = counts;
  const { bytes: bytesMax, ...rowsMax } = HUB_COUNTS;
  expect(rows).toEqual(rowsMax);
  // By whole pages of the file.
  expect(bytes).toBeLessThanOrEqual(bytesMax);
}, 60_000);
