/**
 * Transcoders, mappers, compressors, ciphers and connectors by topic: a name in a setting, never an import by a text.
 *
 * @module
 */
import type { Cipher } from '../persistence/mapping/cipher.js';
import type { Compressor } from '../persistence/mapping/compressor.js';
import type { Environment } from '../environment/environment.js';
import type { ByTopic } from '../environment/topics.js';
import { JSONTranscoder } from '../persistence/mapping/json-transcoder.js';
import { Mapper } from '../persistence/mapping/mapper.js';
import type { EventMapper } from '../persistence/event-mapper.js';
import type { MapperOptions } from '../persistence/mapping/mapper.js';
import type { DomainEvent } from '../domain/domain-event.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import { DatetimeAsISO, DecimalAsStr, UUIDAsHex } from '../persistence/mapping/transcodings.js';
import { ZlibCompressor } from '../persistence/mapping/zlib-compressor.js';
import type { PostgresConnector } from '../persistence/postgres/postgres-driver.js';
import { makeAesCipher, makeKeyRing } from './key-ring.js';

/** Makers by topic, which is what the setting names. Each is called when its part is asked for. */
export interface InfrastructureComponents {
  /** For `TRANSCODER_TOPIC`. */
  readonly transcoders?: ByTopic<(environment: Environment) => Transcoder>;
  /** For `MAPPER_TOPIC`. The mapper is given the other parts. */
  readonly mappers?: ByTopic<(options: MapperOptions, environment: Environment) => EventMapper<DomainEvent>>;
  /** For `COMPRESSOR_TOPIC`. */
  readonly compressors?: ByTopic<(environment: Environment) => Compressor>;
  /** For `CIPHER_TOPIC`. A cipher reads its key, usually `CIPHER_KEY`, by `environment.required`. */
  readonly ciphers?: ByTopic<(environment: Environment) => Cipher | Promise<Cipher>>;
  /** For `POSTGRES_CONNECTION_CREATOR_TOPIC`: each makes the connections of a pool. */
  readonly connectors?: ByTopic<PostgresConnector>;
}

/** {@link InfrastructureComponents} without gaps. */
export type AllComponents = Required<InfrastructureComponents>;

/** JSON with the three transcodings of the Python library. */
export function makeTranscoder(): Transcoder {
  return new JSONTranscoder().register(UUIDAsHex).register(DatetimeAsISO).register(DecimalAsStr);
}

/** Daybook's mapper. */
export function makeMapper(options: MapperOptions): EventMapper<DomainEvent> {
  return new Mapper(options);
}

const makeZlib = (): Compressor => new ZlibCompressor();

/** What comes with Daybook, under its own names and under those that settings of the Python library have. */
export const OWN_COMPONENTS: AllComponents = {
  transcoders: { json: makeTranscoder, 'eventsourcing.persistence:JSONTranscoder': makeTranscoder },
  mappers: { mapper: makeMapper, 'eventsourcing.persistence:Mapper': makeMapper },
  compressors: { zlib: makeZlib, 'eventsourcing.compressor:ZlibCompressor': makeZlib },
  ciphers: {
    aes: makeAesCipher,
    'eventsourcing.cipher:AESCipher': makeAesCipher,
    'eventsourcing.cryptography:AESCipher': makeAesCipher,
    'key-ring': makeKeyRing,
  },
  connectors: {},
};

/** Puts components together; of the same topic the later one counts. */
export function mergeComponents(base: AllComponents, added: InfrastructureComponents): AllComponents {
  return {
    transcoders: { ...base.transcoders, ...added.transcoders },
    mappers: { ...base.mappers, ...added.mappers },
    compressors: { ...base.compressors, ...added.compressors },
    ciphers: { ...base.ciphers, ...added.ciphers },
    connectors: { ...base.connectors, ...added.connectors },
  };
}
