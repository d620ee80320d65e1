/**
 * Answers that are kept for a while, and dropped when an event says that they are old.
 *
 * @module
 */
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { ChangeSource } from '../persistence/store-changes.js';
import {
  checkedMs,
  validateCount,
  validateFunction,
  validateFunctions,
  validateList,
} from '../persistence/validation.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { callListener } from '../util/listeners.js';
import type { Application } from './application.js';
import type { InlineParticipant } from './events/inline-participant.js';
import type { NotifiedEvent } from './events/notified-event.js';
import type { SubjectKeys } from './personal/subject-keys.js';

const TTL_MS_DEFAULT = 300_000;
const ENTRIES_MAX_DEFAULT = 1_000;

/** Options of {@link cached}. */
export interface CachedOptions<Arguments extends readonly unknown[]> {
  /** Milliseconds that an answer is kept, counted from when it was asked for. @defaultValue 300,000 */
  readonly ttlMs?: number;
  /** Answers that are kept; the one that was asked for longest ago goes first. @defaultValue 1,000 */
  readonly entriesMax?: number;
  /** What the answer depends on, for {@link CachedFunction.invalidate}. @defaultValue nothing */
  readonly tags?: (...given: Arguments) => readonly string[];
  /** Tells questions apart. @defaultValue the arguments as JSON */
  readonly key?: (...given: Arguments) => string;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/** A function whose answers are kept. */
export interface CachedFunction<Arguments extends readonly unknown[], Answer> {
  (...given: Arguments): Promise<Answer>;
  /**
   * Drops the answers that depend on any of these tags, those too that are just being made: whoever asks from now on gets
   * an answer that was begun from now on.
   */
  invalidate(tags: readonly string[]): void;
  /** Drops all answers. */
  clear(): void;
}

interface Entry<Answer> {
  readonly answer: Promise<Answer>;
  readonly tags: readonly string[];
  readonly untilMs: number;
}

/**
 * Keeps the answers of a function. Questions that are alike share one call; what it rejects with is not kept.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number makes no sense
 *
 * @example
 * ```ts
 * const stockLevel = cached((itemId: string) => readLevel(itemId), { tags: (itemId) => [itemId] });
 * const app = new Application({
 *   …,
 *   inline: [invalidation([stockLevel], (event) => [event.originatorId])],
 * });
 * ```
 */
export function cached<Arguments extends readonly unknown[], Answer>(
  ask: (...given: Arguments) => Promise<Answer>,
  options: CachedOptions<Arguments> = {},
): CachedFunction<Arguments, Answer> {
  const { ttlMs = TTL_MS_DEFAULT, entriesMax = ENTRIES_MAX_DEFAULT, clock = systemClock } = options;
  checkedMs('ttlMs', ttlMs);
  validateFunction('ask', ask);
  validateFunctions({ tags: options.tags, key: options.key });
  validateCount('entriesMax', entriesMax);
  const { tags = () => [], key = (...given) => JSON.stringify(given) } = options;
  const entries = new Map<string, Entry<Answer>>();

  const answer = (...given: Arguments): Promise<Answer> => {
    const name = key(...given);
    const known = entries.get(name);
    if (known !== undefined && clock.monotonicMs() < known.untilMs) return known.answer;
    // Before it is asked: what these throw is the caller's, who waits for no answer then.
    const tagged = { tags: tags(...given), untilMs: clock.monotonicMs() + ttlMs };
    const entry = { ...tagged, answer: ask(...given) };
    // Deleted first, so that it goes to the end.
    entries.delete(name);
    entries.set(name, entry);
    entry.answer.catch(() => {
      if (entries.get(name) === entry) entries.delete(name);
    });
    if (entries.size > entriesMax) entries.delete(entries.keys().next().value as string);
    return entry.answer;
  };
  const invalidate = (wanted: readonly string[]): void => {
    for (const [name, entry] of entries) if (entry.tags.some((tag) => wanted.includes(tag))) entries.delete(name);
  };
  return Object.assign(answer, { invalidate, clear: () => entries.clear() });
}

/** What can be told that answers are old. */
export interface Invalidated {
  readonly invalidate: (tags: readonly string[]) => unknown;
  /** Drops what this process keeps. */
  readonly clear?: () => void;
  /** Makes all answers old, for all who share them. @defaultValue as `clear` */
  readonly invalidateAll?: () => unknown;
}

/**
 * Drops answers as soon as events are committed, or rolled back after they were saved: an in-line participant of an
 * application. Of a store that is synchronised, also as soon as events of others come, and others take the place of events,
 * in the tab that synchronises. Events of other tabs and processes do not pass here: {@link invalidateFrom} is for those.
 *
 * @param functions - made by {@link cached}, or by `cachedIn`
 * @param tagsOf - which tags an event makes old
 */
export function invalidation(
  functions: readonly Invalidated[],
  tagsOf: (event: NotifiedEvent) => readonly string[],
): InlineParticipant {
  validateList('functions', functions);
  validateFunction('tagsOf', tagsOf);
  const drop = (events: readonly NotifiedEvent[]): void => {
    const tags = events.flatMap((event) => madeOldBy(event, tagsOf));
    // Of one that is shared, others hear a moment later; it does not reject.
    for (const { invalidate } of functions) void invalidate(tags);
  };
  // Who asked within the transaction has read what was not committed yet, and may never be.
  return { onCommitted: drop, onRolledBack: drop, onEventsChanged: drop };
}

/** Options of {@link invalidateFrom}. */
export interface InvalidateFromOptions {
  /** Stops it. */
  readonly signal?: AbortSignal;
  /** Of the application, where events have personal fields: all answers are old when somebody was forgotten. @defaultValue there are none */
  readonly keys?: Pick<SubjectKeys, 'onForgotten'>;
}

/**
 * Drops answers when events come that others have recorded, in other tabs and processes, from now on, until the signal says
 * stop. A moment after they were recorded: as soon as the application hears of them. When the log cannot be followed any
 * more, all answers are dropped that this process keeps; those of `cachedIn` are made old by who records.
 *
 * Of a store that is synchronised events leave, too: they give way to others', are lost and healed, are not to be seen any
 * more, or are history that is let go. Nobody says which, so then all answers are old, also those of `cachedIn`; in whatever tab
 * that happens, and whether or not this one synchronises.
 *
 * @throws what following the log rejects with: begin again then
 *
 * @example
 * ```ts
 * void invalidateFrom(app, [stockLevel], (event) => [event.originatorId], { signal });
 * ```
 */
export async function invalidateFrom(
  app: Pick<Application, 'recorder' | 'subscribe'>,
  functions: readonly Invalidated[],
  tagsOf: (event: NotifiedEvent) => readonly string[],
  { signal, keys }: InvalidateFromOptions = {},
): Promise<void> {
  const clear = (): void => {
    for (const one of functions) one.clear?.();
  };
  const clearAll = (): void => {
    for (const one of functions) (one.invalidateAll ?? one.clear)?.();
  };
  const stops = [whenEventsLeave(app.recorder, clearAll), keys?.onForgotten(clearAll)];
  try {
    const gt = await app.recorder.maxNotificationId();
    // What was kept before may have been asked for before that.
    clear();
    for await (const event of app.subscribe({ gt, ...(signal === undefined ? {} : { signal }) })) {
      const tags = madeOldBy(event, tagsOf);
      for (const { invalidate } of functions) void invalidate(tags);
    }
  } finally {
    for (const stop of stops) stop?.();
    clear();
  }
}

/** Calls back when events may have left, of a store where they do. @returns stops that */
function whenEventsLeave(recorder: ProcessRecorder, onLeft: () => void): (() => void) | undefined {
  if (recorder.supports?.units !== true) return undefined;
  return (recorder as Partial<ChangeSource>).onChanged?.(({ aggregates }) => {
    // What only adds events says of which aggregates.
    if (aggregates === undefined) onLeft();
  });
}

function madeOldBy(event: NotifiedEvent, tagsOf: (event: NotifiedEvent) => readonly string[]): readonly string[] {
  let made: readonly string[] = [];
  // One that makes it fail keeps no other event from what it makes old.
  callListener(() => {
    made = tagsOf(event);
  });
  return made;
}
