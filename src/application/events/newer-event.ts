/**
 * Events that a newer release of the application has recorded, and this one cannot read.
 *
 * @module
 */
import { MapperDeserialisationError } from '../../persistence/errors.js';
import { NewerVersionError } from '../../persistence/mapping/upcasting.js';
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { EventEnvelopeMapper } from './envelope-mapper.js';
import type { EventRegistry } from './event-registry.js';

/** Of which version data is, and which one this application knows. */
export interface NewerVersion {
  readonly stored: number;
  readonly known: number;
}

/** What of an event is newer than this release. */
export interface NewerEvent {
  /** One of this application's. */
  readonly aggregateType: string;
  readonly topic: string;
  /** Of its data; `undefined` where this release does not know the topic at all. */
  readonly version: NewerVersion | undefined;
  /** When it was recorded, by the clock of the device that did; `undefined` where that is not known. */
  readonly recordedAt: Date | undefined;
}

/** Which version an event could not be read for; `undefined` where it was something else. */
export function newerVersionOf(error: unknown): NewerVersion | undefined {
  const cause = error instanceof MapperDeserialisationError ? error.cause : error;
  return cause instanceof NewerVersionError ? { stored: cause.stored, known: cause.known } : undefined;
}

/** What says it. */
export interface NewerEventMeans {
  readonly recorder: AggregateRecorder;
  readonly registry: EventRegistry;
  readonly mapper: EventEnvelopeMapper;
}

/**
 * Says what of an event is newer than this release.
 *
 * @returns undefined for what can be read, for what nobody can read who has this key and configuration, and for events of
 *   aggregates that the application does not have
 */
export async function newerEventOf(stored: StoredEvent, means: NewerEventMeans): Promise<NewerEvent | undefined> {
  const { registry, mapper } = means;
  const { topic } = stored;
  const isKnown = registry.hasTopic(topic);
  const version = isKnown ? await newerVersion(stored, mapper) : undefined;
  if (isKnown && version === undefined) return undefined;
  const aggregateType = isKnown ? registry.byTopic(topic).aggregateType : await ownerOf(stored, means);
  if (aggregateType === undefined) return undefined;
  return { aggregateType, topic, version, recordedAt: await mapper.recordedAt(stored) };
}

async function newerVersion(stored: StoredEvent, mapper: EventEnvelopeMapper): Promise<NewerVersion | undefined> {
  try {
    await mapper.readMessage(stored);
    return undefined;
  } catch (error) {
    return newerVersionOf(error);
  }
}

/** Of which type of aggregate an event of a strange topic is: by that, or by the first event of its aggregate. */
async function ownerOf(
  { topic, originatorId, originatorVersion }: StoredEvent,
  { recorder, registry }: NewerEventMeans,
): Promise<string | undefined> {
  const owner = registry.ownerOf(topic);
  if (owner !== undefined || originatorVersion <= 1) return owner;
  // Events that have left the store are asked for by their versions, and may not be read.
  const before = { desc: true, gt: originatorVersion - 2, lte: originatorVersion - 1, limit: 1 };
  const [previous] = await recorder.selectEvents(originatorId, before).catch(() => []);
  return previous !== undefined && registry.hasTopic(previous.topic)
    ? registry.byTopic(previous.topic).aggregateType
    : undefined;
}
