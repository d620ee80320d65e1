/**
 * What is written down of a run of the model: each step, and what it changed, in a form that other code can be compared with.
 *
 * A state, a request and an answer are *lines* of text, in any order. What the shipped code makes by itself, and gives other
 * names to (editions, cursors, digests), stands apart in each line: whoever compares finds out which name is which, and that
 * they stay so. Of a state a step has the lines that are new, and those that are gone.
 *
 * @module
 */
import type { Command, Release } from './domain.js';
import type { Mode } from './switches.js';
import type { ModelEvent, PushedUnit, SealedUnit } from './unit-types.js';

/** A line: a text, and behind ` @` the names that the shipped code has others for. */
export type Line = string;

/** What a member plays foul with: everything as he makes it up, but for the page that he has seen it in. */
export type Forgery =
  | { readonly kind: 'push'; readonly unit: PushedUnit; readonly follows?: string | undefined }
  | { readonly kind: 'heal'; readonly unit: SealedUnit; readonly seen: UnitOfPage };

/** A unit of a page that a server has answered. */
export interface UnitOfPage {
  readonly answer: number;
  readonly index: number;
}

/** What somebody does. Requests and answers are numbered. */
export type TraceStep =
  | { readonly do: 'grant'; readonly subject: string; readonly tenant: string; readonly scopes: readonly string[] }
  | {
      readonly do: 'device';
      readonly device: string;
      readonly subject: string;
      readonly tenant: string;
      readonly release: Release;
    }
  | { readonly do: 'upgrade'; readonly device: string; readonly events: readonly ModelEvent[] }
  | { readonly do: 'release'; readonly device: string; readonly release: Release }
  | {
      readonly do: 'record';
      readonly device: string;
      readonly command: Command;
      readonly id: string;
      readonly intent: string;
    }
  | { readonly do: 'retry' | 'discard'; readonly device: string; readonly id: string }
  | { readonly do: 'crash' | 'save' | 'setBack'; readonly device: string }
  | { readonly do: 'copy'; readonly device: string; readonly as: string }
  | {
      readonly do: 'beside';
      readonly tenant: string;
      readonly aggregate: string;
      readonly version: number;
      readonly payload: string;
    }
  | { readonly do: 'backup' | 'restore'; readonly tenant: string; readonly backup: number }
  /** What a device asks: of units their ids, as it has them then. */
  | { readonly do: 'push'; readonly device: string; readonly request: number; readonly units: readonly string[]; readonly follows?: string | undefined }
  | { readonly do: 'pull'; readonly device: string; readonly request: number; readonly limit: number }
  | { readonly do: 'common'; readonly device: string; readonly request: number }
  | { readonly do: 'heal'; readonly device: string; readonly request: number; readonly units: readonly string[] }
  | { readonly do: 'digest'; readonly device: string; readonly request: number; readonly aggregate: string; readonly version: number }
  | { readonly do: 'forge'; readonly subject: string; readonly tenant: string; readonly request: number; readonly forgery: Forgery }
  /** A request has come to the server, the first time or once more. */
  | { readonly do: 'arrive'; readonly request: number; readonly answer: number }
  /** A device takes an answer. */
  | { readonly do: 'refused' | 'page' | 'rewind' | 'anew'; readonly device: string; readonly answer: number }
  | { readonly do: 'offered'; readonly device: string; readonly answers: readonly number[] }
  | { readonly do: 'truncate'; readonly device: string; readonly answer: number; readonly aggregate: string; readonly version: number }; // prettier-ignore

/** What a step has changed, or said. */
export interface Outcome {
  /** Of the request that was made, or the answer that was given. */
  readonly says?: readonly Line[];
  /** Of the log, or the device, that the step is about: what is new, and what is gone. */
  readonly more?: readonly Line[];
  readonly less?: readonly Line[];
}

export type TracedStep = TraceStep & Outcome;

export interface Trace {
  readonly seed: number;
  readonly mode: Mode;
  readonly steps: readonly TracedStep[];
}

/** What of a state has changed. */
export function difference(before: readonly Line[], now: readonly Line[]): Pick<Outcome, 'more' | 'less'> {
  const [had, has] = [new Set(before), new Set(now)];
  const more = now.filter((line) => !had.has(line));
  const less = before.filter((line) => !has.has(line));
  return { ...(more.length > 0 && { more }), ...(less.length > 0 && { less }) };
}

/** A trace as JSON lines: the first says which run it is of. */
export function writeTrace({ seed, mode, steps }: Trace): string {
  return [{ seed, mode }, ...steps].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** @throws SyntaxError when it is none */
export function readTrace(text: string): Trace {
  const [head, ...steps] = text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  return { ...(head as Pick<Trace, 'seed' | 'mode'>), steps: steps as TracedStep[] };
}
