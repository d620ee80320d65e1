/**
 * Whose a store is. What was recorded before anybody had signed in belongs to the first one who does; from then on it is
 * synchronised for that one only, so that nothing goes to a server under another's name, and nobody sees what another one
 * may see.
 *
 * The store remembers it as a tracking record, whose id follows from the subject: its name is in no store, and no file.
 *
 * @module
 */
import { IntegrityError } from '../../persistence/errors.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { sha256Now } from '../../util/sha256-now.js';
import { SubjectMismatchError } from '../protocol/index.js';

/** Under this name the store remembers whose it is. */
export const SUBJECT_TRACKING_NAME = 'daybook:subject';

const textEncoder = new TextEncoder();
// As many as an integer holds.
const ID_BYTES = 6;

/** Binds a store to who is signed in. */
export class StoreSubject {
  readonly #recorder: Pick<ProcessRecorder, 'insertEvents' | 'maxTrackingId'>;
  readonly #id: NotificationId | undefined;
  #isBound: boolean;

  /** @param subject - undefined where nobody knows: then the store is anybody's */
  constructor(recorder: Pick<ProcessRecorder, 'insertEvents' | 'maxTrackingId'>, subject: string | undefined) {
    this.#recorder = recorder;
    this.#id = subject === undefined ? undefined : idOf(subject);
    this.#isBound = subject === undefined;
  }

  /**
   * Binds the store, unless it is bound.
   *
   * @throws SubjectMismatchError (`SUBJECT_MISMATCH`) when it is another one's
   * @throws as the recorder does
   */
  async bind(): Promise<void> {
    const notificationId = this.#id;
    if (this.#isBound || notificationId === undefined) return;
    if ((await this.#boundTo()) === 0) await this.#remember(notificationId);
    // Also what was remembered just now: another tab may have been first.
    if ((await this.#boundTo()) !== notificationId) {
      throw new SubjectMismatchError(
        'This store belongs to another subject, under whose name its events are on the server. Nothing was sent or fetched. Sign in as that one, open another store for this one, or delete this store.',
      );
    }
    this.#isBound = true;
  }

  async #boundTo(): Promise<NotificationId> {
    return await this.#recorder.maxTrackingId(SUBJECT_TRACKING_NAME);
  }

  async #remember(notificationId: NotificationId): Promise<void> {
    try {
      await this.#recorder.insertEvents([], { tracking: { applicationName: SUBJECT_TRACKING_NAME, notificationId } });
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
    }
  }
}

/** Never 0, which is what a store says that has none. */
function idOf(subject: string): NotificationId {
  const digest = sha256Now(textEncoder.encode(subject));
  return digest.subarray(0, ID_BYTES).reduce((id, byte) => id * 256 + byte, 0) + 1;
}
