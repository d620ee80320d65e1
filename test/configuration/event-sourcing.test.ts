/**
 * `createEventSourcing`: which engine a configuration chooses, what is refused before anything is opened, and that an
 * application runs on what it made.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, expectTypeOf, inject, test } from 'vitest';
import { openSchool } from '../../examples/configuration/from-configuration.js';
import { Application } from '../../src/application/application.js';
import { command, event } from '../../src/domain/message-types.js';
import { defineDecider } from '../../src/domain/decider.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import type { OutboundMessage } from '../../src/application/outbox/publisher.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { AESCipher } from '../../src/persistence/mapping/aes-cipher.js';
import { EnvironmentError } from '../../src/environment/environment-error.js';
import { ConfigurationError } from '../../src/configuration/configuration-error.js';
import { createEventSourcing } from '../../src/configuration/event-sourcing.js';
import type { EventSourcing, EventSourcingOptions } from '../../src/configuration/event-sourcing.js';
import type { EventSourcingConfig } from '../../src/configuration/event-sourcing-config.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { cloudEvents } from '../../src/publishing/cloud-events.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const counter = defineDecider({
  name: 'Counter',
  events: { Counted: event<{ by: number }>() },
  commands: { Count: command<{ by: number }>() },
  initialState: () => ({ total: 0 }),
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: ({ total }, { data }) => ({ total: total + data.by }) },
});
const count = { type: 'Count', data: { by: 2 } } as const;

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

async function make(config: EventSourcingConfig, options?: EventSourcingOptions): Promise<EventSourcing> {
  const made = await createEventSourcing({ ...config, enabled: true }, options);
  opened.push(made);
  return made;
}

async function inFolder(): Promise<string> {
  const folder = await makeTemporaryFolder();
  opened.push({ [Symbol.asyncDispose]: () => folder.remove() });
  return folder.path;
}

async function rejectionOf(config: unknown, options?: EventSourcingOptions): Promise<unknown> {
  return await createEventSourcing(config as EventSourcingConfig, options).catch((error: unknown) => error);
}

/** What was sent, and what sends it. */
function collecting(): { readonly sent: OutboundMessage[]; publish(message: OutboundMessage): Promise<void> } {
  const sent: OutboundMessage[] = [];
  return { sent, publish: async (message) => void sent.push(message) };
}

/** Snapshots at every event, so that one is taken. */
const applicationOn = ({ applicationOptions, snapshots }: EventSourcing): Application =>
  new Application({ ...applicationOptions, snapshots: { store: snapshots, interval: 1 }, aggregates: [counter] });

const postgresAddress = (): string => inject('pgUrl').replace(/^postgres(ql)?:/, 'postgresql+asyncpg:');

describe('enabled', () => {
  test.each([undefined, {}, { enabled: false }, { enabled: null }, { enabled: false, store: { provider: 'sqlite' } }])(
    'is false in %j, and nothing is made',
    async (config) => {
      expect(await createEventSourcing(config as EventSourcingConfig)).toBeNull();
    },
  );

  test('says in the type whether there can be nothing', () => {
    const config: EventSourcingConfig = {};
    const certain = () => createEventSourcing({ enabled: true });
    const perhaps = () => createEventSourcing(config);
    expectTypeOf(certain).returns.resolves.toEqualTypeOf<EventSourcing>();
    expectTypeOf(perhaps).returns.resolves.toEqualTypeOf<EventSourcing | null>();
  });
});

describe('memory', () => {
  test.each([{}, { store: { provider: 'memory' }, snapshot: null }, { store: { provider: ' ', url: '' } }])(
    'is what %j says',
    async (config) => {
      const made = await make(config as EventSourcingConfig);
      expect(made.recorder).toBeInstanceOf(MemoryProcessRecorder);
      expect(made.snapshots).toBeInstanceOf(MemorySnapshotStore);
      expect([made.sql, made.outbox, made.publisher]).toEqual([null, null, null]);
      expect(await applicationOn(made).execute(counter, crypto.randomUUID(), count)).toMatchObject({ version: 1 });
    },
  );

  test('needs no address, and does not mind one where it is chosen by name', async () => {
    const made = await make({ store: { provider: 'memory', url: 'postgresql://nowhere/x' } });
    expect(made.recorder).toBeInstanceOf(MemoryProcessRecorder);
  });

  test('publishes, when it is told how', async () => {
    const { sent, publish } = collecting();
    const made = await make({}, { publisher: publish });
    expect(made.outbox).toBeInstanceOf(MemoryOutbox);
    await applicationOn(made).execute(counter, crypto.randomUUID(), count);
    expect(sent).toEqual([]);
    made.publisher?.start();
    await expect.poll(() => sent.map(({ destination }) => destination)).toEqual(['daybook.events']);
  });
});

describe('sqlite', () => {
  test('is a file, with snapshots and the outbox beside the events', async () => {
    const path = join(await inFolder(), 'app.db');
    const config: EventSourcingConfig = {
      store: { provider: 'sqlite' },
      snapshot: { provider: 'sqlite' },
      publisher: { destination: 'counters' },
      data: { relational: { url: `sqlite+aiosqlite:///${path}` } },
    };
    const id = crypto.randomUUID();
    const first = await make(config, { publisher: collecting().publish });
    expect(first.snapshots).toBeInstanceOf(SqlSnapshotStore);
    expect(first.outbox).toBeInstanceOf(SqlOutbox);
    expect(first.recorder).toBe(first.sql);
    await applicationOn(first).execute(counter, id, count);
    await first.close();
    await first.close();
    await expect(first.recorder.maxNotificationId()).rejects.toThrow();

    const { sent, publish } = collecting();
    const second = await make(config, { publisher: publish });
    expect((await second.snapshots.select(id))?.originatorVersion).toBe(1);
    expect(await applicationOn(second).repository.load(counter, id)).toMatchObject({ state: { total: 2 } });
    second.publisher?.start();
    await expect.poll(() => sent.map(({ destination }) => destination)).toEqual(['counters']);
    // The pending entry was of the first process; it is published once.
    expect(await second.outbox?.counts()).toMatchObject({ pending: 0, published: 1 });
  });

  test('is app.db in the working folder, when nothing says where', async () => {
    const folder = await inFolder();
    const before = process.cwd();
    process.chdir(folder);
    try {
      await (await make({ store: { provider: 'sqlite' }, data: { relational: { url: '' } } })).close();
    } finally {
      process.chdir(before);
    }
    expect(existsSync(join(folder, 'app.db'))).toBe(true);
  });

  test('keeps snapshots in another file, without tables for events', async () => {
    const folder = await inFolder();
    const url = (file: string): string => `sqlite:${join(folder, file)}`;
    const made = await make({
      name: 'Counting',
      store: { provider: 'sqlite', url: url('events.db') },
      snapshot: { provider: 'sqlite', url: url('snapshots.db') },
      data: { relational: { url: 'postgresql://nowhere/x' } },
    });
    const id = crypto.randomUUID();
    await applicationOn(made).execute(counter, id, count);
    expect((await made.snapshots.select(id))?.originatorVersion).toBe(1);
    const tables = async (file: string): Promise<unknown[]> => {
      const { sql } = await make(
        { store: { provider: 'sqlite', url: url(file) } },
        { settings: { CREATE_TABLE: 'no' } },
      );
      const found = await sql?.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1");
      return (found?.rows ?? []).map(({ name }) => name);
    };
    expect(await tables('snapshots.db')).toEqual(['counting_states']);
    expect(await tables('events.db')).toContain('stored_events');
    expect(await tables('events.db')).not.toContain('counting_states');
  });

  test('that cannot be opened is said, and nothing stays open', async () => {
    const folder = await inFolder();
    const config: EventSourcingConfig = {
      enabled: true,
      store: { provider: 'sqlite', url: `sqlite:///${join(folder, 'events.db')}` },
      snapshot: { provider: 'sqlite', url: `sqlite:///${join(folder, 'missing', 'snapshots.db')}` },
    };
    expect(await rejectionOf(config)).toMatchObject({ code: 'OPERATIONAL_ERROR' });
    // The last connection of a file takes its write-ahead log away.
    expect(existsSync(join(folder, 'events.db'))).toBe(true);
    expect(existsSync(join(folder, 'events.db-wal'))).toBe(false);
  });

  test.each([':memory:', 'sqlite://', 'sqlite:///', 'sqlite:///:memory:', 'file::memory:'])(
    '%s is memory',
    async (url) => {
      const made = await make({ store: { provider: 'sqlite', url }, snapshot: { provider: 'sqlite', url } });
      const id = crypto.randomUUID();
      await applicationOn(made).execute(counter, id, count);
      expect((await made.snapshots.select(id))?.originatorVersion).toBe(1);
      expect(await applicationOn(made).repository.load(counter, id)).toMatchObject({ version: 1 });
      // One place is opened once: in memory, each opening would be a database of its own.
      const tables = await made.sql?.query(
        "SELECT name FROM sqlite_master WHERE name IN ('stored_events', 'snapshots')",
      );
      expect(tables?.rows).toHaveLength(2);
    },
  );
});

test('writes nothing for a publisher that is not there', async () => {
  const made = await make({ store: { provider: 'sqlite', url: `sqlite:///${join(await inFolder(), 'events.db')}` } });
  await applicationOn(made).execute(counter, crypto.randomUUID(), count);
  expect([made.outbox, made.publisher]).toEqual([null, null]);
  const { rows } = (await made.sql?.query('SELECT name FROM sqlite_master')) ?? { rows: [] };
  expect(rows.length).toBeGreaterThan(2);
  expect(rows.filter(({ name }) => String(name).includes('outbox'))).toEqual([]);
});

describe('postgres', () => {
  test('has tables of the application’s name, and settings of pools and ciphers', async () => {
    const name = uniqueName();
    const { sent, publish } = collecting();
    const key = AESCipher.createKey(32);
    const made = await make(
      {
        name,
        store: { provider: 'postgres' },
        snapshot: { provider: 'postgres', url: postgresAddress() },
        publisher: { destination: name },
        data: { relational: { url: postgresAddress() } },
      },
      {
        publisher: publish,
        format: cloudEvents,
        settings: {
          CIPHER_KEY: key,
          COMPRESSOR_TOPIC: 'zlib',
          // Neither counts: the configuration says which database.
          POSTGRES_DBNAME: 'another',
          [`${name.toUpperCase()}_DATABASE_URL`]: 'postgresql://127.0.0.1:1/another',
        },
      },
    );
    const id = crypto.randomUUID();
    await applicationOn(made).execute(counter, id, count);
    expect(await applicationOn(made).repository.load(counter, id)).toMatchObject({ version: 1, state: { total: 2 } });
    expect((await made.snapshots.select(id))?.originatorVersion).toBe(1);
    expect(await tablesOf(name)).toEqual([`${name}_events`, `${name}_outbox`, `${name}_states`, `${name}_tracking`]);
    const { rows } = (await made.sql?.query(`SELECT state FROM ${name}_events`)) ?? { rows: [] };
    expect(new TextDecoder().decode(rows[0]?.['state'] as Uint8Array)).not.toContain('"by"');
    const waiting = await made.sql?.query(`SELECT event_data::text AS data FROM ${name}_outbox`);
    expect(waiting?.rows[0]?.['data']).not.toContain('Counted');
    made.publisher?.start();
    await expect.poll(() => sent.length).toBe(1);
    expect(sent[0]).toMatchObject({ destination: name, contentType: expect.stringContaining('cloudevents') as string });
    await made.close();
    await expect(made.recorder.maxNotificationId()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
  });

  test('has no snapshots’ table without need, and needs one connection only', async () => {
    const name = uniqueName();
    const made = await make({ name, store: { provider: 'postgres', url: inject('pgUrl') } });
    expect(made.snapshots).toBeInstanceOf(MemorySnapshotStore);
    expect(await tablesOf(name)).toEqual([`${name}_events`, `${name}_tracking`]);
    // On one connection, which a snapshot after the commit needs as well.
    const settings = { POSTGRES_POOL_SIZE: '1', POSTGRES_MAX_OVERFLOW: '0', POSTGRES_POOL_TIMEOUT: '5' };
    const place = { provider: 'postgres', url: inject('pgUrl') } as const;
    const one = await make({ name: uniqueName(), store: place, snapshot: place }, { settings });
    const id = crypto.randomUUID();
    await applicationOn(one).execute(counter, id, count);
    expect((await one.snapshots.select(id))?.originatorVersion).toBe(1);
  });

  async function tablesOf(name: string): Promise<unknown[]> {
    await using pool = await createPgPool({ connectionString: inject('pgUrl') });
    const { rows } = await pool.query(
      'SELECT table_name AS name FROM information_schema.tables WHERE table_name LIKE $1 ORDER BY 1',
      [`${name}%`],
    );
    return rows.map((row) => row['name']);
  }
});

describe('a configuration that is wrong', () => {
  type Row = readonly [keys: string, config: unknown, value: string | undefined];
  const sqlite = (url: string): object => ({ enabled: true, store: { provider: 'sqlite', url } });
  const rows: readonly Row[] = [
    ['enabled', { enabled: 'yes' }, '"yes"'],
    ['(the whole)', 'sqlite', '"sqlite"'],
    ['store', { store: ['sqlite'] }, '["sqlite"]'],
    ['store.provider', { store: { provider: 'sqlalchemy' } }, '"sqlalchemy"'],
    ['store.provider', { store: { provider: 'constructor' } }, '"constructor"'],
    ['store.provider', { store: { provider: 1 } }, '1'],
    ['store.provider', { store: { url: 'postgresql://host/db' } }, undefined],
    ['snapshot.provider', { snapshot: { provider: 'SQLite' } }, '"SQLite"'],
    ['store.uri', { store: { provider: 'sqlite', uri: 'x' } }, '"x"'],
    ['eda', { eda: { destination: 'x' } }, '{"destination":"x"}'],
    ['publisher.topic', { publisher: { topic: 'x' } }, '"x"'],
    ['publisher.destination', { publisher: { destination: 7 } }, '7'],
    ['name', { name: 'my shop' }, '"my shop"'],
    ['name', { name: 'x'.repeat(34) }, `"${'x'.repeat(34)}"`],
    ['data.relational.url', { data: { relational: { url: 7 } } }, undefined],
    ['store.url, data.relational.url', { store: { provider: 'postgres' } }, undefined],
    ['snapshot.url', { snapshot: { provider: 'postgres', url: 'sqlite:///app.db' } }, undefined],
    [
      'data.relational.url',
      { store: { provider: 'sqlite' }, data: { relational: { url: 'postgresql://h/d' } } },
      undefined,
    ],
    ...['app.db', 'sqlite:', 'sqlite://host/app.db', 'sqlite:///app.db?mode=ro', 'mysql://host/db'].map((url): Row => [
      'store.url',
      sqlite(url),
      undefined,
    ]),
    ...['postgresql:', 'postgresql://', 'postgresql://host:port/db', 'http://host/db'].map((url): Row => [
      'store.url',
      { store: { provider: 'postgres', url } },
      undefined,
    ]),
  ];
  test.each(rows)('%s is named in the refusal of %j', async (keys, config, value) => {
    const error = await rejectionOf(config);
    expect(error).toBeInstanceOf(ConfigurationError);
    const { details, code, message } = error as ConfigurationError;
    expect(code).toBe('CONFIGURATION_ERROR');
    expect({ keys: details.keys, value: details.value }).toEqual({ keys, value });
    expect(details.expected).not.toBe('');
    expect(message).toContain(keys);
  });

  test('keeps passwords out of the error', async () => {
    const error = await rejectionOf({ store: { provider: 'sqlite', url: 'postgresql://anna:p4ssword@host/db' } });
    expect(JSON.stringify([(error as Error).message, error])).not.toContain('p4ssword');
  });

  test('is refused before anything is opened, and so is a wrong setting', async () => {
    const path = join(await inFolder(), 'events.db');
    const store = { provider: 'sqlite', url: `sqlite:///${path}` } as const;
    const wrong: [EventSourcingConfig, EventSourcingOptions?][] = [
      [{ enabled: true, store, snapshot: { provider: 'postgres' } }],
      [{ enabled: true, store }, { settings: { CREATE_TABLE: 'maybe' } }],
      [{ enabled: true, store }, { settings: { SQLITE_LOCK_TIMEOUT: 'long' } }],
      [{ enabled: true, store }, { settings: { CIPHER_KEY: 'short' } }],
      [
        { enabled: true, store, snapshot: { provider: 'postgres', url: 'postgresql://h/d' } },
        { settings: { POSTGRES_POOL_SIZE: 'many' } },
      ],
    ];
    for (const [config, options] of wrong) {
      const error = await rejectionOf(config, options);
      expect(error).toBeInstanceOf(options === undefined ? ConfigurationError : EnvironmentError);
    }
    expect(existsSync(path)).toBe(false);
  });
});

describe('the example', () => {
  test('opens the school that the configuration says', async () => {
    const folder = await inFolder();
    const store = { provider: 'sqlite', url: `sqlite:///${join(folder, 'school.db')}` } as const;
    const dogId = crypto.randomUUID();
    {
      await using school = await openSchool({ store });
      expect(await school.addTrick(dogId, 'roll over')).toEqual(['roll over']);
    }
    const { sent, publish } = collecting();
    await using again = await openSchool({ store }, { publish });
    expect(await again.addTrick(dogId, 'play dead')).toEqual(['roll over', 'play dead']);
    await expect.poll(() => sent.length).toBe(1);
  });
});
