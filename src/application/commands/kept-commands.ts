/**
 * Commands as they are kept with the unit that they made, to be decided again: as bytes, by way of the events' own
 * transcoder, compressor and cipher.
 *
 * @module
 */
import { dequal } from 'dequal';
import type { CommandMetadata } from '../../domain/event-metadata.js';
import type { Message } from '../../domain/message-types.js';
import { DataError } from '../../persistence/errors.js';
import { Mapper } from '../../persistence/mapping/mapper.js';
import type { MapperOptions } from '../../persistence/mapping/mapper.js';
import { withoutUndefined } from '../../util/without-undefined.js';

/** One command. */
export interface KeptCommand {
  /** The name of the decider. */
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly command: Message;
}

/** What was executed at once. */
export interface KeptExecution {
  /** In the order in which they were decided. */
  readonly commands: readonly KeptCommand[];
  readonly metadata: CommandMetadata | undefined;
}

const TOPIC = 'daybook.commands';
// The mapper maps events; of an aggregate that none has.
const PLACE = { originatorId: '00000000-0000-4000-8000-000000000000', originatorVersion: 1 } as const;

/** Encodes and decodes commands. */
export class CommandCodec {
  readonly #mapper: Mapper;

  constructor(options: Pick<MapperOptions, 'transcoder' | 'compressor' | 'cipher'>) {
    this.#mapper = new Mapper(options);
  }

  /**
   * @throws DataError (`DATA_ERROR`) when a command would come back as something else: it would be decided otherwise
   * @throws TranscodingNotRegisteredError (a `TypeError`) when a command has no serialised form
   */
  async encode({ commands, metadata }: KeptExecution): Promise<Uint8Array> {
    const kept = metadata === undefined ? undefined : withoutUndefined(metadata);
    const data = { commands: commands.map((one) => ({ ...one })), ...(kept === undefined ? {} : { metadata: kept }) };
    const stored = await this.#mapper.toStoredEvent({ ...PLACE, type: TOPIC, data });
    const { data: again } = await this.#mapper.readDomainEvent(stored);
    if (dequal(again, data)) return stored.state;
    throw new DataError(
      `A command is not the same when it is read back, so it could not be decided again: ${commands.map(({ command }) => command.type).join()}. Use values for which the transcoder has a form, such as DateTime for Date. Nothing was stored.`,
      { details: { commands: commands.map(({ command }) => command.type).join() } },
    );
  }

  /** @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when the bytes cannot be read */
  async decode(bytes: Uint8Array): Promise<KeptExecution> {
    const { data } = await this.#mapper.readDomainEvent({ ...PLACE, topic: TOPIC, state: bytes });
    const { commands, metadata } = data as KeptExecution;
    return { commands, metadata };
  }
}
