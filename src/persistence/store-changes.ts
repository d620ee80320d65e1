/**
 * What a commit has written: told to those who keep something that they have read, so that they read again only what may be
 * another one now.
 *
 * @module
 */
import { Listeners } from '../util/listeners.js';
import type { OriginatorId } from './stored-event.js';
import { validateFunction, validateFunctions } from './validation.js';

/** What was written, by one commit or several. It may name more than that, and never less. */
export interface StoreChanges {
  /**
   * Tables, whatever the case of their names: the caller's own, those of projections and states, and `stored_events`. How units
   * stand is `daybook_units`. `undefined`: any table.
   */
  readonly tables: readonly string[] | undefined;
  /** Aggregates whose events are others now, or more. `undefined`: any. */
  readonly aggregates: readonly OriginatorId[] | undefined;
}

/** Told of what was written, after the commit, by whatever tab. */
export type ChangeListener = (changes: StoreChanges) => void;

/** A recorder that tells what was written. */
export interface ChangeSource {
  /**
   * Calls a listener after each commit with what it has written.
   *
   * @param onEnd - called once, when the store is closed or lost, with what every later call is rejected with
   * @returns stops the calls
   */
  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void;
  /** Says that something beside the recorder was written. @internal */
  noteChanged?(changes: StoreChanges): void;
}

/** What may be any. */
export const ANY_CHANGES: StoreChanges = { tables: undefined, aggregates: undefined };

/** The table of events, for who asks for it by SQL. */
export const EVENTS_TABLE = 'stored_events';

/** Tells what is written. */
export class ChangeNews implements ChangeSource {
  readonly #listeners = new Listeners<[changes: StoreChanges]>();
  readonly #ends = new Listeners<[error: Error]>();
  #end: Error | undefined;

  /** Whether anybody listens: else nothing needs to be told. */
  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    validateFunction('listener', listener);
    validateFunctions({ onEnd });
    const end = this.#end;
    // Not before it has the function that stops it.
    if (end !== undefined) queueMicrotask(() => onEnd?.(end));
    const stops = [this.#listeners.add(listener), onEnd && this.#ends.add(onEnd)];
    return () => stops.forEach((stop) => stop?.());
  }

  /** Something was written, and is committed. */
  noteChanged(changes: StoreChanges): void {
    this.#listeners.tell(changes);
  }

  /** There is nothing to tell any more. */
  end(error: Error): void {
    this.#end ??= error;
    this.#ends.tell(error);
    this.#ends.clear();
    this.#listeners.clear();
  }
}

/** Collects what is written until it is committed, and tells it then. */
export class ChangeFeed extends ChangeNews {
  #tables: Set<string> | undefined = new Set();
  #aggregates: Set<OriginatorId> | undefined = new Set();

  /** Something was written, and is not committed. */
  note({ tables, aggregates }: StoreChanges): void {
    // Whoever begins to listen before the end of this knows no more than that there was something.
    this.#tables = this.isHeard ? union(this.#tables, tables) : undefined;
    this.#aggregates = this.isHeard ? union(this.#aggregates, aggregates) : undefined;
  }

  /** It is committed. */
  committed(): void {
    const [tables, aggregates] = [this.#tables, this.#aggregates];
    if (tables?.size === 0 && aggregates?.size === 0) return;
    this.rolledBack();
    this.noteChanged({ tables: tables && [...tables], aggregates: aggregates && [...aggregates] });
  }

  /** It was taken back. */
  rolledBack(): void {
    if (this.#tables?.size === 0 && this.#aggregates?.size === 0) return;
    this.#tables = new Set();
    this.#aggregates = new Set();
  }
}

function union(all: Set<string> | undefined, more: readonly string[] | undefined): Set<string> | undefined {
  if (all === undefined || more === undefined) return undefined;
  for (const one of more) all.add(one);
  return all;
}
