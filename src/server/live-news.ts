/**
 * What one who listens is told when a log has moved: the page itself, where it is small, and otherwise that there is one.
 *
 * ```text
 * the log has moved ──▶ may it still see that? ── no ──▶ the stream ends
 *                              │ yes
 *                              ▼
 *        what follows the end of what it was told ── little ──▶ the page
 *                              │ much; or the log does not have that place, or it may see another part now
 *                              ▼
 *                          the head, and from now on what follows that
 * ```
 *
 * The server knows of a device only what it has told it on this stream. So whoever stands elsewhere passes a page over and
 * asks for what it needs, after which both stand at the same place again.
 *
 * @module
 */
import type { Cursor, UnitPage } from '../persistence/unit.js';
import { ForbiddenError, LIVE_PAGE_BYTES_MAX, UnauthorizedError } from '../sync/protocol/index.js';
import { headMessage, pageMessage } from './live/live-stream.js';
import type { LogNews, NewsOptions, Visibility } from './log/unit-log.js';
import { packedPage } from './packed-page.js';

// More is asked for: a request is compressed, and its answer waits for whoever reads slowly.
const EVENTS_MAX = 100;

/** What a {@link LiveNews} needs. */
export interface LiveNewsOptions {
  /** Who listens may see this at present. Rejects when that is nothing. */
  readonly admit: () => Promise<Visibility | undefined>;
  /** Reads the log; `undefined` where that has no news but its head. */
  readonly read: (options: NewsOptions) => Promise<LogNews | undefined>;
  /** The end of what was told before. @defaultValue nothing was */
  readonly after?: Cursor | undefined;
}

/** Makes the messages of one stream. */
export class LiveNews {
  readonly #options: LiveNewsOptions;
  /** The end of what was told. */
  #after: Cursor | undefined;

  constructor(options: LiveNewsOptions) {
    this.#options = options;
    this.#after = options.after;
  }

  /** The end of what was told; `undefined` where that is not known. */
  get after(): Cursor | undefined {
    return this.#after;
  }

  /**
   * @returns the message; `undefined` when all was told before
   * @throws when whoever listens may not any more
   */
  async tell(head: number): Promise<Uint8Array | undefined> {
    const after = this.#after;
    this.#after = undefined;
    try {
      const visibility = await this.#options.admit();
      const limits = { eventsMax: EVENTS_MAX, bytesMax: LIVE_PAGE_BYTES_MAX };
      const news = await this.#options.read({ after, head, visibility, ...limits });
      this.#after = news?.end;
      if (news?.page === undefined || news.position < head) return headMessage(Math.max(head, news?.position ?? 0));
      return news.page.from === news.page.to ? undefined : (messageOf(news.page) ?? headMessage(news.position));
    } catch (error) {
      if (error instanceof UnauthorizedError || error instanceof ForbiddenError) throw error;
      // Nobody can tell at present. A request would be told why.
      return headMessage(head);
    }
  }
}

/** Of pages: a log gives one object to all whom it shows the same in the same moment. */
const messages = new WeakMap<UnitPage, Uint8Array>();

/** @returns `undefined` where it is too large */
function messageOf(page: UnitPage): Uint8Array | undefined {
  const known = messages.get(page);
  if (known !== undefined) return known;
  const packed = packedPage(page);
  if (packed.length > LIVE_PAGE_BYTES_MAX) return undefined;
  const message = pageMessage(packed);
  messages.set(page, message);
  return message;
}
