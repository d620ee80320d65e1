/**
 * Commands as they are kept with the unit that they made, to be decided again: as bytes, by way of the events' own
 * transcoder, compressor and cipher.
 *
 * @module
 */
import { dequal } from 'dequal';
import type { CommandMetadata } from '../../domain/event-metadata.js';
import type { EventData } from '../../domain/event-versions.js';
import type { Message } from '../../domain/message-types.js';
import type { AnyPersonalFields } from '../../domain/personal-data.js';
import { DataError } from '../../persistence/errors.js';
import { Mapper } from '../../persistence/mapping/mapper.js';
import type { MapperOptions } from '../../persistence/mapping/mapper.js';
import { withoutUndefined } from '../../util/without-undefined.js';
import type { DataSealer, SealedPlace } from '../events/data-sealer.js';

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

/** What is personal in commands, and who seals that. */
export interface CommandSealing {
  readonly sealer: DataSealer;
  /** The personal fields of a type of command. */
  readonly personalOf: (aggregateType: string, type: string) => AnyPersonalFields | undefined;
}

/** Encodes and decodes commands. */
export class CommandCodec {
  readonly #mapper: Mapper;
  readonly #sealing: CommandSealing | undefined;

  /** @param sealing - @defaultValue nothing is sealed */
  constructor(options: Pick<MapperOptions, 'transcoder' | 'compressor' | 'cipher'>, sealing?: CommandSealing) {
    this.#mapper = new Mapper(options);
    this.#sealing = sealing;
  }

  /**
   * @throws DataError (`DATA_ERROR`) when a command would come back as something else: it would be decided otherwise
   * @throws TranscodingNotRegisteredError (a `TypeError`) when a command has no serialised form
   * @throws SubjectForgottenError (`SUBJECT_FORGOTTEN`) when somebody was forgotten whom a personal field is about
   */
  async encode({ commands, metadata }: KeptExecution): Promise<Uint8Array> {
    const kept = metadata === undefined ? undefined : withoutUndefined(metadata);
    const rest = kept === undefined ? {} : { metadata: kept };
    const data = { commands: await this.#each(commands, (one) => this.#sealed(one)), ...rest };
    const { state } = await this.#mapper.toStoredEvent({ ...PLACE, type: TOPIC, data });
    if (dequal(await this.#decoded(state), { commands: commands.map((one) => ({ ...one })), ...rest })) return state;
    throw new DataError(
      `A command is not the same when it is read back, so it could not be decided again: ${commands.map(({ command }) => command.type).join()}. Use values for which the transcoder has a form, such as DateTime for Date. Nothing was stored.`,
      { details: { commands: commands.map(({ command }) => command.type).join() } },
    );
  }

  /** @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when the bytes cannot be read */
  async decode(bytes: Uint8Array): Promise<KeptExecution> {
    const { commands, metadata } = await this.#decoded(bytes);
    return { commands, metadata };
  }

  async #decoded(bytes: Uint8Array): Promise<KeptExecution> {
    const { data } = await this.#mapper.readDomainEvent({ ...PLACE, topic: TOPIC, state: bytes });
    const { commands, ...rest } = data as KeptExecution;
    return { commands: await this.#each(commands, (one) => this.#unsealed(one)), ...rest };
  }

  async #each(
    commands: readonly KeptCommand[],
    change: (one: KeptCommand) => EventData | Promise<EventData>,
  ): Promise<readonly KeptCommand[]> {
    return await Promise.all(
      commands.map(async (one) => ({ ...one, command: { ...one.command, data: await change(one) } })),
    );
  }

  async #sealed(one: KeptCommand): Promise<EventData> {
    const data = one.command.data as EventData;
    return (await this.#sealing?.sealer.seal(this.#personal(one), data, placeOf(one))) ?? data;
  }

  #unsealed(one: KeptCommand): EventData | Promise<EventData> {
    const data = one.command.data as EventData;
    return this.#sealing?.sealer.unseal(this.#personal(one), data, placeOf(one)) ?? data;
  }

  #personal({ aggregateType, command }: KeptCommand): AnyPersonalFields | undefined {
    return this.#sealing?.personalOf(aggregateType, command.type);
  }
}

function placeOf({ aggregateType, aggregateId, command }: KeptCommand): SealedPlace {
  return { originatorId: aggregateId, topic: `${TOPIC}:${aggregateType}:${command.type}` };
}
