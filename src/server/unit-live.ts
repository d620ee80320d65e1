/**
 * Who waits for news of which log: a hub for each that anybody waits for, and the answer of `GET …/live`.
 *
 * @module
 */
import type { Clock } from '../util/clock.js';
import { HeadHub } from './live/head-hub.js';
import type { HeadNews } from './live/head-news.js';
import { liveStream } from './live/live-stream.js';

// How long somebody may go on listening who may not any more: a revoked replica, for example.
const RECHECK_MS = 30_000;

/** What {@link LiveLogs} needs. */
export interface LiveLogsOptions {
  /** The end of a tenant's log. */
  readonly readHead: (tenant: string) => Promise<number>;
  /** Listens to news of other processes of a tenant's log. @returns stops the calls. @defaultValue the log is looked at */
  readonly listen?: HeadNews['listen'] | undefined;
  /** Ends every stream, so that a server that is about to stop has none. @defaultValue never */
  readonly closing?: AbortSignal | undefined;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** One who listens. */
export interface LiveListener {
  readonly tenant: string;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** When the token is over, in milliseconds since 1970; the device comes again with a new one. */
  readonly expiresAtMs: number | undefined;
  /** Asked once in a while whether whoever listens still may: rejects when not. */
  readonly recheck: () => Promise<unknown>;
  /** As of `liveStream`. */
  readonly tell?: ((head: number) => Promise<Uint8Array | undefined>) | undefined;
}

/** Opens streams. */
export class LiveLogs {
  readonly #options: LiveLogsOptions;
  readonly #hubs = new Map<string, HeadHub>();

  constructor(options: LiveLogsOptions) {
    this.#options = options;
  }

  /** Takes that this process has moved a log. */
  announce(tenant: string, head: number): void {
    this.#hubs.get(tenant)?.announce(head);
  }

  /** The event stream for somebody who was let in. */
  open({ tenant, signal, expiresAtMs, recheck, tell }: LiveListener): Response {
    const { clock, closing } = this.#options;
    const end = new AbortController();
    const callOffs = [
      ...(expiresAtMs === undefined
        ? []
        : [clock.schedule(() => end.abort(), Math.max(0, expiresAtMs - clock.nowMs()))]),
      this.#rechecking(recheck, end),
    ];
    const hub = this.#hubOf(tenant);
    const signals = [signal, end.signal, ...(closing === undefined ? [] : [closing])];
    const body = liveStream({
      ...{ hub, clock, tell },
      signal: AbortSignal.any(signals),
      onEnd: () => {
        for (const callOff of callOffs) callOff();
        if (hub.size === 0 && this.#hubs.get(tenant) === hub) this.#hubs.delete(tenant);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } });
  }

  #hubOf(tenant: string): HeadHub {
    const { readHead, listen, clock, onFailure } = this.#options;
    let hub = this.#hubs.get(tenant);
    if (hub === undefined) {
      hub = new HeadHub({
        readHead: () => readHead(tenant),
        listen: listen === undefined ? undefined : (onNews) => listen(tenant, onNews),
        clock,
        onFailure,
      });
      this.#hubs.set(tenant, hub);
    }
    return hub;
  }

  #rechecking(recheck: () => Promise<unknown>, end: AbortController): () => void {
    const { clock } = this.#options;
    let callOff: () => void;
    let isOver = false;
    const check = (): void => {
      recheck().then(
        () => {
          if (!isOver) callOff = clock.schedule(check, RECHECK_MS);
        },
        () => end.abort(),
      );
    };
    callOff = clock.schedule(check, RECHECK_MS);
    return () => {
      isOver = true;
      callOff();
    };
  }
}
