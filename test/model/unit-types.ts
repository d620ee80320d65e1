/**
 * What devices and servers of the model hand to each other. Nothing is ever changed in place, so nothing has to be copied
 * on its way, and a backup is a reference.
 *
 * @module
 */
export interface ModelEvent {
  readonly aggregate: string;
  readonly version: number;
  /** Opaque but to the domain. */
  readonly payload: string;
}

/** An event, and which one of its unit it is: who holds a part of a unit knows which part. */
export interface PlacedEvent extends ModelEvent {
  readonly index: number;
}

/**
 * Names a unit in one form: as it was decided, on what it was decided on. The unit's id and, when it was decided again or
 * placed elsewhere, what follows from that. The unit's id alone does not say what an event stands on, for it stays the same.
 */
export type Edition = string;

interface UnitHead {
  readonly id: string;
  readonly edition: Edition;
  readonly isCommutative: boolean;
  /** For each aggregate of the unit the edition that holds the version before; empty where there is none. */
  readonly after: Readonly<Record<string, Edition>>;
}

/** A unit as it is pushed. */
export interface PushedUnit extends UnitHead {
  readonly events: readonly ModelEvent[];
}

/** A unit as a page has it, and as it is offered to a server that has lost it. */
export interface SealedUnit extends UnitHead {
  /** Of its last event. */
  readonly position: number;
  readonly total: number;
  /** What its reader may see. */
  readonly events: readonly PlacedEvent[];
  readonly author: string;
  readonly seal: string;
}

export interface ModelCursor {
  readonly position: number;
  /** Of the log up to there. */
  readonly hash: number;
  /** Which scopes the reader has up to there; empty at the start. */
  readonly scopes: string;
}

export const START: ModelCursor = { position: 0, hash: 0, scopes: '' };

export interface ModelPage {
  readonly from: ModelCursor;
  readonly to: ModelCursor;
  /** Whether it ends where the log does. */
  readonly isHead: boolean;
  readonly units: readonly SealedUnit[];
}

export type ModelDecision =
  | { readonly id: string; readonly kind: 'accepted' }
  | { readonly id: string; readonly kind: 'rejected'; readonly code: string };

export type HealingKind = 'restored' | 'known' | 'setAside' | 'refused';

/** The id of an event that has none: whoever meets the event derives the same. */
export function derivedId({ aggregate, version, payload }: ModelEvent): string {
  return `derived(${aggregate},${version},${payload})`;
}

/**
 * The edition of a unit that is not as it was recorded: it follows from what the unit says, and on what, so that the same
 * unit in the same place is in the same edition, wherever it was given that place.
 */
export function derivedEdition(
  id: string,
  events: readonly ModelEvent[],
  after: Readonly<Record<string, Edition>>,
): Edition {
  const said = events.map(
    ({ aggregate, version, payload }) => `${aggregate},${version},${payload},${after[aggregate]}`,
  );
  const text = said.join(';');
  return `${id}/${(hashText(2, text) >>> 0).toString(36)}.${(hashText(3, text) >>> 0).toString(36)}`;
}

export function unitOfEdition(edition: Edition): string {
  return edition.split('/', 1)[0] ?? '';
}

/** 32 bits of a text: good enough to tell logs apart in a model. */
export function hashText(seed: number, text: string): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}
