/**
 * How far an opening or an import is: first the image of the newest checkpoint is read, then the journal after it.
 *
 * @module
 */

/** Reading the newest checkpoint, where there is one. */
export interface ImageProgress {
  readonly phase: 'image';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Replaying the commits that the image does not hold. */
export interface JournalProgress {
  readonly phase: 'journal';
  readonly doneRecords: number;
  readonly totalRecords: number;
}

/** How far an opening is. */
export type OpenProgress = ImageProgress | JournalProgress;

/** Told of progress, a few times a second at most: after some mebibytes of an image, or some hundreds of records. */
export type OnOpenProgress = (progress: OpenProgress) => void;

/** Reading and storing the file that is imported. */
export interface FileProgress {
  readonly phase: 'file';
  readonly doneBytes: number;
  /** `undefined` when nobody knows: a stream does not say. */
  readonly totalBytes: number | undefined;
}

/** How far an import is: first the file, then the trial opening of what it made. */
export type ImportProgress = FileProgress | OpenProgress;
