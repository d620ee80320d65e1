import { describe, expect, test } from 'vitest';
import type { DomainEvent } from '../../src/domain/domain-event.js';
import { UUID } from '../../src/domain/uuid.js';
import { AESCipher } from '../../src/persistence/mapping/aes-cipher.js';
import type { Cipher } from '../../src/persistence/mapping/cipher.js';
import type { Compressor } from '../../src/persistence/mapping/compressor.js';
import { EnvironmentError } from '../../src/environment/environment-error.js';
import { Environment } from '../../src/environment/environment.js';
import { MapperDeserialisationError } from '../../src/persistence/errors.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { InfrastructureFactory } from '../../src/configuration/infrastructure-factory.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { KeyRingCipher } from '../../src/persistence/mapping/key-ring-cipher.js';
import { MemoryFactory } from '../../src/persistence/memory/memory-factory.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { RecorderFactory } from '../../src/persistence/recorder-factory.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { ZlibCompressor } from '../../src/persistence/mapping/zlib-compressor.js';
import { makeEvents } from '../support/stored-events.js';

const originatorId = 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5';
const counted: DomainEvent = { originatorId, originatorVersion: 1, type: 'Counted', data: { quantity: 12 } };
const construct = async (values: Record<string, string | undefined> = {}, name = ''): Promise<InfrastructureFactory> =>
  await InfrastructureFactory.construct(new Environment(values, { name }));

async function rejectionOf(promise: Promise<unknown>): Promise<EnvironmentError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(EnvironmentError);
  return thrown as EnvironmentError;
}

describe('PERSISTENCE_MODULE', () => {
  test.each([
    {},
    { PERSISTENCE_MODULE: '' },
    { PERSISTENCE_MODULE: 'memory' },
    { PERSISTENCE_MODULE: 'eventsourcing.popo' },
    { PERSISTENCE_MODULE: 'eventsourcing.popo:Factory' },
    { INFRASTRUCTURE_FACTORY: 'eventsourcing.popo:Factory' },
    { FACTORY_TOPIC: 'eventsourcing.popo:Factory' },
    { PERSISTENCE_MODULE: 'memory', INFRASTRUCTURE_FACTORY: 'nothing', FACTORY_TOPIC: 'nothing' },
    { PERSISTENCE_MODULE: ' ', INFRASTRUCTURE_FACTORY: 'memory', FACTORY_TOPIC: 'nothing' },
    { PERSISTENCE_MODULE: 'nothing', TESTCASE_PERSISTENCE_MODULE: 'memory' },
  ])('%j is memory', async (values) => {
    const factory = await construct(values, 'testcase');
    expect(await factory.processRecorder()).toBeInstanceOf(MemoryProcessRecorder);
  });

  test.each([
    ['postgres', 'postgres', 'PostgresFactory', 'daybook/postgres'],
    ['eventsourcing.postgres', 'postgres', 'PostgresFactory', 'daybook/postgres'],
    ['node-sqlite', 'node-sqlite', 'NodeSqliteFactory', 'daybook/node-sqlite'],
    ['sqljs', 'sqljs', 'SqlJsFactory', 'daybook/sqlite'],
  ])('%s is refused with the line to add, where it was not registered', async (setting, name, factory, path) => {
    const error = await rejectionOf(construct({ PERSISTENCE_MODULE: setting }));
    expect(error.details).toEqual({
      keys: 'PERSISTENCE_MODULE',
      value: setting,
      expected: 'the name of a registered module (memory)',
    });
    expect(error.message).toContain(
      `import { ${factory} } from '${path}'; InfrastructureFactory.register('${name}', ${factory});`,
    );
  });

  test('names both ways where the Python library has one name for two', async () => {
    const error = await rejectionOf(construct({ FACTORY_TOPIC: 'eventsourcing.sqlite:Factory' }));
    expect(error.details.keys).toBe('FACTORY_TOPIC');
    expect(error.message).toMatch(/NodeSqliteFactory.* or: .*SqlJsFactory/);
  });

  test('is refused when it is anything else', async () => {
    const error = await rejectionOf(construct({ TESTCASE_PERSISTENCE_MODULE: 'constructor' }, 'testcase'));
    expect(error.details.keys).toBe('TESTCASE_PERSISTENCE_MODULE');
    expect(error.message).toContain('Register a module of your own');
  });
});

class RecordingFactory implements RecorderFactory {
  readonly asked: string[] = [];
  readonly #memory: MemoryFactory;

  constructor(environment: Environment) {
    this.#memory = new MemoryFactory(environment);
    this.asked.push(environment.required('OWN_ADDRESS'));
  }
  async aggregateRecorder(purpose: string): ReturnType<RecorderFactory['aggregateRecorder']> {
    this.asked.push(purpose);
    return await this.#memory.aggregateRecorder(purpose);
  }
  async applicationRecorder(): ReturnType<RecorderFactory['applicationRecorder']> {
    this.asked.push('application');
    return await this.#memory.applicationRecorder();
  }
  async processRecorder(): ReturnType<RecorderFactory['processRecorder']> {
    this.asked.push('process');
    return await this.#memory.processRecorder();
  }
  async close(): Promise<void> {
    this.asked.push('closed');
    await this.#memory.close();
  }
}

describe('an engine of one’s own', () => {
  const environment = new Environment({ PERSISTENCE_MODULE: 'own-engine', OWN_ADDRESS: 'here' });

  test('is found by the name that it was registered under, for every factory', async () => {
    const made: RecordingFactory[] = [];
    class OwnFactory extends RecordingFactory {
      constructor(given: Environment) {
        super(given);
        made.push(this);
      }
    }
    InfrastructureFactory.register('own-engine', OwnFactory);
    {
      await using factory = await InfrastructureFactory.construct(environment);
      await factory.aggregateRecorder();
      await factory.aggregateRecorder('snapshots');
      await factory.applicationRecorder();
      await factory.processRecorder();
    }
    expect(made[0]?.asked).toEqual(['here', 'events', 'snapshots', 'application', 'process', 'closed']);
    const error = await rejectionOf(construct({ PERSISTENCE_MODULE: 'own-engine' }));
    expect(error.details.keys).toBe('OWN_ADDRESS');
    expect((await rejectionOf(construct({ PERSISTENCE_MODULE: 'x' }))).details.expected).toContain(
      'memory, own-engine',
    );
  });

  test('can be given to one factory only', async () => {
    const modules = { given: RecordingFactory };
    const values = new Environment({ PERSISTENCE_MODULE: 'given', OWN_ADDRESS: 'here' });
    const factory = await InfrastructureFactory.construct(values, { modules });
    expect(await factory.processRecorder()).toBeInstanceOf(MemoryProcessRecorder);
    await rejectionOf(InfrastructureFactory.construct(values));
  });

  test.each([
    ['', MemoryFactory],
    ['engine', 'eventsourcing.popo'],
    ['engine', undefined],
  ])('named %j is refused when it is %s', (name, module) => {
    expect(() => InfrastructureFactory.register(name, module as never)).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
  });
});

describe('a class that extends the factory', () => {
  class CompressingFactory extends InfrastructureFactory {
    override compressor(): Compressor {
      return super.compressor() ?? new ZlibCompressor();
    }
    readonly isMine = true;
  }

  test('is what construct makes, and its parts are used', async () => {
    const factory = await CompressingFactory.construct(new Environment());
    expect(factory.isMine).toBe(true);
    const mapper = await factory.mapper();
    const large = { ...counted, data: { text: 'x'.repeat(1_000) } };
    expect((await mapper.toStoredEvent(large)).state.length).toBeLessThan(100);
  });
});

describe('the mapper', () => {
  test('has neither compressor nor cipher unless told', async () => {
    const factory = await construct();
    expect(factory.compressor()).toBeUndefined();
    expect(await factory.cipher()).toBeUndefined();
    const mapper = await factory.mapper();
    expect(mapper).toBeInstanceOf(Mapper);
    expect(new TextDecoder().decode((await mapper.toStoredEvent(counted)).state)).toBe('{"quantity":12}');
  });

  test('has the three transcodings of the Python library', async () => {
    const transcoder = (await construct()).transcoder();
    const id = UUID.parse(originatorId);
    const bytes = await transcoder.encode({ id });
    expect(new TextDecoder().decode(bytes)).toBe(
      '{"id":{"_type_":"uuid_hex","_data_":"b2723fe2c01a40d2875ea3aac6a09ff5"}}',
    );
    expect(await transcoder.decode(bytes)).toEqual({ id });
  });

  test('takes what the application adds to it', async () => {
    const mapper = await (
      await construct({ COMPRESSOR_TOPIC: 'zlib' })
    ).mapper({
      compressor: undefined,
      versions: { Counted: { version: 2, upcasts: { 1: (data) => data } } },
    });
    expect(new TextDecoder().decode((await mapper.toStoredEvent(counted)).state)).toBe(
      '{"quantity":12,"class_version":2}',
    );
  });
});

describe('COMPRESSOR_TOPIC', () => {
  test.each(['zlib', 'eventsourcing.compressor:ZlibCompressor', ' zlib '])('%j is zlib', async (topic) => {
    const factory = await construct({ COMPRESSOR_TOPIC: topic });
    expect(factory.compressor()).toBeInstanceOf(ZlibCompressor);
    expect((await (await factory.mapper()).toStoredEvent(counted)).state[0]).toBe(0x78);
  });

  test.each(['', ' '])('%j is none', async (topic) => {
    expect((await construct({ COMPRESSOR_TOPIC: topic })).compressor()).toBeUndefined();
  });

  test.each(['bz2', 'toString', '__proto__'])('%j is refused, and what there is is named', async (topic) => {
    const factory = await construct({ APP1_COMPRESSOR_TOPIC: topic }, 'app1');
    const error = await rejectionOf(factory.mapper());
    expect(error.details).toEqual({
      keys: 'APP1_COMPRESSOR_TOPIC',
      value: topic,
      expected: 'one of the topics zlib, eventsourcing.compressor:ZlibCompressor',
    });
  });
});

describe('CIPHER_TOPIC and CIPHER_KEY', () => {
  const key = AESCipher.createKey(16);

  test.each([
    { CIPHER_KEY: key },
    { CIPHER_KEY: key, CIPHER_TOPIC: 'aes' },
    { CIPHER_KEY: key, CIPHER_TOPIC: 'eventsourcing.cipher:AESCipher' },
    { CIPHER_KEY: key, CIPHER_TOPIC: 'eventsourcing.cryptography:AESCipher' },
    { CIPHER_KEY: ` ${key}\n` },
  ])('make AES of %j', async (values) => {
    const factory = await construct(values);
    expect(await factory.cipher()).toBeInstanceOf(AESCipher);
    const stored = await (await factory.mapper()).toStoredEvent(counted);
    expect(stored.state.length).toBe('{"quantity":12}'.length + 28);
    const sameKey = await construct({ CIPHER_KEY: key });
    expect(await (await sameKey.mapper()).toDomainEvent(stored)).toEqual(counted);
  });

  test.each(['aes', 'eventsourcing.cipher:AESCipher'])('a topic without a key: %s', async (topic) => {
    const factory = await construct({ CIPHER_TOPIC: topic, APP1_CIPHER_KEY: ' ' }, 'app2');
    const error = await rejectionOf(factory.cipher());
    expect(error.message).toContain('Nothing was found in the environment with keys: APP2_CIPHER_KEY, CIPHER_KEY.');
    expect(error.details.expected).toContain('16, 24 or 32 bytes');
  });

  test.each(['not base64!', btoa('short'), btoa('x'.repeat(20))])(
    'a key that is none is kept secret',
    async (wrong) => {
      const error = await rejectionOf((await construct({ CIPHER_KEY: wrong })).mapper());
      expect(error.details).toEqual({
        keys: 'CIPHER_KEY',
        expected: 'a key of 16, 24 or 32 bytes in base64, as AESCipher.createKey makes them',
      });
      expect(error.cause).toMatchObject({ code: 'PROGRAMMING_ERROR' });
      expect(error.message).not.toContain(wrong);
    },
  );

  test('an unknown topic is refused', async () => {
    const error = await rejectionOf((await construct({ CIPHER_TOPIC: 'rot13', CIPHER_KEY: key })).cipher());
    expect(error.details).toMatchObject({ keys: 'CIPHER_TOPIC', value: 'rot13' });
  });

  test('are distinct for each application', async () => {
    const values = { APP1_CIPHER_KEY: AESCipher.createKey(16), APP2_CIPHER_KEY: AESCipher.createKey(32) };
    const [app1, app2] = [await construct(values, 'app1'), await construct(values, 'app2')];
    expect(await (await construct(values, 'app3')).cipher()).toBeUndefined();
    const stored = await (await app1.mapper()).toStoredEvent(counted);
    expect(await (await app1.mapper()).toDomainEvent(stored)).toEqual(counted);
    await expect((await app2.mapper()).toDomainEvent(stored)).rejects.toBeInstanceOf(MapperDeserialisationError);
  });
});

describe('CIPHER_KEYS and CIPHER_CURRENT', () => {
  const [first, second, old] = [AESCipher.createKey(16), AESCipher.createKey(32), AESCipher.createKey(24)];

  test.each<[string, Record<string, string>]>([
    ['one key', { CIPHER_KEYS: `2026=${first}` }],
    ['by its topic', { CIPHER_TOPIC: 'key-ring', CIPHER_KEYS: `2026=${first}` }],
    ['with blanks', { CIPHER_KEYS: ` 2026 = ${first} ,\n 2027 = ${second}`, CIPHER_CURRENT: ' 2026 ' }],
  ])('make a key ring: %s', async (_title, values) => {
    const factory = await construct(values);
    expect(await factory.cipher()).toBeInstanceOf(KeyRingCipher);
    const stored = await (await factory.mapper()).toStoredEvent(counted);
    const elsewhere = await construct({ CIPHER_KEYS: `2027=${second},2026=${first}`, CIPHER_CURRENT: '2027' });
    expect(await (await elsewhere.mapper()).toDomainEvent(stored)).toEqual(counted);
  });

  test('exchange keys: what AES, and each key after it, has encrypted is read as long as they are there', async () => {
    const rotations: Record<string, string>[] = [
      { CIPHER_KEY: old },
      { CIPHER_KEY: old, CIPHER_KEYS: `2026=${first}` },
      { CIPHER_KEY: old, CIPHER_KEYS: `2026=${first},2027=${second}`, CIPHER_CURRENT: '2027' },
    ];
    const stored = await Promise.all(
      rotations.map(async (values) => await (await (await construct(values)).mapper()).toStoredEvent(counted)),
    );
    const last = await (await construct(rotations[2] as Record<string, string>)).mapper();
    for (const one of stored) expect(await last.toDomainEvent(one)).toEqual(counted);
    const without = await (await construct({ CIPHER_KEYS: `2027=${second}` })).mapper();
    expect(await without.toDomainEvent(stored[2] as StoredEvent)).toEqual(counted);
    for (const one of stored.slice(0, 2)) {
      await expect(without.toDomainEvent(one)).rejects.toBeInstanceOf(MapperDeserialisationError);
    }
  });

  test.each<[string, string, Record<string, string>]>([
    ['no key', 'CIPHER_KEYS', { CIPHER_TOPIC: 'key-ring' }],
    ['a current key without keys', 'CIPHER_CURRENT', { CIPHER_CURRENT: '2026' }],
    ['no id', 'CIPHER_KEYS', { CIPHER_KEYS: first.replaceAll('=', '') }],
    ['an empty id', 'CIPHER_KEYS', { CIPHER_KEYS: `=${first}` }],
    ['an id that cannot be one', 'CIPHER_KEYS', { CIPHER_KEYS: `2026/1=${first}` }],
    ['a key that is none', 'CIPHER_KEYS', { CIPHER_KEYS: '2026=short' }],
    ['a comma at the end', 'CIPHER_KEYS', { CIPHER_KEYS: `2026=${first},` }],
    ['one id twice', 'CIPHER_KEYS', { CIPHER_KEYS: `2026=${first},2026=${second}`, CIPHER_CURRENT: '2026' }],
    ['several keys, and none is current', 'CIPHER_CURRENT', { CIPHER_KEYS: `2026=${first},2027=${second}` }],
    ['a current key that is not there', 'CIPHER_CURRENT', { CIPHER_KEYS: `2026=${first}`, CIPHER_CURRENT: '2027' }],
    ['a key of before that is none', 'CIPHER_KEY', { CIPHER_KEYS: `2026=${first}`, CIPHER_KEY: 'short' }],
    [
      'keys that AES does not look at',
      'CIPHER_KEYS',
      { CIPHER_TOPIC: 'aes', CIPHER_KEY: old, CIPHER_KEYS: `a=${first}` },
    ],
    [
      'a current key that AES does not look at',
      'CIPHER_CURRENT',
      { CIPHER_TOPIC: 'aes', CIPHER_KEY: old, CIPHER_CURRENT: 'a' },
    ],
  ])('refuse %s, and tell no key', async (_title, setting, values) => {
    const error = await rejectionOf((await construct(values)).cipher());
    expect(error.details).toMatchObject({ keys: setting });
    expect(JSON.stringify([error.message, error.details])).not.toContain(first.slice(0, 8));
  });
});

describe('components of one’s own', () => {
  class Reversing implements Compressor, Cipher {
    compress = (bytes: Uint8Array): Uint8Array => bytes.toReversed();
    decompress = (bytes: Uint8Array): Uint8Array => bytes.toReversed();
    encrypt = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 1);
    decrypt = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 1);
  }

  test('are found by their topics', async () => {
    class OwnMapper extends Mapper {}
    const environment = new Environment({
      TRANSCODER_TOPIC: 'own',
      MAPPER_TOPIC: 'own',
      COMPRESSOR_TOPIC: 'own',
      CIPHER_TOPIC: 'own',
      OWN_SEED: '7',
    });
    const asked: (string | undefined)[] = [];
    const factory = await InfrastructureFactory.construct(environment, {
      transcoders: { own: () => new JSONTranscoder() },
      mappers: { own: (options) => new OwnMapper(options) },
      compressors: { own: () => new Reversing() },
      ciphers: {
        own: async (given) => {
          asked.push(given.get('OWN_SEED'));
          return new Reversing();
        },
      },
    });
    const mapper = await factory.mapper();
    expect(mapper).toBeInstanceOf(OwnMapper);
    expect(asked).toEqual(['7']);
    expect(new TextDecoder().decode((await mapper.toStoredEvent(counted)).state.map((byte) => byte ^ 1))).toBe(
      '}21:"ytitnauq"{',
    );
    expect(() => factory.transcoder().encode(UUID.parse(originatorId))).toThrow(TypeError);
    await rejectionOf((await InfrastructureFactory.construct(environment)).mapper());
  });

  test('can be registered for every factory', async () => {
    InfrastructureFactory.registerComponents({ compressors: { reversing: () => new Reversing() } });
    expect((await construct({ COMPRESSOR_TOPIC: 'reversing' })).compressor()).toBeInstanceOf(Reversing);
    expect((await construct({ COMPRESSOR_TOPIC: 'zlib' })).compressor()).toBeInstanceOf(ZlibCompressor);
  });

  test.each(['TRANSCODER_TOPIC', 'MAPPER_TOPIC'])('%s is refused when it is unknown', async (key) => {
    const error = await rejectionOf((await construct({ [key]: 'own' })).mapper());
    expect(error.details).toMatchObject({ keys: key, value: 'own' });
    expect(await (await construct({ [key]: ' ' })).mapper()).toBeInstanceOf(Mapper);
  });

  test.each([
    ['TRANSCODER_TOPIC', 'eventsourcing.persistence:JSONTranscoder'],
    ['MAPPER_TOPIC', 'eventsourcing.persistence:Mapper'],
  ])('%s may have the name of the Python library', async (key, topic) => {
    expect(await (await construct({ [key]: topic })).mapper()).toBeInstanceOf(Mapper);
  });
});

describe('the event store', () => {
  test('stores and reads what the environment says', async () => {
    const factory = await construct({ COMPRESSOR_TOPIC: 'zlib', CIPHER_KEY: AESCipher.createKey(32) });
    const events = await factory.eventStore();
    expect(events).toBeInstanceOf(EventStore);
    await events.put([counted]);
    expect(await events.get(originatorId)).toEqual([counted]);
    const [stored] = await (await factory.applicationRecorder()).selectEvents(originatorId);
    expect(await (await factory.mapper()).toDomainEvent(stored!)).toEqual(counted);
  });

  test('takes another recorder or mapper', async () => {
    const factory = await construct();
    const recorder = await factory.aggregateRecorder('snapshots');
    const mapper = await factory.mapper({ topics: ['Counted'] });
    const snapshots = await factory.eventStore({ mapper, recorder });
    await snapshots.put([counted]);
    expect(await recorder.selectEvents(originatorId)).toHaveLength(1);
    expect(await (await factory.applicationRecorder()).selectEvents(originatorId)).toHaveLength(0);
    await expect(snapshots.put([{ ...counted, type: 'Else' }])).rejects.toMatchObject({ code: 'TOPIC_ERROR' });
  });
});

describe('IS_SNAPSHOTTING_ENABLED', () => {
  test.each([
    [undefined, false],
    ['', false],
    ['y', true],
    ['n', false],
  ])('%j is %s', async (text, expected) => {
    expect((await construct({ IS_SNAPSHOTTING_ENABLED: text })).isSnapshottingEnabled()).toBe(expected);
  });

  test('is refused when it is no boolean word', async () => {
    const factory = await construct({ IS_SNAPSHOTTING_ENABLED: 'maybe' });
    expect(() => factory.isSnapshottingEnabled()).toThrow(EnvironmentError);
  });
});

describe('memory', () => {
  test('has one store of events in each factory, and one for each purpose beside it', async () => {
    const factory = await construct();
    const events = makeEvents(2);
    const id = events[0]!.originatorId;
    expect(await (await factory.processRecorder()).insertEvents(events)).toEqual([1, 2]);
    expect(await (await factory.applicationRecorder()).maxNotificationId()).toBe(2);
    expect(await (await factory.aggregateRecorder('snapshots')).insertEvents(events)).toBeUndefined();
    expect(await (await factory.aggregateRecorder('snapshots')).selectEvents(id)).toHaveLength(2);
    expect(await (await factory.aggregateRecorder('other')).selectEvents(id)).toHaveLength(0);
    expect(await (await (await construct()).applicationRecorder()).maxNotificationId()).toBe(0);
    await factory.close();
    await factory.close();
  });

  test('checks CREATE_TABLE, though there is nothing to create', async () => {
    await expect(construct({ CREATE_TABLE: 'f' })).resolves.toBeDefined();
    expect((await rejectionOf(construct({ CREATE_TABLE: 'maybe' }))).details.value).toBe('maybe');
  });
});
