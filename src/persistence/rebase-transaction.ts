/**
 * What a transaction of a synchronised store can do beside recording: change units together with tables of the caller's,
 * and put rows of these back to what they were.
 *
 * @module
 */
import type { UnitChanges } from './unit-recorder.js';

/** The names of tables that are called otherwise by now. */
export type RenamedTables = Readonly<Record<string, string>>;

/**
 * Changes of units and of what was made of them, in one commit: for views that are to be with the events whatever becomes of
 * these. Units are changed in the outermost transaction only, and before events are inserted in it.
 */
export interface RebaseTransaction extends UnitChanges {
  /**
   * Keeps from now on what the rows of some tables are before they change.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a foreign key is of one of them, or refers to it: a row cannot be put back
   *   by itself then
   */
  keepRows(tables: readonly string[]): Promise<void>;
  /** What the rows were that have changed since this was asked, or since they are kept; undefined when none has. */
  takeRows(): Promise<Uint8Array | undefined>;
  /**
   * Puts rows back to what they were. Several images go back last first.
   *
   * @param renamed - tables that are called otherwise by now, by the names that they had. @defaultValue none
   */
  putBackRows(images: Uint8Array, renamed?: RenamedTables): Promise<void>;
}
