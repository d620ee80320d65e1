/**
 * What the tab that has the turn does: exchanges, and keeps a line open by which the server says when there is news.
 *
 * The line is there while there is use for it: from when all is fetched for the first time, so that no stream is asked for
 * of a server that cannot be reached, until the turn ends, or sync is paused.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import type { Observable } from '../../util/observable.js';
import { Exchange } from '../exchange/exchange.js';
import type { Direction } from '../exchange/exchange-work.js';
import type { UnitDecider } from '../exchange/page-intake.js';
import { HeadStream } from '../exchange/head-stream.js';
import type { HttpTransport } from '../exchange/http-transport.js';
import { ServerLine } from '../exchange/server-line.js';
import type { SyncStatus } from '../sync-status.js';
import type { SyncStore } from '../sync-store.js';

/** What {@link ExchangeTurns} need. */
export interface ExchangeTurnsOptions {
  readonly recorder: SyncStore['recorder'];
  readonly transport: HttpTransport;
  readonly direction: Direction;
  /** As of `Exchange`. */
  readonly bootstrap?: boolean | undefined;
  /** Whether to ask for a line. */
  readonly live: boolean;
  readonly isOffline: () => boolean;
  /** As of `Exchange`. */
  readonly admit: () => Promise<void>;
  readonly decider?: UnitDecider | undefined;
  readonly onRebased?: ((units: readonly unknown[]) => void) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Turns of one tab, one after another. */
export class ExchangeTurns {
  readonly #exchange: Exchange;
  readonly #line: HeadStream | undefined;

  constructor(options: ExchangeTurnsOptions) {
    const { transport, live, clock, random } = options;
    this.#exchange = new Exchange(options);
    if (!live) return;
    const server = new ServerLine(transport, clock);
    this.#line = new HeadStream({
      open: (signal) => server.open(signal),
      onHead: (head) => this.#exchange.noteNews(head),
      onPage: (page) => this.#exchange.notePage(page),
      onLive: (isLive) => this.#exchange.setLive(isLive),
      ...{ clock, random },
    });
  }

  /** How it stands, as far as this tab knows. */
  get status(): Observable<SyncStatus> {
    return this.#exchange.status;
  }

  /** As of `Exchange`. */
  get waitMs(): number {
    return this.#exchange.waitMs;
  }

  setPaused(isPaused: boolean): void {
    this.#exchange.setPaused(isPaused);
  }

  attemptNow(): void {
    this.#exchange.attemptNow();
    this.#line?.attemptNow();
  }

  noteCommit(): void {
    this.#exchange.noteCommit();
  }

  /** Takes one turn, until the signal says stop, or after a failure that may be of this tab alone. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let hangUp: AbortController | undefined;
    const lines: Promise<void>[] = [];
    const turn = this.#exchange.run(signal);
    // After the turn has begun: how the one before it ended says nothing of this one.
    const unsubscribe = this.status.subscribe(({ state }) => {
      if (state === 'paused') {
        hangUp?.abort();
        hangUp = undefined;
      } else if (state === 'live' && hangUp === undefined && this.#line !== undefined) {
        hangUp = new AbortController();
        lines.push(this.#line.run(hangUp.signal));
      }
    });
    await turn;
    unsubscribe();
    hangUp?.abort();
    await Promise.all(lines);
  }
}
