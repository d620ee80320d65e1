/**
 * Why units are set aside, in words that can be kept.
 *
 * @module
 */
import { storableText } from './storable-text.js';
import { OUT_OF_SCOPE } from './unit.js';
import { SUPERSEDED } from './unit-recorder.js';
import type { SetAsideReason } from './unit-recorder.js';

const CODE_LENGTH_MAX = 200;
// Of error messages: what is kept is bounded.
const MESSAGE_LENGTH_MAX = 2_000;
// In the place of a code that says nothing.
const NO_CODE = 'REFUSED';

/** The code of a unit that a server could not read. */
export const UNREADABLE = 'UNREADABLE';

/** What a store says by itself of units that have lost their place. A server that says one of these means something else. */
const OWN_CODES: ReadonlySet<string> = new Set(['CONFLICT', 'DEPENDENCY', 'LOST', SUPERSEDED, UNREADABLE]);
/** With these nothing was decided for good: the server may take the very id later. */
const PASSING_CODES: ReadonlySet<string> = new Set([...OWN_CODES, OUT_OF_SCOPE, 'TOO_LARGE']);

/** A reason in the words of somebody else, cut and mended so that every store takes it. */
export function storableReason({ code, message }: SetAsideReason): SetAsideReason {
  return {
    code: storableText(code, CODE_LENGTH_MAX) || NO_CODE,
    message: storableText(message, MESSAGE_LENGTH_MAX),
  };
}

/** The reason of a server that refuses a unit, told apart from what a store says by itself. */
export function refusalReason({ code, message }: SetAsideReason): SetAsideReason {
  return storableReason({ code: OWN_CODES.has(code) ? `${code}_REFUSED` : code, message });
}

/** The reason of a unit that a server could not read. @param problem - in the server's words */
export function unreadableReason(problem: string): SetAsideReason {
  return storableReason({
    code: UNREADABLE,
    message: `The server cannot read it: ${problem} Nothing was decided, and the server has kept nothing of it. It can be tried again when the server, or this application, is a newer version; or given up.`,
  });
}

/** Whether a server keeps that it has refused a unit with this code: then it never takes the id any more. */
export function isRefusedForGood(code: string): boolean {
  return !PASSING_CODES.has(code);
}
