import type { MessageDefinitions } from '../../domain/message-types.js';
import { ProgrammingError } from '../../persistence/errors.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import type { Clock } from '../../util/clock.js';
import type { SnapshotSealer } from '../aggregates/snapshot-codec.js';
import type { DataSealer } from '../events/data-sealer.js';
import { KeysAtHand } from './keys-at-hand.js';
import { PersonalSealer } from './personal-sealer.js';
import { SnapshotKeySealer } from './snapshot-key-sealer.js';
import type { SubjectKeys } from './subject-keys.js';

/** What an application seals with. */
export interface PersonalMeans {
  readonly sealer: DataSealer;
  readonly snapshotSealer: SnapshotSealer;
}

/** Types of aggregates, as far as it is said there what is personal. */
interface PersonalSource {
  readonly name: string;
  readonly events: MessageDefinitions;
  readonly commands?: MessageDefinitions | undefined;
}

/**
 * @returns undefined where there are no keys
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when something is declared to be personal, and there are no keys to seal it
 */
export function personalMeans(
  keys: SubjectKeys | undefined,
  sources: readonly PersonalSource[],
  transcoder: Transcoder,
  clock: Clock,
): PersonalMeans | undefined {
  if (keys !== undefined) {
    return {
      sealer: new PersonalSealer(new KeysAtHand(keys, clock), transcoder),
      snapshotSealer: new SnapshotKeySealer(keys),
    };
  }
  for (const { name, events, commands = {} } of sources) {
    const [type] = Object.entries({ ...events, ...commands }).find(([, { personal }]) => personal !== undefined) ?? [];
    if (type !== undefined) {
      throw new ProgrammingError(
        `Fields of ${name}:${type} are declared to be personal, and the application has no subjectKeys to encrypt them by.`,
      );
    }
  }
  return undefined;
}
