/**
 * How much one subject may ask of a server, and the check of that.
 *
 * @module
 */
import { checkWhole, optionRefused } from '../operator/option-checks.js';

const NUMBER_MAX = 2 ** 40;

/** How much one subject may ask of one process of the server. `false` switches a limit off. */
export interface RequestLimitOptions {
  /** Requests a second, as they come in the long run; ten times as many may come at once. @defaultValue 50 */
  readonly requestsPerSecond?: number | false | undefined;
  /**
   * Bytes a minute, in and out; as many may come at once. Those of an answer count afterwards, so the next request waits.
   *
   * @defaultValue 268,435,456 (256 MiB)
   */
  readonly bytesPerMinute?: number | false | undefined;
  /** Streams that are open at the same time. @defaultValue 100 */
  readonly liveConnections?: number | false | undefined;
  /** Subjects that are remembered; beyond that, those go that asked longest ago. @defaultValue 10,000 */
  readonly subjectsMax?: number | undefined;
}

/** Limits with everything said. */
export interface CheckedLimits {
  readonly requestsPerSecond: number | false;
  readonly bytesPerMinute: number | false;
  readonly liveConnections: number | false;
  readonly subjectsMax: number;
}

const DEFAULTS: CheckedLimits = {
  requestsPerSecond: 50,
  bytesPerMinute: 268_435_456,
  liveConnections: 100,
  subjectsMax: 10_000,
};

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when one of them is neither a whole number from 1 on nor `false` */
export function checkLimits(options: unknown): CheckedLimits {
  if (typeof options !== 'object' || options === null) {
    throw optionRefused('limits', 'an object of limits, or false', options);
  }
  const given = options as RequestLimitOptions;
  const { subjectsMax = DEFAULTS.subjectsMax } = given;
  checkWhole('limits.subjectsMax', subjectsMax, 1, NUMBER_MAX);
  return {
    requestsPerSecond: checked('requestsPerSecond', given),
    bytesPerMinute: checked('bytesPerMinute', given),
    liveConnections: checked('liveConnections', given),
    subjectsMax,
  };
}

function checked(name: Exclude<keyof CheckedLimits, 'subjectsMax'>, given: RequestLimitOptions): number | false {
  const { [name]: limit = DEFAULTS[name] } = given;
  if (limit !== false) checkWhole(`limits.${name}`, limit, 1, NUMBER_MAX);
  return limit;
}
