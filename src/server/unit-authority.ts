/**
 * What the operator says about a sender: what it may see, and which of its units are taken.
 *
 * | `authorizePull` gives | |
 * |---|---|
 * | `true` | everything is visible |
 * | a `Visibility` | a part is, and units go into that part only; others are `OUT_OF_SCOPE`, until the scopes change |
 * | anything else | 403, to pushes as well: nothing would ever be confirmed |
 *
 * | `authorizePush` gives | |
 * |---|---|
 * | `true` | the unit is taken |
 * | `false`, or a `Refusal` | it is refused for good, with that reason |
 * | anything else | 500, and a line in the log: only these say something |
 *
 * | `acceptApp` gives | |
 * |---|---|
 * | `true` | the request is answered |
 * | `false` | 426, before anything is looked at |
 * | anything else | 426, and a line in the log |
 *
 * What they throw, or never answer, says that nobody can tell at present: nothing is decided, and the device comes again.
 *
 * @module
 */
import type { PendingUnit } from '../persistence/unit.js';
import { isStorableText } from '../persistence/validation.js';
import { APP_LABEL, ForbiddenError, UnavailableError, UpgradeRequiredError } from '../sync/protocol/index.js';
import type { Authorize, Sender, Visibility } from './log/unit-log.js';
import { answerWithin } from './operator/foreign-code.js';
import type { Log } from './operator/foreign-code.js';
import { checkFunction, checkWhole, DELAY_MS_MAX } from './operator/option-checks.js';

const AUTHORIZE_LIMIT_MS = 10_000;
const CODE = /^[A-Z][A-Z0-9_]{0,99}$/;
const MESSAGE_LENGTH_MAX = 500;

/** Why a unit is refused: the device sets it aside with this. */
export interface Refusal {
  /** For programs: capitals, digits and `_`, up to 100. */
  readonly code: string;
  /** For people, up to 500 characters; the sender reads it. */
  readonly message: string;
}

/** Says whether a unit is taken: `true`, or why not. */
export type AuthorizePush = (unit: PendingUnit, sender: Sender) => boolean | Refusal | Promise<boolean | Refusal>;

/** Says what a sender may see: everything, a part, or nothing. */
export type AuthorizePull = (sender: Sender) => boolean | Visibility | Promise<boolean | Visibility>;

/**
 * Says whether an application may use the server, by what the device says of it: `stockcount/1.4.2`; `undefined` where it says
 * nothing, or no such label.
 */
export type AcceptApp = (app: string | undefined, sender: Sender) => boolean | Promise<boolean>;

/** Options about what senders may do. */
export interface UnitAuthorityOptions {
  /**
   * Asked about each unit that is new, before it is stored. What it refuses is refused for good: the device sets it aside,
   * with this reason. Who may see everything may write everywhere, unless this says otherwise.
   *
   * @defaultValue every unit is taken that its sender may see
   */
  readonly authorizePush?: AuthorizePush | undefined;
  /**
   * Asked at each request what its sender may see.
   *
   * @defaultValue everything
   */
  readonly authorizePull?: AuthorizePull | undefined;
  /**
   * Asked at each request whether the application of the device (`startSync({ app })`) is new enough. Where it is not, nothing
   * is taken or given: the device is `upgrade-required`, keeps what is pending, and sends it when a newer release runs there. A
   * device may say of itself what it likes, so this keeps out what is old, and nobody who wants to come in.
   *
   * @defaultValue whatever a device runs may use the server
   *
   * @example
   * ```ts
   * acceptApp: (app) => app !== undefined && Number(app.split('/')[1]) >= 12,
   * ```
   */
  readonly acceptApp?: AcceptApp | undefined;
  /**
   * Milliseconds that each of them may take, 1 to 2,147,483,647; then the answer is 503.
   *
   * @defaultValue 10,000
   */
  readonly authorizeLimitMs?: number | undefined;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function checkAuthorityOptions(options: UnitAuthorityOptions): void {
  checkFunction('authorizePush', options.authorizePush);
  checkFunction('authorizePull', options.authorizePull);
  checkFunction('acceptApp', options.acceptApp);
  checkWhole('authorizeLimitMs', options.authorizeLimitMs, 1, DELAY_MS_MAX);
}

/** Asks the operator, and takes only what says something for an answer. */
export class UnitAuthority {
  readonly #options: UnitAuthorityOptions;
  readonly #limitMs: number;
  readonly #log: Log;

  constructor(options: UnitAuthorityOptions, log: Log) {
    this.#options = options;
    this.#limitMs = options.authorizeLimitMs ?? AUTHORIZE_LIMIT_MS;
    this.#log = log;
  }

  /**
   * What a sender may see; `undefined` for everything.
   *
   * @throws ForbiddenError (`FORBIDDEN`) when that is nothing
   * @throws UnavailableError (`UNAVAILABLE`) when there is no answer in time
   * @throws what `authorizePull` throws
   */
  async visibility(sender: Sender): Promise<Visibility | undefined> {
    const { authorizePull } = this.#options;
    if (authorizePull === undefined) return undefined;
    const answer: unknown = await this.#within(async () => await authorizePull(sender), 'authorizePull');
    if (answer === true) return undefined;
    if (isVisibility(answer)) return answer;
    if (answer !== false)
      this.#log('authorizePull gave neither true, false nor a visibility: taken for false.', typeof answer);
    throw new ForbiddenError('The token does not allow to see anything of this log.', { details: { reason: 'pull' } });
  }

  /**
   * @param app - as it came
   * @throws UpgradeRequiredError (`UPGRADE_REQUIRED`) with `reason: 'app'` when it is not to use the server
   * @throws UnavailableError (`UNAVAILABLE`) when there is no answer in time
   * @throws what `acceptApp` throws
   */
  async assertApp(app: string | undefined, sender: Sender): Promise<void> {
    const { acceptApp } = this.#options;
    if (acceptApp === undefined) return;
    const label = app !== undefined && APP_LABEL.test(app) ? app : undefined;
    const answer: unknown = await this.#within(async () => await acceptApp(label, sender), 'acceptApp');
    if (answer === true) return;
    if (answer !== false) this.#log('acceptApp gave neither true nor false: taken for false.', typeof answer);
    throw new UpgradeRequiredError(
      'This server does not take this release of the application any more. Load the newer one; nothing is lost.',
      { details: { reason: 'app' } },
    );
  }

  /** For {@link UnitLog.push}; `undefined` where there is nobody to ask. */
  get authorize(): Authorize | undefined {
    const { authorizePush } = this.#options;
    if (authorizePush === undefined) return undefined;
    return async (unit, sender) => {
      const answer: unknown = await this.#within(async () => await authorizePush(unit, sender), 'authorizePush');
      if (answer === true) return undefined;
      if (answer === false) return { code: 'FORBIDDEN', message: 'The server does not take this unit.' };
      if (isRefusal(answer)) return { code: answer.code, message: answer.message };
      throw new TypeError('authorizePush gave neither true, false nor { code, message }. Nothing was stored.');
    };
  }

  async #within<T>(ask: () => Promise<T>, name: string): Promise<T> {
    return await answerWithin(
      ask(),
      this.#limitMs,
      () => new UnavailableError(`${name} did not answer within ${this.#limitMs} ms. Send it again.`),
    );
  }
}

function isVisibility(answer: unknown): answer is Visibility {
  if (typeof answer !== 'object' || answer === null) return false;
  const { id, isVisible } = answer as Partial<Record<keyof Visibility, unknown>>;
  return typeof id === 'string' && typeof isVisible === 'function';
}

function isRefusal(answer: unknown): answer is Refusal {
  if (typeof answer !== 'object' || answer === null) return false;
  const { code, message } = answer as Partial<Record<keyof Refusal, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string') return false;
  return CODE.test(code) && message.length <= MESSAGE_LENGTH_MAX && isStorableText(message);
}
