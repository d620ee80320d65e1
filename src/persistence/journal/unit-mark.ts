/**
 * What a commit says of its unit: made once for each commit, however often it is checked.
 *
 * @module
 */
import { randomUuidBytes } from '../../util/random-uuid.js';
import { uuidToBytes } from '../../util/uuid-bytes.js';
import type { UnitId, UnitOptions } from '../unit.js';

/** A unit without its events. */
export interface UnitMark {
  /** The 16 bytes of its id: no commit needs the text. */
  readonly id: Uint8Array;
  readonly isCommutative: boolean;
  readonly scopes: readonly string[];
  /** What decided it. */
  readonly command?: Uint8Array | undefined;
  /** The id, where the caller has chosen it, so that it may be taken. */
  readonly chosenId?: UnitId | undefined;
}

const NO_SCOPES: readonly string[] = [];

/** Makes a mark of validated options, with an id of its own where none is given. */
export function unitMark({ id, isCommutative = false, scopes = NO_SCOPES, command }: UnitOptions = {}): UnitMark {
  const bytes = id === undefined ? randomUuidBytes() : uuidToBytes(id);
  // A copy: the caller's list is the caller's again.
  return { id: bytes, isCommutative, scopes: scopes.length === 0 ? NO_SCOPES : [...scopes], command, chosenId: id };
}
