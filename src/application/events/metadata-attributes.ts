/**
 * Metadata of the application's own: plain JSON under names that are nobody else's.
 *
 * @module
 */
import type { JsonValue, MetadataAttributes } from '../../domain/event-metadata.js';
import { ProgrammingError } from '../../persistence/errors.js';
import { isStorableText } from '../../persistence/validation.js';
import { jsonOf, lostAt } from '../../util/json-loss.js';

/** What others know an event's metadata by: the names under which they are stored and published. */
export const METADATA_NAMES = {
  actorId: 'actor_id',
  correlationId: 'correlation_id',
  causationId: 'causation_id',
} as const;

const TAKEN: readonly string[] = [...Object.values(METADATA_NAMES), 'event_id', 'recorded_at', 'tenant_id'];
// A name may become a header. Together they travel with every event of a save.
const NAME = /^[A-Za-z_][\w.-]{0,99}$/;
const JSON_LENGTH_MAX = 10_000;

/**
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when they would not come back as they are, or one has a name that it cannot
 *   have
 */
export function validateAttributes(attributes: unknown): void {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) throw refusal('attributes');
  for (const name of Object.keys(attributes)) {
    if (NAME.test(name) && !TAKEN.includes(name)) continue;
    throw refusal(`attributes.${name}`, `its name must match ${String(NAME)}, and be none of ${TAKEN.join(', ')}`);
  }
  const json = jsonOf(attributes);
  const lost = json === undefined ? 'attributes' : lostAt('attributes', attributes, JSON.parse(json));
  if (lost !== undefined) throw refusal(lost);
  if ((json as string).length > JSON_LENGTH_MAX)
    throw refusal('attributes', `at most ${JSON_LENGTH_MAX} characters of JSON`);
  if (!areStorable(attributes as MetadataAttributes))
    throw refusal('attributes', 'without zeros or halves of surrogate pairs');
}

/** Those among stored or published metadata that are the application's; `undefined` where there are none. */
export function attributesAmong(metadata: Readonly<Record<string, unknown>>): MetadataAttributes | undefined {
  const own = Object.entries(metadata).filter(([name]) => !TAKEN.includes(name));
  return own.length === 0 ? undefined : (Object.fromEntries(own) as MetadataAttributes);
}

function areStorable(value: JsonValue): boolean {
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, part]) => isStorableText(key) && areStorable(part));
}

function refusal(key: string, expected = 'an object of plain JSON'): ProgrammingError {
  return new ProgrammingError(`The metadata ${key} cannot be kept: ${expected}. Nothing was stored.`, {
    details: { key },
  });
}
