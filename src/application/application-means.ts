/**
 * What an application has of its aggregates, and writes and reads events by: the same on whatever recorder it is.
 *
 * @module
 */
import { defaultTranscoder } from '../persistence/mapping/default-transcoder.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import { systemClock } from '../util/clock.js';
import { AggregateCache } from './aggregates/aggregate-cache.js';
import { isAggregateClass, kindOf } from './aggregates/aggregate-kind.js';
import type { AggregateKind, AnyDecider } from './aggregates/aggregate-kind.js';
import { SnapshotCodec } from './aggregates/snapshot-codec.js';
import type { ApplicationOptions } from './application-options.js';
import { CommandCodec } from './commands/kept-commands.js';
import { EventEnvelopeMapper } from './events/envelope-mapper.js';
import { EventRegistry } from './events/event-registry.js';
import { personalMeans } from './personal/personal-means.js';
import { validateList } from '../persistence/validation.js';

/** What is made of the options alone. */
export interface ApplicationMeans {
  /** By name. */
  readonly kinds: ReadonlyMap<string, AggregateKind>;
  readonly deciders: ReadonlyMap<string, AnyDecider>;
  readonly registry: EventRegistry;
  readonly transcoder: Transcoder;
  readonly mapper: EventEnvelopeMapper;
  readonly codec: SnapshotCodec;
  readonly commands: CommandCodec;
  /** Of what is committed: not for an application in a transaction. */
  readonly cache: AggregateCache | undefined;
}

/**
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when two aggregates have one name, or there are personal fields and no keys
 * @throws TopicError (`TOPIC_ERROR`) when two events have one topic
 */
export function applicationMeans(options: ApplicationOptions): ApplicationMeans {
  const { aggregates, transcoder = defaultTranscoder(), compressor, cipher, validateOnRead, subjectKeys } = options;
  const { clock = systemClock } = options;
  validateList('aggregates', aggregates);
  const kinds = new Map(aggregates.map(kindOf).map((kind) => [kind.name, kind]));
  const registry = new EventRegistry(aggregates.map(kindOf));
  const deciders = new Map(aggregates.flatMap((one) => (isAggregateClass(one) ? [] : [[one.name, one] as const])));
  const personal = personalMeans(subjectKeys, [...kinds.values(), ...deciders.values()], transcoder, clock);
  const sealer = personal?.sealer;
  // What stays in memory needs neither to be small nor to be secret.
  const cache = options.cache && new AggregateCache(new SnapshotCodec({ transcoder }), options.cache);
  if (cache !== undefined) subjectKeys?.onForgotten(() => cache.clear());
  return {
    ...{ kinds, deciders, registry, transcoder, cache },
    mapper: new EventEnvelopeMapper({ registry, transcoder, compressor, cipher, validateOnRead, sealer }),
    codec: new SnapshotCodec({ transcoder, compressor, cipher }, personal?.snapshotSealer),
    commands: new CommandCodec({ transcoder, compressor, cipher }, [...deciders.values()], sealer),
  };
}
