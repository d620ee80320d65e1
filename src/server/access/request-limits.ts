/**
 * Limits for each subject, in this process: requests, bytes, streams. What is beyond them is answered with 429 and when
 * to come again; nothing is queued, so nobody waits for somebody else's requests.
 *
 * Each has buckets of its own: whoever takes much takes it from nobody. Where a token says no subject there is nobody to
 * count for, unless the host says from which address a request came.
 *
 * @module
 */
import { UnavailableError } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { checkLimits } from './limit-options.js';
import type { CheckedLimits, RequestLimitOptions } from './limit-options.js';
import { TokenBucket } from './token-bucket.js';
import type { Visitor } from './visitor.js';

const BURST_SECONDS = 10;

/** `details.reason` of what is beyond a limit: which one. */
export type LimitReason = 'requests' | 'bytes' | 'live' | 'refused';

interface Account {
  readonly requests: TokenBucket | undefined;
  readonly bytes: TokenBucket | undefined;
  live: number;
}

/** Counts for each subject what it asks for. */
export class RequestLimits {
  readonly #limits: CheckedLimits;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** The one that asked longest ago comes first. */
  readonly #accounts = new Map<string, Account>();

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a limit is neither a whole number from 1 on nor `false` */
  constructor(options: RequestLimitOptions = {}, clock: Pick<Clock, 'monotonicMs'> = systemClock) {
    this.#limits = checkLimits(options);
    this.#clock = clock;
  }

  /** Subjects that are remembered. */
  get size(): number {
    return this.#accounts.size;
  }

  /**
   * Lets a request in, and counts it.
   *
   * @param key - of {@link limitKey}
   * @param bytes - that it says it has; {@link RequestLimits.takeBytes} corrects that
   * @throws UnavailableError (`UNAVAILABLE`) when it is beyond a limit: `details.reason` says which, and
   *   `details.retryAfterSeconds` when to come again; then it is not counted
   */
  admit(key: string, bytes: number): void {
    const { requests, bytes: volume } = this.#account(key);
    const nowMs = this.#clock.monotonicMs();
    const waitMs = requests?.waitMs(1, nowMs) ?? 0;
    if (waitMs > 0) throw beyond('requests', waitMs);
    const volumeWaitMs = volume?.waitMs(bytes, nowMs) ?? 0;
    if (volumeWaitMs > 0) throw beyond('bytes', volumeWaitMs);
    requests?.take(1, nowMs);
    volume?.take(bytes, nowMs);
  }

  /**
   * Looks whether somebody was refused too often; {@link RequestLimits.noteRefusal} counts that.
   *
   * @throws UnavailableError (`UNAVAILABLE`) as {@link RequestLimits.admit} does, with `details.reason: 'refused'`
   */
  checkRefusals(key: string): void {
    const waitMs = this.#account(key).requests?.waitMs(1, this.#clock.monotonicMs()) ?? 0;
    if (waitMs > 0) throw beyond('refused', waitMs);
  }

  /** Counts that a token was no good. */
  noteRefusal(key: string): void {
    this.#account(key).requests?.take(1, this.#clock.monotonicMs());
  }

  /** Counts bytes that went to and fro; what was counted too much is given back as a negative number. */
  takeBytes(key: string, bytes: number): void {
    this.#account(key).bytes?.take(bytes, this.#clock.monotonicMs());
  }

  /**
   * Counts a stream that is opened.
   *
   * @returns to be called when it is closed; more often does no harm
   * @throws UnavailableError (`UNAVAILABLE`) with `details.reason: 'live'` when there are as many as there may be
   */
  openLive(key: string): () => void {
    const account = this.#account(key);
    const { liveConnections } = this.#limits;
    if (liveConnections !== false && account.live >= liveConnections) throw beyond('live', 1_000);
    account.live++;
    let isOpen = true;
    return () => {
      if (isOpen) account.live--;
      isOpen = false;
    };
  }

  #account(key: string): Account {
    const known = this.#accounts.get(key);
    if (known !== undefined) {
      // To the end, so that it goes last.
      this.#accounts.delete(key);
      this.#accounts.set(key, known);
      return known;
    }
    const account = this.#newAccount();
    this.#accounts.set(key, account);
    if (this.#accounts.size > this.#limits.subjectsMax) this.#forgetOne(key);
    return account;
  }

  #newAccount(): Account {
    const { requestsPerSecond, bytesPerMinute } = this.#limits;
    const nowMs = this.#clock.monotonicMs();
    const bucket = (perSecond: number, seconds: number): TokenBucket =>
      new TokenBucket({ perSecond, capacity: perSecond * seconds }, nowMs);
    return {
      requests: requestsPerSecond === false ? undefined : bucket(requestsPerSecond, BURST_SECONDS),
      bytes: bytesPerMinute === false ? undefined : bucket(bytesPerMinute / 60, 60),
      live: 0,
    };
  }

  /** The one that asked longest ago, but none with a stream that is open: those are bounded by the connections there are. */
  #forgetOne(except: string): void {
    for (const [key, { live }] of this.#accounts) {
      if (live > 0 || key === except) continue;
      this.#accounts.delete(key);
      return;
    }
  }
}

/**
 * For whom something is counted; `undefined` for nobody.
 *
 * @param address - where the host says it
 */
export function limitKey({ subject }: Visitor, address: string | undefined): string | undefined {
  if (subject !== '') return `subject ${subject}`;
  return address === undefined ? undefined : `address ${networkOf(address)}`;
}

/** For whom bad tokens are counted: apart from the good ones, which others of the address may have. */
export function refusalKey(address: string): string {
  return `refused ${networkOf(address)}`;
}

/** Of IPv6 the network of 64 bits: whoever has an address there has all of it. Of IPv4 the address itself. */
function networkOf(address: string): string {
  const v4 = /(?:^|:)(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  const [head = '', tail] = address
    .replace(/^\[|\]$|%.*$/g, '')
    .toLowerCase()
    .split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}

function beyond(reason: LimitReason, waitMs: number): UnavailableError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new UnavailableError('That is more than one subject may ask for at once. Nothing is lost: send it again.', {
    details: { reason, retryAfterSeconds },
  });
}
