/**
 * UUIDs in data that other programs wrote as plain texts.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import { UUID } from '../../domain/uuid.js';
import { isCanonicalUuid } from '../../util/uuid-bytes.js';

/** Which fields of an object hold UUIDs. */
export interface UuidFieldsOptions {
  /** Take fields whose names end in `_id` or `Id`. Off unless asked for: a schema knows better. @defaultValue `false` */
  readonly auto?: boolean;
  /** Names of fields to take as well. */
  readonly include?: readonly string[];
  /** Names of fields that stay texts, whatever they are called. */
  readonly exclude?: readonly string[];
}

const ID_NAME = /(?:_id|[a-z0-9]Id)$/;

/**
 * Makes {@link UUID} values of the texts in certain fields, at any depth. What is not a UUID in canonical form, or not a
 * plain object or list, stays as it is. The data is not changed.
 *
 * @returns a copy
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when names are not in a list
 *
 * @example
 * ```ts
 * reviveUuidFields({ customer_id: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5', order_id: 'A-17' }, { auto: true });
 * // { customer_id: UUID, order_id: 'A-17' }
 * ```
 */
export function reviveUuidFields(data: unknown, options: UuidFieldsOptions): unknown {
  // A text would be a set of its characters.
  for (const [option, names] of Object.entries({ include: options.include, exclude: options.exclude })) {
    if (names !== undefined && !Array.isArray(names)) throw new ProgrammingError(`${option} must be a list of names.`);
  }
  const included = new Set(options.include);
  const excluded = new Set(options.exclude);
  const isUuidField = (name: string): boolean =>
    !excluded.has(name) && (included.has(name) || (options.auto === true && ID_NAME.test(name)));
  return revive(data, isUuidField);
}

function revive(value: unknown, isUuidField: (name: string) => boolean): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => revive(item, isUuidField));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  // By entries, so that a field named __proto__ stays a field.
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, unknown]) => [
      name,
      typeof item === 'string' && isUuidField(name) && isCanonicalUuid(item)
        ? UUID.parse(item)
        : revive(item, isUuidField),
    ]),
  );
}
