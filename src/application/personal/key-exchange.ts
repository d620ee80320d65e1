/**
 * How keys of people get from one place to another: what a device asks, and what the place answers that has all of them.
 *
 * ```text
 * device ── have: keys that it has made · want: ids of keys that it does not know ──▶ keeper of the keys
 *        ◀── taken: ids that are kept there now · keys: of what was wanted, null for those that were destroyed ──
 * ```
 *
 * In JSON, keys in base64. That somebody was forgotten travels with the events, see `forgetting.ts`.
 *
 * @module
 */
import { fromBase64, toBase64 } from '../../util/base64.js';
import { DataError } from '../../persistence/errors.js';
import type { ForeignKey, SqlSubjectKeys } from './sql-subject-keys.js';

/** Keys in one request, at most, had and wanted each. */
export const EXCHANGED_KEYS_MAX = 500;
const KEY_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KEY_BYTES = 32;

/** A key as it travels. `key` is base64, or null when it was destroyed. */
export interface TravellingKey {
  readonly id: string;
  readonly subject: string;
  readonly key: string | null;
}

/** What a device asks. At most {@link EXCHANGED_KEYS_MAX} of each. */
export interface KeysRequest {
  readonly have: readonly TravellingKey[];
  readonly want: readonly string[];
}

/** What it is answered. */
export interface KeysAnswer {
  /** Ids of those that it has, and need not be sent again. */
  readonly taken: readonly string[];
  /** Those that it wants and may have, and those of `have` whose subjects were forgotten. */
  readonly keys: readonly TravellingKey[];
}

/** Says whose keys somebody may have, and bring. */
export type MayHaveKey = (subject: string) => boolean | Promise<boolean>;

/**
 * Answers a device. Of keys that it may not have it is told what it is told of those that nobody has: nothing.
 *
 * @throws DataError (`DATA_ERROR`) when the request is none
 */
export async function answerKeys(keys: SqlSubjectKeys, request: unknown, mayHave: MayHaveKey): Promise<KeysAnswer> {
  const { have, want } = checkedRequest(request);
  const allowed: ForeignKey[] = [];
  for (const one of have) if (await mayHave(one.subject)) allowed.push(arrived(one));
  const gone = new Set(await keys.take(allowed));
  const found = await keys.find(want);
  const answered: TravellingKey[] = allowed
    .filter(({ id }) => gone.has(id))
    .map(({ id, subject }) => ({ id, subject, key: null }));
  for (const [index, one] of found.entries()) {
    const id = want[index] as string;
    // Whose it was is nobody's business any more.
    if (one === 'forgotten') answered.push({ id, subject: `key ${id}`, key: null });
    else if (one !== undefined && one.subject !== '' && (await mayHave(one.subject))) answered.push(travelling(one));
  }
  return { taken: allowed.map(({ id }) => id), keys: answered };
}

/** A key for the way. */
export function travelling({ id, subject, key }: ForeignKey): TravellingKey {
  return { id, subject, key: key === null ? null : toBase64(key) };
}

/** A key that has come. @throws DataError (`DATA_ERROR`) when it is none */
export function arrived({ id, subject, key }: TravellingKey): ForeignKey {
  try {
    const bytes = key === null ? null : fromBase64(key);
    if (bytes === null || bytes.length === KEY_BYTES) return { id, subject, key: bytes };
  } catch (cause) {
    throw new DataError(`The key ${id} is not base64.`, { cause });
  }
  throw new DataError(`The key ${id} has not ${KEY_BYTES} bytes.`);
}

/** @throws DataError (`DATA_ERROR`) when it is none */
export function checkedAnswer(answer: unknown): KeysAnswer {
  const { taken, keys } = (answer ?? {}) as Partial<Record<keyof KeysAnswer, unknown>>;
  if (isListOf(taken, isKeyId) && isListOf(keys, isTravellingKey)) return { taken, keys };
  throw new DataError('What was answered is no answer about keys: is this the address of a keeper of keys?');
}

function checkedRequest(request: unknown): KeysRequest {
  const { have, want } = (request ?? {}) as Partial<Record<keyof KeysRequest, unknown>>;
  const isRequest = isListOf(have, isTravellingKey) && isListOf(want, isKeyId);
  if (isRequest && have.every(({ key }) => key !== null)) return { have, want };
  throw new DataError(`A request for keys is { have, want }, with at most ${EXCHANGED_KEYS_MAX} of each.`);
}

function isListOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= 2 * EXCHANGED_KEYS_MAX && value.every(isOne);
}

function isKeyId(value: unknown): value is string {
  return typeof value === 'string' && KEY_ID.test(value);
}

function isTravellingKey(value: unknown): value is TravellingKey {
  if (typeof value !== 'object' || value === null) return false;
  const { id, subject, key } = value as Partial<Record<keyof TravellingKey, unknown>>;
  return isKeyId(id) && typeof subject === 'string' && (key === null || typeof key === 'string');
}
