import type { BackoffBounds } from '../../util/backoff.js';

/** Bound of the first wait of a push that failed, in milliseconds. */
export const BACKOFF_DELAY_MS_MIN = 1_000;
/** Largest bound of a wait, in milliseconds. */
export const BACKOFF_DELAY_MS_MAX = 60_000;

/** How long a push that failed waits. */
export const PUSH_BACKOFF: BackoffBounds = { delayMsMin: BACKOFF_DELAY_MS_MIN, delayMsMax: BACKOFF_DELAY_MS_MAX };
