import { plainCopy } from '../../domain/plain-copy.js';
import type { EventData } from '../../domain/event-versions.js';
import type { AnyPersonalField, AnyPersonalFields } from '../../domain/personal-data.js';
import { openWithAes, sealWithAes } from '../../persistence/mapping/aes-gcm.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import type { DataSealer, SealedPlace } from '../events/data-sealer.js';
import { assertNothingSealed, boundToField, sealedText, sealedValues } from './sealed-text.js';
import type { FieldPath, SealedValue } from './sealed-text.js';
import type { KeysAtHand } from './keys-at-hand.js';
import { SubjectForgottenError } from './subject-keys.js';

/** A personal value that is to be sealed. */
interface OpenValue {
  readonly path: FieldPath;
  readonly subject: unknown;
  readonly value: unknown;
}

/** Seals the personal fields of events and commands by the keys of the people that they are about. */
export class PersonalSealer implements DataSealer {
  readonly #keys: KeysAtHand;
  readonly #transcoder: Transcoder;

  /** @param transcoder - the events' */
  constructor(keys: KeysAtHand, transcoder: Transcoder) {
    this.#keys = keys;
    this.#transcoder = transcoder;
  }

  /**
   * @param whenForgotten - `replace`: of who was forgotten, what the declaration says is kept
   * @throws SubjectForgottenError (`SUBJECT_FORGOTTEN`) when a subject was forgotten, and that is to be refused
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a field does not say whom it is about
   * @throws DataError (`DATA_ERROR`) when a text looks like a sealed value
   */
  async seal(
    fields: AnyPersonalFields | undefined,
    data: EventData,
    place: SealedPlace,
    whenForgotten: 'refuse' | 'replace' = 'refuse',
  ): Promise<EventData> {
    assertNothingSealed(data);
    const open = fields === undefined ? [] : [...openValues(fields, data, [])];
    if (open.length === 0) return data;
    const sealed = plainCopy(data);
    for (const { path, subject, value } of open) {
      const found = await this.#keys.keyFor(subject).catch((error: unknown) => {
        if (whenForgotten === 'replace' && error instanceof SubjectForgottenError) return undefined;
        throw error;
      });
      if (found === undefined) {
        put(sealed, path, plainCopy(forgottenValue(fields, path)));
        continue;
      }
      const bytes = await sealWithAes(found.key, await this.#transcoder.encode(value), boundToField(place, path));
      put(sealed, path, sealedText(found.id, bytes));
    }
    return sealed;
  }

  /**
   * What was sealed by keys that were destroyed becomes what the declaration says, or null where none does any more.
   *
   * @throws SubjectKeyMissingError (`SUBJECT_KEY_MISSING`) when a key is not here yet
   * @throws DataError (`DATA_ERROR`), or a class of it, when something sealed is damaged or was moved here
   */
  unseal(fields: AnyPersonalFields | undefined, data: EventData, place: SealedPlace): EventData | Promise<EventData> {
    const sealed = sealedValues(data);
    return sealed.length === 0 ? data : this.#unsealed(fields, data, place, sealed);
  }

  async #unsealed(
    fields: AnyPersonalFields | undefined,
    data: EventData,
    place: SealedPlace,
    sealed: readonly SealedValue[],
  ): Promise<EventData> {
    const open = plainCopy(data);
    for (const { path, keyId, bytes } of sealed) {
      const key = await this.#keys.find(keyId);
      if (key === 'forgotten') put(open, path, plainCopy(forgottenValue(fields, path)));
      else put(open, path, await this.#transcoder.decode(await openWithAes(key, bytes, boundToField(place, path))));
    }
    return open;
  }
}

function* openValues(fields: AnyPersonalFields, data: EventData, path: FieldPath): Generator<OpenValue> {
  for (const [name, field] of Object.entries(fields)) {
    const value = data[name];
    if (value === undefined) continue;
    if ('each' in field) yield* elementValues(field.each, value, [...path, name]);
    else yield { path: [...path, name], subject: field.subjectOf(data), value };
  }
}

function* elementValues(fields: AnyPersonalFields, list: unknown, path: FieldPath): Generator<OpenValue> {
  if (!Array.isArray(list)) return;
  for (const [index, element] of (list as readonly unknown[]).entries()) {
    if (typeof element === 'object' && element !== null) {
      yield* openValues(fields, element as EventData, [...path, index]);
    }
  }
}

function forgottenValue(fields: AnyPersonalFields | undefined, path: FieldPath): unknown {
  let inner = fields;
  let found: AnyPersonalField | undefined;
  for (const key of path) {
    if (typeof key === 'number') continue;
    found = inner !== undefined && Object.hasOwn(inner, key) ? inner[key] : undefined;
    inner = found !== undefined && 'each' in found ? found.each : undefined;
  }
  return found !== undefined && 'forgotten' in found ? found.forgotten : null;
}

/** Sets a value in a copy, where there is one already. */
function put(data: EventData, path: FieldPath, value: unknown): void {
  let inner: unknown = data;
  for (const key of path.slice(0, -1)) inner = (inner as Record<string | number, unknown>)[key];
  (inner as Record<string | number, unknown>)[path.at(-1) as string | number] = value;
}
