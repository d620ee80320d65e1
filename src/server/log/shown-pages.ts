/**
 * Pages of a log as somebody sees them: the part that may be seen, sealed, between cursors.
 *
 * @module
 */
import type { BootstrapAggregate, ConfirmedUnit, Cursor, UnitPage } from '../../persistence/unit.js';
import { validateCount } from '../../persistence/validation.js';
import { ScopesChangedError } from '../../sync/protocol/index.js';
import { toBootstrapCursor } from './bootstrap-cursor.js';
import type { BootstrapParts } from './bootstrap-parts.js';
import { fromCursor, toCursor } from './log-chain.js';
import type { CursorPlace } from './log-chain.js';
import type { LogPages, ReadPage } from './log-pages.js';
import type { LogStorage } from './log-storage.js';
import { visibleParts } from './page-units.js';
import type { SeenUnit } from './page-units.js';
import type { LogNews, NewsOptions, PageOptions, Visibility } from './unit-log.js';
import type { UnitSeals } from './unit-seals.js';
import { validateCursor, validateVisibility } from './validate-units.js';

/** What {@link ShownPages} are made of. */
export interface ShownPagesParts {
  readonly storage: Pick<LogStorage, 'chains'>;
  readonly pages: LogPages;
  readonly seals: UnitSeals | undefined;
  readonly bootstrap: BootstrapParts;
}

/** Shows a log. */
export class ShownPages {
  readonly #parts: ShownPagesParts;
  readonly #whole = new WeakMap<ReadPage, Promise<UnitPage>>();

  constructor(parts: ShownPagesParts) {
    this.#parts = parts;
  }

  /** As `UnitLog.page`. */
  async page(after: Cursor, options: PageOptions): Promise<UnitPage | undefined> {
    const { eventsMax, bytesMax, visibility, held = [] } = options;
    checkQuestion(after, options);
    for (const cursor of held) validateCursor(cursor);
    const from = fromCursor(after);
    if (from === undefined) return undefined;
    if (!isOfPart(from, visibility)) {
      if (await this.#hasAll([after, ...held])) throw scopesChanged();
      return undefined;
    }
    const isAtStart = from.position === 0;
    if (from.bootstrap !== undefined || (isAtStart && options.bootstrap !== undefined && held.length === 0)) {
      const part = await this.#part(after, from, options);
      if (part !== undefined || !isAtStart) return part;
    }
    const read = await this.#parts.pages.after(from, { eventsMax, bytesMax });
    // After it was read: a log that was set back meanwhile has it no more.
    if (read === undefined || !(await this.#hasAll(held))) return undefined;
    return await this.#shown(after, read, visibility);
  }

  /** @returns `undefined` where the log has no part that begins there */
  async #part(after: Cursor, from: CursorPlace, options: PageOptions): Promise<UnitPage | undefined> {
    const { eventsMax, bytesMax, visibility, bootstrap: named = [] } = options;
    const read = await this.#parts.bootstrap.after(from, { eventsMax, bytesMax, named });
    if (read === undefined) return undefined;
    const { place, next, aggregates, units, head } = read;
    const shown = visibility === undefined ? units : visibleParts(units, visibility);
    const seen = new Set(shown.flatMap(({ events }) => events.map(({ originatorId }) => originatorId)));
    // Of one that was named, and of which nothing may be seen, that is said: what is recorded about it hears so.
    const isSaid = ({ originatorId }: BootstrapAggregate): boolean =>
      seen.has(originatorId) || named.includes(originatorId);
    const isEnd = next === undefined;
    const id = visibility?.id ?? '';
    return {
      ...{ from: after, head },
      to: next === undefined ? toCursor(place, id) : toBootstrapCursor({ ...place, bootstrap: next }, id),
      position: next?.covered ?? place.position,
      units: await this.#sealed(shown),
      bootstrap: { position: place.position, isEnd, aggregates: aggregates.filter(isSaid) },
    };
  }

  /** As `UnitLog.news`. */
  async news({ after, head, visibility, eventsMax, bytesMax }: NewsOptions): Promise<LogNews> {
    checkQuestion(after, { visibility, eventsMax, bytesMax });
    const place = after === undefined ? undefined : fromCursor(after);
    const from = place === undefined || !isOfPart(place, visibility) ? undefined : place;
    const { end, page } = await this.#parts.pages.news(from, { eventsMax, bytesMax, head });
    return {
      end: toCursor(end, visibility?.id ?? ''),
      position: end.position,
      page: after === undefined || page === undefined ? undefined : await this.#shown(after, page, visibility),
    };
  }

  async #shown(after: Cursor, read: ReadPage, visibility: Visibility | undefined): Promise<UnitPage> {
    if (visibility !== undefined) return await this.#made(after, read, visibility);
    // Who sees everything sees the same: sealed once, and one object for all of them.
    const whole = this.#whole.get(read) ?? this.#made(after, read, undefined);
    this.#whole.set(read, whole);
    return await whole;
  }

  async #made(from: Cursor, { last, head, units }: ReadPage, visibility: Visibility | undefined): Promise<UnitPage> {
    return {
      ...{ from, head },
      to: toCursor(last, visibility?.id ?? ''),
      position: last.position,
      units: await this.#sealed(visibility === undefined ? units : visibleParts(units, visibility)),
    };
  }

  /** Whether the log has some places, whatever was visible there. */
  async #hasAll(cursors: readonly Cursor[]): Promise<boolean> {
    const places = cursors.map((cursor) => fromCursor(cursor));
    const asked = places.filter((place) => place?.position !== 0);
    if (asked.length === 0) return true;
    const positions = asked.flatMap((place) => (place === undefined ? [] : [place.position]));
    const chains = await this.#parts.storage.chains(positions);
    return asked.every((place) => place !== undefined && chains.get(place.position) === place.chain);
  }

  async #sealed(units: readonly SeenUnit[]): Promise<readonly ConfirmedUnit[]> {
    const { seals } = this.#parts;
    return await Promise.all(
      units.map(async ({ after, indexes, ...unit }) => {
        if (seals === undefined) return unit;
        return { ...unit, origin: { ...unit.origin, seal: await seals.seal({ ...unit, after }, indexes) } };
      }),
    );
  }
}

function checkQuestion(after: Cursor | undefined, { eventsMax, bytesMax, visibility }: PageOptions): void {
  validateCount('eventsMax', eventsMax);
  validateCount('bytesMax', bytesMax);
  if (after !== undefined) validateCursor(after);
  validateVisibility(visibility);
}

/** Whether a cursor is of the part that is visible. */
function isOfPart({ visibility: then }: CursorPlace, visibility: Visibility | undefined): boolean {
  return then === undefined || then === (visibility?.id ?? '');
}

function scopesChanged(): ScopesChangedError {
  return new ScopesChangedError(
    'The device may see another part of the log than that which it stands in. Follow the log from the start once more, and say what is held.',
  );
}
