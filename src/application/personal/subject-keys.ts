/**
 * Keys of the people that events are about.
 *
 * Each person (a _subject_) has keys of their own, and forgetting the person is destroying them: what they have encrypted
 * stays where it is, in tables that only grow and in backups, and nobody can read it. So keys are kept where the events'
 * backups are not.
 *
 * @module
 */
import { randomUuid } from '../../util/random-uuid.js';
import { DataError, OperationalError, ProgrammingError } from '../../persistence/errors.js';

/** One key. */
export interface SubjectKey {
  /** A UUID; what the key has encrypted names it by this. Says nothing of the person. */
  readonly id: string;
  readonly subject: string;
  /** 32 bytes, for AES-256. Do not change them. */
  readonly key: Uint8Array;
}

/** What became of a key: itself, `'forgotten'` when it was destroyed, `undefined` when nobody here knows it (yet). */
export type FoundKey = SubjectKey | 'forgotten' | undefined;

/** Keeps keys. {@link MemorySubjectKeys}, {@link SqlSubjectKeys} and {@link RemoteSubjectKeys} are such. */
export interface SubjectKeys {
  /**
   * The key to encrypt with, made when there is none.
   *
   * @throws SubjectForgottenError (`SUBJECT_FORGOTTEN`) when the subject was forgotten: nothing is recorded of them any more
   */
  keyFor(subject: string): Promise<SubjectKey>;
  /** @returns for each id, in its order */
  find(ids: readonly string[]): Promise<readonly FoundKey[]>;
  /**
   * The key that snapshots of aggregates with personal data are encrypted by: of this place only. Forgetting anybody destroys
   * it, because a snapshot does not say whom it is about; snapshots are made again.
   */
  snapshotKey(): Promise<SubjectKey>;
  /**
   * Destroys the keys of a subject, for good: none of that subject is made or taken again. Forgetting twice is forgetting
   * once.
   *
   * @returns the ids of the keys that it had, also those that were destroyed before
   */
  forget(subject: string): Promise<readonly string[]>;
  /** Calls a listener with the subject after it was forgotten, here or, where these keys hear of it, elsewhere. @returns stops that */
  onForgotten(listener: (subject: string) => void): () => void;
}

/** Nothing can be recorded of a person who was forgotten. Nothing was stored. `details.subject` says who. */
export class SubjectForgottenError extends DataError {
  static override readonly code: string = 'SUBJECT_FORGOTTEN';
}

/**
 * The key of something personal is not at hand: it was made on another device and has not arrived, or the keys cannot be
 * reached. Try again later; nothing is lost. `details.keyId` says which.
 */
export class SubjectKeyMissingError extends OperationalError {
  static override readonly code: string = 'SUBJECT_KEY_MISSING';
}

const SUBJECT_LENGTH_MAX = 255;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no text of 1 to 255 characters */
export function validateSubject(subject: unknown): asserts subject is string {
  const isSubject =
    typeof subject === 'string' && subject.length > 0 && subject.length <= SUBJECT_LENGTH_MAX && subject.isWellFormed();
  if (isSubject && !subject.includes('\0')) return;
  throw new ProgrammingError(
    `A subject is named by a text of 1 to ${SUBJECT_LENGTH_MAX} characters, not by ${typeof subject}. Nothing was stored.`,
  );
}

/** The subject of {@link SubjectKeys.snapshotKey}: nobody. */
export const SNAPSHOTS = '';

/** A new key of a subject. */
export function newSubjectKey(subject: string): SubjectKey {
  return { id: randomUuid(), subject, key: crypto.getRandomValues(new Uint8Array(32)) };
}

/** Says that nothing is recorded of a subject. */
export function subjectForgotten(subject: string): SubjectForgottenError {
  return new SubjectForgottenError(
    `${JSON.stringify(subject)} was forgotten, and nothing is recorded of them any more. Nothing was stored.`,
    { details: { subject } },
  );
}
