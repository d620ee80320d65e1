/** What `daybook/core` refuses: values, mapping, the event store, configuration. */
import {
  AESCipher,
  DatetimeAsISO,
  DateTime,
  Decimal,
  Environment,
  EventStore,
  follow,
  InfrastructureFactory,
  JSONTranscoder,
  KeyRingCipher,
  Mapper,
  reviveUuidFields,
  UUID,
  withEnds,
  withRetry,
  ZlibCompressor,
} from '../../src/core.js';
import { MongoFactory } from '../../src/mongodb/index.js';
import { NodeSqliteFactory } from '../../src/persistence/sqlite/node-sqlite.js';
import { PostgresFactory } from '../../src/persistence/postgres/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { count, fn, given, id, integer, list, ms, refuses, signal, text, whole, word } from './table.js';
import type { Row } from './table.js';

const ID = newOriginatorId();
const EVENT = { originatorId: ID, originatorVersion: 1, type: 'Counted', data: { quantity: 1 } };
const STORED = sampleEvent(ID, 1);
const transcoder = new JSONTranscoder();
const environment = (values: Readonly<Record<string, string>>): Environment => new Environment(values);

/** Values of a domain know no error of ours: as the language's own types do, they throw its `TypeError`. */
const OF_VALUES = ['TypeError'];
/** Settings that are wrong are told by their names. */
const OF_SETTINGS = { codes: ['ENVIRONMENT_ERROR'] };

export const CORE_ROWS: readonly Row[] = [
  refuses('UUID.parse', [given(ID, 5, null, '', 'nails')], (_world, value: never) => UUID.parse(value), {
    codes: OF_VALUES,
  }),
  refuses(
    'DateTime.parse',
    [given('2026-11-30T00:00:00', 5, '', 'today')],
    (_world, value: never) => DateTime.parse(value),
    { codes: OF_VALUES },
  ),
  refuses(
    'DateTime.fromDate',
    [given(new Date(0), new Date(Number.NaN))],
    (_world, value: never) => DateTime.fromDate(value),
    { codes: OF_VALUES },
  ),
  refuses('Decimal.parse', [given('1.50', 5, '', 'one', '1,5')], (_world, value: never) => Decimal.parse(value), {
    codes: OF_VALUES,
  }),
  refuses('AESCipher.createKey', [given(16, 0, 15, '16', Number.NaN)], (_world, size: never) =>
    AESCipher.createKey(size),
  ),
  refuses('AESCipher.fromKey', [given(AESCipher.createKey(16), 5, '', 'short')], (_world, key: never) =>
    AESCipher.fromKey(key),
  ),
  refuses(
    'AESCipher.decrypt',
    [given(new Uint8Array(0), new Uint8Array(1), new Uint8Array(40))],
    async (_world, ciphertext: never) => (await AESCipher.fromKey(AESCipher.createKey(16))).decrypt(ciphertext),
    { codes: ['DECRYPTION_ERROR'], onlyRefused: true },
  ),
  refuses(
    'KeyRingCipher.fromKeys',
    [{ keys: given({ k1: AESCipher.createKey(16) }, {}, { k1: 'short' }), current: given('k1', 5, '', 'k2') }],
    (_world, ring: never) => KeyRingCipher.fromKeys(ring),
  ),
  refuses(
    'new ZlibCompressor',
    [{ decompressedBytesMax: count(100) }],
    (_world, options: never) => new ZlibCompressor(options),
  ),
  refuses(
    'ZlibCompressor.decompress',
    [given(new Uint8Array(0), new Uint8Array(1), new Uint8Array([1, 2, 3]))],
    (_world, packed: never) => new ZlibCompressor().decompress(packed),
    {
      codes: ['DECOMPRESSION_ERROR'],
      onlyRefused: true,
    },
  ),
  refuses(
    'JSONTranscoder.decode',
    [given(new TextEncoder().encode('{}'), new TextEncoder().encode('{'))],
    (_world, encoded: never) => transcoder.decode(encoded),
    {
      codes: ['DATA_ERROR'],
    },
  ),
  refuses(
    'JSONTranscoder.encode',
    [given({}, { at: new (class Other {})() })],
    (_world, value: never) => transcoder.encode(value),
    {
      codes: ['TRANSCODING_NOT_REGISTERED'],
    },
  ),
  refuses(
    'new DatetimeAsISO',
    [{ decodesTo: given(undefined, 'other', 5) }],
    (_world, options: never) => new DatetimeAsISO(options),
  ),
  refuses(
    'reviveUuidFields',
    [{ include: given(['a'], 'a', 5), exclude: given(['a'], 'a', 5) }],
    (_world, options: never) => reviveUuidFields({}, options),
  ),
  refuses(
    'new Mapper',
    [
      {
        topics: list(['a']).butNot('a', 5),
        unknownTopic: given(undefined, 'skip', 5),
        versions: given({}, { A: { version: 0, upcasts: {} } }),
      },
    ],
    (_world, options: never) => new Mapper({ transcoder, ...(options as object) }),
  ),
  refuses(
    'Mapper.registerVersions',
    [given({ version: 1, upcasts: {} }, { version: 0, upcasts: {} }, { version: 1.5, upcasts: {} })],
    (_world, versions: never) => new Mapper({ transcoder }).registerVersions('A', versions),
  ),
  refuses(
    'Mapper.toDomainEvent',
    [given({ ...STORED, state: new TextEncoder().encode('{}') }, { ...STORED, state: new Uint8Array([1]) })],
    ({ mapper }, stored: never) => mapper.toDomainEvent(stored),
    {
      codes: ['MAPPER_DESERIALISATION_ERROR'],
    },
  ),
  refuses(
    'Mapper.readDomainEvent',
    [given({ ...STORED, state: new TextEncoder().encode('{}') }, { ...STORED, state: new Uint8Array([1]) })],
    ({ mapper }, stored: never) => mapper.readDomainEvent(stored),
    {
      codes: ['MAPPER_DESERIALISATION_ERROR'],
    },
  ),
  refuses(
    'new EventStore',
    [{ unknownTopic: word('throw') }],
    ({ mapper, memory }, options: never) => new EventStore({ mapper, recorder: memory, ...(options as object) }),
  ),
  refuses(
    'EventStore.put',
    [
      given(
        [EVENT],
        5,
        'text',
        null,
        [null],
        [{ ...EVENT, originatorId: 'nails' }],
        [{ ...EVENT, type: '' }],
        [{ ...EVENT, originatorVersion: -1 }],
      ),
      {
        tracking: given(
          undefined,
          5,
          { applicationName: '', notificationId: 1 },
          { applicationName: 'a', notificationId: 0 },
        ),
        signal: signal(),
      },
    ],
    ({ store }, events: never, options: never) => store.put(events, options),
  ),
  refuses(
    'EventStore.get',
    [id(ID), { gt: integer(), lte: integer(9), limit: whole(), signal: signal() }],
    ({ store }, originatorId: never, options: never) => store.get(originatorId, options),
  ),
  refuses(
    'EventStore.stream',
    [id(ID), { gt: integer(), lte: integer(9), limit: whole(), pageSize: count(), signal: signal() }],
    ({ store }, originatorId: never, options: never) => store.stream(originatorId, options).toArray(),
  ),
  refuses(
    'EventStore.readAll',
    [{ gt: integer(), stop: integer(9), topics: list(['t']).butNot('t', [5]), pageSize: count(), signal: signal() }],
    ({ store }, options: never) => store.readAll(options).next(),
  ),
  refuses(
    'EventStore.streamVersion',
    [id(ID), { signal: signal() }],
    ({ store }, originatorId: never, options: never) => store.streamVersion(originatorId, options),
  ),
  refuses(
    'follow',
    [
      fn(() => () => undefined),
      { gt: integer(), topics: list(['t']).butNot('t', [5]), signal: given(undefined, 'text', {}) },
    ],
    async ({ memory }, onRecorded: never, options: never) => await follow(memory, onRecorded, options).return(),
  ),
  refuses('withEnds', [fn()], ({ memory }, work: never) => withEnds(memory, () => Promise.resolve(1), work)),
  refuses(
    'withRetry',
    [
      fn(() => Promise.resolve()),
      { attempts: count(1), delayMs: ms(0), isRetryable: fn(() => true), signal: signal() },
    ],
    (_world, work: never, options: never) => withRetry(work, options),
  ),
  refuses(
    'Environment.required',
    [given('A', 'MISSING')],
    (_world, key: never) => environment({ A: '1' }).required(key),
    OF_SETTINGS,
  ),
  ...(['getBoolean', 'getInteger', 'getNumber'] as const).map((method) =>
    refuses(
      `Environment.${method}`,
      [given('GOOD', 'BAD')],
      (_world, key: never) => environment({ GOOD: method === 'getBoolean' ? 'true' : '5', BAD: 'x' })[method](key),
      OF_SETTINGS,
    ),
  ),
  refuses(
    'InfrastructureFactory.construct',
    [given({}, { PERSISTENCE_MODULE: 'nowhere' })],
    (_world, values: never) => InfrastructureFactory.construct(environment(values)),
    OF_SETTINGS,
  ),
  refuses(
    'InfrastructureFactory.register',
    [text('module')],
    (_world, name: never) => InfrastructureFactory.register(name, class {} as never),
    { onlyRefused: true },
  ),
  refuses(
    'new NodeSqliteFactory',
    [given({ SQLITE_DBNAME: ':memory:' }, {})],
    async (_world, values: never) => await new NodeSqliteFactory(environment(values)).processRecorder(),
    OF_SETTINGS,
  ),
  refuses(
    'new PostgresFactory',
    [given({}, {})],
    (_world, values: never) => new PostgresFactory(environment(values)).processRecorder(),
    { ...OF_SETTINGS, onlyRefused: true },
  ),
  refuses(
    'new MongoFactory',
    [given({}, {}, { MONGODB_URL: 'localhost' })],
    (_world, values: never) => new MongoFactory(environment(values)).processRecorder(),
    { ...OF_SETTINGS, onlyRefused: true },
  ),
];
