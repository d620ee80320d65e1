/**
 * What the tabs of one store tell each other about synchronisation: how it stands, and what a person asked for.
 * Losing a message costs a stale display until the next one, nothing more.
 *
 * @module
 */
import { decodeError, encodeError } from '../../domain/error-codec.js';
import type { ErrorData } from '../../domain/error-codec.js';
import { syncChannelName } from '../../origin/origin-names.js';
import { SYNC_ERRORS } from '../protocol/index.js';
import type { SyncStatus } from '../sync-status.js';

/** What a person may ask for, in any tab. */
export type SyncCommand = 'attempt-now' | 'pause' | 'resume' | 'sign-out';

/** What the other tabs said. */
export interface SyncChannelListener {
  /** The tab that runs says how it stands. */
  onStatus(status: SyncStatus): void;
  /** A person asked for something in another tab. */
  onCommand(command: SyncCommand): void;
  /** Another tab wants to know how it stands. @param pending - events that wait, as far as it knows */
  onQuestion(pending: number): void;
}

type StatusData = Omit<SyncStatus, 'lastError'> & { readonly lastError: ErrorData | undefined };

type Message =
  | { readonly kind: 'status'; readonly status: StatusData }
  | { readonly kind: 'command'; readonly command: SyncCommand }
  | { readonly kind: 'question'; readonly pending: number };

/** A BroadcastChannel between the tabs; silent where there is none. */
export class SyncChannel {
  readonly #channel: BroadcastChannel;
  #isClosed = false;

  constructor(storeName: string, listener: SyncChannelListener) {
    this.#channel = new BroadcastChannel(syncChannelName(storeName));
    this.#channel.addEventListener('message', (event: MessageEvent<Message>) => {
      const message = event.data;
      if (message.kind === 'status') listener.onStatus(fromData(message.status));
      else if (message.kind === 'command') listener.onCommand(message.command);
      else listener.onQuestion(message.pending);
    });
    // In Node an open channel keeps the process running.
    (this.#channel as { unref?(): void }).unref?.();
  }

  /** Tells how it stands. */
  postStatus(status: SyncStatus): void {
    const lastError = status.lastError === undefined ? undefined : encodeError(status.lastError);
    this.#post({ kind: 'status', status: { ...status, lastError } });
  }

  /** Passes on what a person asked for. */
  postCommand(command: SyncCommand): void {
    this.#post({ kind: 'command', command });
  }

  /** Asks the tab that runs how it stands. @param pending - events that wait, as far as is known here */
  postQuestion(pending: number): void {
    this.#post({ kind: 'question', pending });
  }

  /** What is said after it is said to nobody. */
  close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }

  #post(message: Message): void {
    if (!this.#isClosed) this.#channel.postMessage(message);
  }
}

function fromData(data: StatusData): SyncStatus {
  return {
    ...data,
    lastError: data.lastError === undefined ? undefined : decodeError(data.lastError, SYNC_ERRORS),
  };
}
