/**
 * The part of the worker that a store needs only when it is synchronised, or was lost: a file beside the worker's script, so
 * that others do not load it. A store works without it, and its report says that it does (`rescue.state`).
 *
 * @module
 */
import type { attachRescue } from './attached-rescue.js';
import { RELEASE } from './protocol/release.js';

/** What is in it. */
export interface RescuePart {
  readonly attachRescue: typeof attachRescue;
  /** Of the package that it is of. */
  readonly RELEASE: string;
}

/** Gets it. @param wasmUrl - where the wasm lies, where somebody has named that */
export type LoadRescuePart = (wasmUrl: string | undefined) => Promise<RescuePart>;

/**
 * Loads the file. Not by an `import` of its name: a bundler would want to split the worker for that, which most refuse.
 *
 * @throws Error when it does not load, or is of another release
 */
export const loadRescuePart: LoadRescuePart = async (wasmUrl) => {
  const part = (await import(/* @vite-ignore */ /* webpackIgnore: true */ placeOf(wasmUrl).href)) as RescuePart;
  if (part.RELEASE !== RELEASE) throw new Error(`rescue-part.js is of release ${part.RELEASE}`);
  return part;
};

function placeOf(wasmUrl: string | undefined): URL {
  try {
    // The literal is what bundlers look for; it must not become a variable.
    return new URL('./rescue-part.js', import.meta.url);
  } catch {
    // Vite's dev server has put the worker's own place there, which is none for a worker that was started by a blob.
    return new URL('rescue-part.js', wasmUrl);
  }
}
