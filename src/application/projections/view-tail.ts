/**
 * What a view of a synchronised store holds beyond what is confirmed: its tail, and how that is taken back.
 *
 * @module
 */
import type { NotificationId } from '../../persistence/stored-event.js';

/** How a view in a synchronised store follows the events. */
export const FOLLOWINGS = ['confirmed', 'undo', 'rebuild'] as const;

/**
 * - `confirmed`: what a server has confirmed, in its order, and nothing that goes.
 * - `undo`: that, and what is pending here after it. What a pending unit changes in the view is kept until the unit is
 *   confirmed, and taken back when it has to make way.
 * - `rebuild`: the same, without keeping anything: the view is made anew when pending units have to make way.
 *
 * A view that has taken in the same events is the same in all three.
 */
export type Following = (typeof FOLLOWINGS)[number];

/** A pending unit that is in a view. */
export interface TailEntry {
  /** The id of its first event. */
  readonly place: NotificationId;
  /** How many events it has. */
  readonly count: number;
  /** What it was there. */
  readonly edition: string;
}

/** How far a view is in a synchronised store. */
export interface ViewProgress {
  /** The number of the last event that is confirmed and in the view. */
  readonly confirmed: number;
  /** The era that the number is of. */
  readonly era: number;
  /** While what is confirmed is taken in by positions, up to the number: how far that is. Undefined otherwise. */
  readonly position: number | undefined;
}

/** The part of a view that may have to make way. Used in one transaction of the view's. */
export interface ViewTail {
  /** Undefined where the view was made before the store was synchronised, or has to be made anew. */
  progress(): Promise<ViewProgress | undefined>;
  setProgress(progress: ViewProgress): Promise<void>;
  /** The units that are in the view, in the order in which they were taken in. */
  entries(): Promise<readonly TailEntry[]>;
  /** What the view is changed by from now on, until the entry is added, is of a pending unit. */
  begin(): Promise<void>;
  add(entry: TailEntry): Promise<void>;
  /** Takes that units are confirmed: they stay in the view for good. */
  confirm(places: readonly NotificationId[]): Promise<void>;
  /** Takes all units back, the last one first. @returns whether that was possible; nothing was done otherwise */
  takeBack(): Promise<boolean>;
  /** Empties the view. */
  empty(): Promise<void>;
}
