/**
 * States that say which commit they belong to, so that what is found in a store can be told apart and checked without
 * anything else: a line of JSON, then bytes that follow from it.
 *
 * @module
 */

/** What a state says of itself. */
export interface StateHeader {
  readonly commitId: string;
  /** Of this event in its commit, from 0. */
  readonly index: number;
  /** Events of the commit. */
  readonly size: number;
  /** Whether the commit added a row to the application's own table. */
  readonly hasOwnRow: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LINE_END = 10;

/** Makes a state. */
export function encodeState(header: StateHeader, padBytes: number): Uint8Array<ArrayBuffer> {
  const line = encoder.encode(`${JSON.stringify(header)}\n`);
  const state = new Uint8Array(line.length + padBytes);
  state.set(line);
  fillPad(state, line.length);
  return state;
}

/** @returns what the state says; or undefined when it is not what was written */
export function decodeState(state: Uint8Array): StateHeader | undefined {
  const end = state.indexOf(LINE_END);
  const expected = new Uint8Array(state.length);
  expected.set(state.subarray(0, end + 1));
  fillPad(expected, end + 1);
  if (end < 0 || expected.some((byte, at) => byte !== state[at])) return undefined;
  return JSON.parse(decoder.decode(state.subarray(0, end))) as StateHeader;
}

/** Every byte depends on the line before, so that a part of another state is noticed. */
function fillPad(state: Uint8Array, from: number): void {
  let mixed = 0x811c9dc5;
  for (let at = 0; at < from; at++) mixed = Math.imul(mixed ^ state[at]!, 0x01000193);
  for (let at = from; at < state.length; at++) {
    mixed = (Math.imul(mixed, 1664525) + 1013904223) >>> 0;
    state[at] = mixed >>> 24;
  }
}
