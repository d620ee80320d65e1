/**
 * The event index of a host that knows none of the application's events: which ids there are, and where.
 *
 * What an event is about stands in its state, in the application's own words; its id, who caused it and when stand there too,
 * always in the same place (`envelope-mapper.ts`), and its topic names the aggregate and the type. So they can be read by who
 * knows nothing else, where the state is JSON, as it is or compressed by zlib:
 *
 * ```text
 * first byte   state
 * {            JSON
 * x            zlib (RFC 1950, with the window that zlib itself writes)
 * other        encrypted, or another format: the event has an id, which nobody can read here, and is in no index
 * ```
 *
 * @module
 */
import { SqlEventIndex } from '../../application/event-index/sql-event-index.js';
import { metadataOfState } from '../../application/events/envelope-mapper.js';
import type { InlineParticipant } from '../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { EventMetadata } from '../../domain/event-metadata.js';
import { isEventSourcingError } from '../../domain/errors.js';
import { DataError } from '../../persistence/errors.js';
import { defaultTranscoder } from '../../persistence/mapping/default-transcoder.js';
import { ZlibCompressor } from '../../persistence/mapping/zlib-compressor.js';
import type { PostgresProcessRecorder } from '../../persistence/postgres/index.js';
import type { Notification } from '../../persistence/stored-event.js';
import type { InlinePushes } from '../log/inline-units.js';

const BRACE = 0x7b;
const ZLIB = 0x78;
// Whoever sends may send a bomb.
const STATE_BYTES_MAX = 4_194_304;
// Of an event whose id cannot be read. Known by being this object.
const UNREAD: EventMetadata = { eventId: '', occurredAt: undefined, recordedAt: undefined, schemaVersion: 1 };

const transcoder = defaultTranscoder();
const compressor = new ZlibCompressor({ decompressedBytesMax: STATE_BYTES_MAX });

/** An index of a host, and how it takes part in pushes. */
export interface HostIndex {
  readonly index: SqlEventIndex;
  readonly inline: InlinePushes;
}

/** What an index of a host needs. */
export interface HostIndexOptions {
  readonly recorder: PostgresProcessRecorder;
  /** Of its tables: that of the log of units. */
  readonly name: string;
  readonly schema: string | undefined;
  /** Who else takes part, and reads events. */
  readonly inline: InlinePushes | undefined;
}

/**
 * Opens the index of a host, with everything in it that the log has. Of two events that have one id already, the
 * first is.
 */
export async function openHostIndex({ recorder, name, schema, inline }: HostIndexOptions): Promise<HostIndex> {
  const index = new SqlEventIndex({
    recorder,
    table: `${name}_ids`,
    ...(schema === undefined ? {} : { schema }),
  });
  await index.createTables();
  await index.catchUp({ recorder, decode: inline?.decode ?? decodeKnown });
  if (inline !== undefined) return { index, inline: { ...inline, participants: [index, ...inline.participants] } };
  const participant: InlineParticipant = {
    onRecorded: async (transaction, events) => {
      const known = events.filter(({ metadata }) => metadata !== UNREAD);
      if (known.length > 0) await index.onRecorded(transaction, known);
    },
  };
  return { index, inline: { participants: [participant], decode: decodeOrPass } };
}

/** @throws DataError (`DATA_ERROR`) and its subclasses when the state cannot be read */
async function decodeKnown(notification: Notification): Promise<NotifiedEvent> {
  const { id, originatorId, originatorVersion, topic } = notification;
  const metadata = metadataOfState(notification, await stateOf(notification));
  return { ...typesOf(topic), data: {}, originatorId, originatorVersion, metadata, notificationId: id };
}

/** Nobody but this host's index asks: what it cannot read holds no unit up. */
async function decodeOrPass(notification: Notification): Promise<NotifiedEvent> {
  try {
    return await decodeKnown(notification);
  } catch (error) {
    if (!isEventSourcingError(error)) throw error;
    const { id, originatorId, originatorVersion, topic } = notification;
    return { ...typesOf(topic), data: {}, originatorId, originatorVersion, metadata: UNREAD, notificationId: id };
  }
}

async function stateOf({ state, topic }: Notification): Promise<unknown> {
  const json = state[0] === ZLIB ? await compressor.decompress(state) : state;
  if (json[0] !== BRACE) throw new DataError(`The state of ${topic} is no JSON here.`, { details: { topic } });
  try {
    return transcoder.decode(json);
  } catch {
    // It may have types of the application's own, by names that are not known here. The metadata has none.
    return plainJson(json, topic);
  }
}

function plainJson(json: Uint8Array, topic: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (cause) {
    throw new DataError(`The state of ${topic} is no JSON here.`, { cause, details: { topic } });
  }
}

/** `<aggregate>:<type>`, unless the application says otherwise. */
function typesOf(topic: string): { readonly aggregateType: string; readonly type: string } {
  const colon = topic.indexOf(':');
  return { aggregateType: topic.slice(0, Math.max(colon, 0)), type: topic.slice(colon + 1) };
}
