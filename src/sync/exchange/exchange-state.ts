/**
 * The states of synchronisation, and what leads from one to another: the whole of it, for whoever reads and for the compiler.
 *
 * ```text
 *                       ┌──────────────── working ────────────────┐
 *  starting ──try──▶ connecting ──▶ pushing ⇄ pulling ⇄ healing   │
 *                       │  ▲  ▲                    │               │
 *      try: time, news, │  │  └──────try───────┐   │ settle        │
 *      a reason to hope │  │                   │   ▼               │
 *                       │  └──try── resting   live                │
 *                       └────────────────┬────────────────────────┘
 *                                        ▼
 *   fail ▶ waiting     loseNetwork ▶ offline     refuseToken ▶ needs-auth
 *   refuseVersion ▶ upgrade-required             refuse ▶ stuck
 *
 *   any ──pause──▶ paused ──resume──▶ connecting
 * ```
 *
 * None is without an exit: every one that rests is left by `try`, which comes by itself after a minute at most, and of
 * `paused` whoever has paused knows. In each of them recording and reading go on.
 *
 * @module
 */

import type { SyncState } from '../sync-status.js';

/** What happens to synchronisation. */
export type ExchangeEvent =
  /** An attempt begins: its time has come, or there is news or hope. */
  | 'try'
  /** There is something to send, to fetch, or to bring back. */
  | 'push'
  | 'pull'
  | 'heal'
  /** There is nothing left to do. */
  | 'settle'
  /** No answer came that counts. */
  | 'fail'
  | 'loseNetwork'
  | 'refuseToken'
  | 'refuseVersion'
  /** The server refuses otherwise, or cycle after cycle changes nothing. */
  | 'refuse'
  | 'pause'
  | 'resume';

type Row = Readonly<Record<ExchangeEvent, SyncState>>;

/** What may come of an attempt, whatever it was about. */
const OUTCOMES = {
  push: 'pushing',
  pull: 'pulling',
  heal: 'healing',
  settle: 'live',
  fail: 'waiting',
  loseNetwork: 'offline',
  refuseToken: 'needs-auth',
  refuseVersion: 'upgrade-required',
  refuse: 'stuck',
  pause: 'paused',
} as const satisfies Partial<Row>;

function working(self: SyncState): Row {
  return { ...OUTCOMES, try: self, resume: self };
}

/** Nothing is under way: what an attempt may come to does not happen. */
function resting(self: SyncState, tried: SyncState = 'connecting'): Row {
  return {
    ...{ push: self, pull: self, heal: self, settle: self, fail: self, resume: self },
    ...{ refuseToken: self, refuseVersion: self, refuse: self },
    try: tried,
    loseNetwork: self === 'starting' || self === 'live' || self === 'waiting' ? 'offline' : self,
    pause: 'paused',
  };
}

const TABLE: Readonly<Record<SyncState, Row>> = {
  starting: resting('starting'),
  connecting: working('connecting'),
  pushing: working('pushing'),
  pulling: working('pulling'),
  healing: working('healing'),
  // It has answered a moment ago: what comes next is shown by its own name.
  live: { ...resting('live', 'live'), push: 'pushing', pull: 'pulling', heal: 'healing' },
  waiting: resting('waiting'),
  offline: resting('offline'),
  'needs-auth': resting('needs-auth'),
  'upgrade-required': resting('upgrade-required'),
  stuck: resting('stuck'),
  paused: { ...resting('paused', 'paused'), loseNetwork: 'paused', resume: 'connecting' },
};

/** All states, for whoever shows or checks them. */
export const SYNC_STATES: readonly SyncState[] = Object.keys(TABLE) as SyncState[];

/** The state after an event. */
export function nextState(state: SyncState, event: ExchangeEvent): SyncState {
  return TABLE[state][event];
}
