/** A server's log that a store is kept in agreement with. */
export interface LogServer {
  /** Its base address. */
  readonly url: string;
  /** Under which name whoever asks is known there. */
  readonly token: string;
}
