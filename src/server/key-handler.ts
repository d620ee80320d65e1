/**
 * The keeper of people's keys, for devices: a `fetch` handler of its own, so that it can run where the events' server does not.
 *
 * @module
 */
import { answerKeys } from '../application/personal/key-exchange.js';
import type { MayHaveKey } from '../application/personal/key-exchange.js';
import type { SqlSubjectKeys } from '../application/personal/sql-subject-keys.js';
import { isEventSourcingError } from '../domain/errors.js';
import { boundedText } from '../util/bounded-body.js';
import { callListener } from '../util/listeners.js';
import { validateFunction, validateFunctions } from '../persistence/validation.js';

// 500 keys with long subjects, and 500 ids.
const BODY_BYTES_MAX = 524_288;

/** Options of {@link createKeyHandler}. */
export interface KeyHandlerOptions {
  /** All keys: in a database that has not the events'. */
  readonly keys: SqlSubjectKeys;
  /**
   * Says who asks, by what the request carries, and whose keys that one may have.
   *
   * @returns undefined for somebody who may not ask: answered with 401
   */
  readonly authorize: (request: Request) => KeyAuthority | undefined | Promise<KeyAuthority | undefined>;
  /** Told of failures that are not the asker's. @defaultValue nobody is told */
  readonly onFailed?: ((error: unknown) => void) | undefined;
}

/** What somebody may do. */
export interface KeyAuthority {
  /** Whether this one may have the keys of a person, and bring new ones. */
  readonly mayHave: MayHaveKey;
}

/**
 * Makes the handler that `RemoteSubjectKeys` asks: POST, JSON both ways, up to 512 KiB. Mount it on a path of its own; for
 * pages of other origins, behind what answers their preflight requests.
 *
 * @example
 * ```ts
 * const handleKeys = createKeyHandler({
 *   keys,
 *   authorize: async (request) => {
 *     const user = await userOf(request.headers.get('authorization'));
 *     return user && { mayHave: (customerId) => user.customers.has(customerId) };
 *   },
 * });
 * app.post('/keys', (c) => handleKeys(c.req.raw));
 * ```
 */
export function createKeyHandler(options: KeyHandlerOptions): (request: Request) => Promise<Response> {
  const { keys, authorize, onFailed } = options;
  validateFunction('authorize', authorize);
  validateFunctions({ onFailed });
  return async (request) => {
    try {
      if (request.method !== 'POST') return answer(405, { allow: 'POST' });
      const authority = await authorize(request);
      if (authority === undefined) return answer(401, { 'www-authenticate': 'Bearer' });
      const { text, isWhole } = await boundedText(request, BODY_BYTES_MAX);
      if (!isWhole) return answer(413);
      return Response.json(await answerKeys(keys, parsed(text), authority.mayHave), { headers: NO_STORE });
    } catch (error) {
      if (isEventSourcingError(error) && REFUSALS.has(error.code)) return answer(400);
      callListener(() => onFailed?.(error));
      return answer(503, { 'retry-after': '2' });
    }
  };
}

const NO_STORE = { 'cache-control': 'no-store' } as const;
const REFUSALS: ReadonlySet<string> = new Set(['DATA_ERROR', 'PROGRAMMING_ERROR']);

function answer(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers: { ...NO_STORE, ...headers } });
}

/** What is no JSON is no request, which is found where requests are looked at. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
