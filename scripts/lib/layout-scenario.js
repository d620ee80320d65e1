// What a store has that is kept as a layout: as much as the release can do. In a page, with the release's own build.

const CHECKPOINT_EVENTS = 12;
const LARGE_STATE_BYTES = 110_000;
const PATIENCE_MS = 20_000;
const ORIGIN = { author: 'somebody', recordedAtMs: 1_700_000_000_000, seal: Uint8Array.of(1, 2, 3) };
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };

/** Records a store, and gives what lies in IndexedDB then, and what the release itself read of it. */
export async function recordLayout(name) {
  const daybook = await built('index.js');
  const application = await built('application.js').catch(() => undefined);
  const store = await daybook.openDaybook({ name });
  const { recorder } = store;
  const found = { replicaId: store.replicaId, tables: {}, snapshots: {}, units: [], counts: {} };
  const ids = [1, 2, 3, 4, 5].map((digit) => `${String(digit).repeat(8)}-0000-4000-8000-000000000000`);
  const [first, second, third, fourth, large] = ids;

  await recorder.insertEvents([event(first, 1), event(first, 2), event(second, 1)]);
  await recorder.insertEvents([event(first, 3)], { tracking: { applicationName: 'upstream', notificationId: 7 } });
  await recorder.insertEvents([{ ...event(second, 2), topic: 'Größe.Geändert 東京', state: new Uint8Array() }]);
  await recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 9 } });

  const sql = daybook.daybookSqlRecorder?.(store) ?? (typeof recorder.query === 'function' ? recorder : undefined);
  if (sql !== undefined && application !== undefined) await recordTables(sql, application, first, found);
  if (recorder.supports?.units === true) await recordUnits(recorder, { second, third, fourth });

  if ((await tableNames(name)).includes('checkpoints')) {
    for (let version = 1; version <= CHECKPOINT_EVENTS; version++) {
      await recorder.insertEvents([
        { ...event(large, version), state: new Uint8Array(LARGE_STATE_BYTES).fill(version) },
      ]);
    }
    await until(async () => (await dump(name)).checkpoints.length > 0);
    await recorder.insertEvents([event(large, CHECKPOINT_EVENTS + 1)]);
    if (sql !== undefined) {
      await sql.transaction(({ connection }) =>
        connection.query('UPDATE counts SET quantity = 13 WHERE item = $1', ['b']),
      );
    }
  }
  if (sql !== undefined) found.tables.counts = (await sql.query('SELECT * FROM counts ORDER BY item')).rows.map(plain);
  found.events = await Promise.all((await recorder.selectNotifications({ start: 1, limit: 1_000 })).map(shown));
  found.tracking = await recorder.maxTrackingId('upstream');
  if (recorder.supports?.units === true) {
    const { cursor, position, pendingUnits, setAsideUnits } = await recorder.syncProgress();
    found.progress = { cursor, position, pendingUnits, setAsideUnits };
    const pending = await recorder.selectPendingUnits(0, ALL);
    const aside = await recorder.selectSetAside(0, ALL);
    const known = [...pending, ...aside].map(({ id }) => id);
    const byEvent = found.events.map(({ id }) => id);
    found.units = (await recorder.findUnits([...known, ...byEvent])).map((unit) => unit ?? null);
    found.aside = aside.map(({ id, reason, command }) => ({
      ...{ id, code: reason.code },
      command: command === undefined ? null : new TextDecoder().decode(command),
    }));
  }
  await store.close();
  const records = await dump(name);
  for (const [table, rows] of Object.entries(records)) found.counts[table] = rows.length;
  found.counts.events = found.events.length;
  return { found, ...(await packed(records)), databaseVersion: await versionOf(name) };
}

/** A part of the release. By a name that is put together: Vite would look for what an early release does not have. */
function built(file) {
  return import(/* @vite-ignore */ new URL(`/dist/${file}`, location.href).href);
}

/** Own tables, and those of what was Daybook's own by then. */
async function recordTables(sql, application, first, found) {
  const snapshots = new application.SqlSnapshotStore({ recorder: sql });
  await snapshots.createTables();
  await new application.SqlOutbox({ recorder: sql }).createTables();
  await snapshots.upsert({
    ...{ originatorId: first, originatorVersion: 2, eventId: `${first}:2`, aggregateType: 'Item', stateVersion: 1 },
    ...{ state: new TextEncoder().encode('{"quantity":2}'), takenAtMs: 1_700_000_000_000 },
  });
  found.snapshots = { [first]: plain(await snapshots.select(first)) };
  await sql.transaction(async ({ connection }) => {
    await connection.query(
      'CREATE TABLE counts (item TEXT PRIMARY KEY, quantity INTEGER NOT NULL, weight REAL, photo BLOB)',
    );
    await connection.query(
      "INSERT INTO counts VALUES ('a', 1, 0.5, x'00ff'), ('b', 12, NULL, NULL), ('c', -3, 1e300, x'')",
    );
  });
  await sql.transaction(({ connection }) => connection.query("DELETE FROM counts WHERE item = 'c'"));
}

/** A unit of each standing: confirmed, of another device, set aside with what decided it, pending. */
async function recordUnits(recorder, { second, third, fourth }) {
  const [own] = await recorder.selectPendingUnits(0, ALL);
  const id = (digit) => `${digit.repeat(8)}-0000-4000-9000-000000000000`;
  const command = new TextEncoder().encode('{"type":"Count"}');
  await recorder
    .insertEvents([event(third, 1)], { unit: { id: id('a'), scopes: ['ward 7'], command } })
    .catch(() => recorder.insertEvents([event(third, 1)], { unit: { id: id('a'), scopes: ['ward 7'] } }));
  await recorder.insertEvents([event(fourth, 1), event(fourth, 2)], { unit: { id: id('b'), isCommutative: true } });
  const mine = { id: own.id, isCommutative: own.isCommutative, scopes: own.scopes, events: own.events };
  const total = own.events.length;
  const theirs = { ...event(third, 1), topic: 'item:Theirs' };
  await recorder.insertPage({
    ...{ from: '0', to: `${total + 1}-abc`, position: total + 1, head: total + 1 },
    units: [
      { ...mine, position: total, total, origin: ORIGIN },
      {
        ...{ id: id('c'), isCommutative: false, scopes: ['ward 7'], position: total + 1, total: 1, origin: ORIGIN },
        events: [theirs],
      },
    ],
  });
  // What a server refuses for good.
  await recorder.insertEvents([event(second, 3)], { unit: { id: id('d') } });
  await recorder.setAside([{ id: id('d'), reason: { code: 'REFUSED', message: 'No.' } }]);
}

function event(originatorId, originatorVersion) {
  const state = new TextEncoder().encode(JSON.stringify({ quantity: originatorVersion }));
  return { originatorId, originatorVersion, topic: 'item:Counted', state };
}

/** An event by a digest of its state. */
async function shown({ id, originatorId, originatorVersion, topic, state }) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', state));
  return { id, originatorId, originatorVersion, topic, digest: hex(digest).slice(0, 16) };
}

function plain(row) {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value instanceof Uint8Array ? `x${hex(value)}` : value]),
  );
}

function hex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function until(condition) {
  for (const endsAt = Date.now() + PATIENCE_MS; !(await condition());) {
    if (Date.now() > endsAt) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function withDatabase(name, work) {
  const database = await settled(indexedDB.open(`daybook:${name}`));
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

function tableNames(name) {
  return withDatabase(name, (database) => [...database.objectStoreNames]);
}

function versionOf(name) {
  return withDatabase(name, ({ version }) => version);
}

/** All that lies there: of each object store its keys and values. */
function dump(name) {
  return withDatabase(name, async (database) => {
    const records = {};
    for (const table of database.objectStoreNames) {
      const store = database.transaction(table).objectStore(table);
      const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
      records[table] = keys.map((key, index) => ({ key, value: values[index] }));
    }
    return records;
  });
}

/** Bytes as base64 of what deflate makes of them, so that a file of some kilobytes holds a store. */
async function packed(records) {
  const tables = {};
  for (const [table, rows] of Object.entries(records)) {
    tables[table] = [];
    for (const { key, value } of rows) {
      tables[table].push(value instanceof Uint8Array ? { key, deflated: await deflated(value) } : { key, value });
    }
  }
  return { tables };
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const packedBytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...packedBytes));
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
