/**
 * What the demo's server says about its books: the body of `GET /demo/books`.
 *
 * Types only, so that the page and the server share them without sharing code.
 *
 * @module
 */

/** What a row of the events table is about. */
export type BooksRowKind = 'counted' | 'stepped' | 'recount-asked' | 'recount-done';

/** One row of the events table. */
export interface BooksRow {
  /** Notification id: the place in the order of the whole warehouse. */
  readonly position: number;
  readonly kind: BooksRowKind;
  /** Replica id of the device; undefined when it is not said, or has never sent anything. */
  readonly deviceId?: string | undefined;
  /** What the person in front of it goes by. */
  readonly deviceName?: string | undefined;
  readonly name: string;
  /** What was counted: the quantity, or, where it was a step, by how much it changed. */
  readonly quantity: number;
  /** ISO 8601, by the device's clock: of the count that the row is about. */
  readonly countedAt: string;
}

/** The books, and whether they are in order. */
export interface BooksView {
  /** Rows in the events table. */
  readonly total: number;
  /** Distinct events among them: as many as there are rows, when each came once. */
  readonly distinctTotal: number;
  /** Where they are, where it is not PostgreSQL. */
  readonly place?: string | undefined;
  /** Devices that have a tracking record. */
  readonly devices: number;
  /** Newest first. */
  readonly rows: readonly BooksRow[];
}
