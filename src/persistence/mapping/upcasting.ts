/**
 * Old states made new on the way from the store: `class_version` and chains of upcasts, as in the Python library.
 *
 * @module
 */
import type { EventData, EventVersions } from '../../domain/event-versions.js';
import { ProgrammingError } from '../errors.js';
import { validateCount } from '../validation.js';

/** The key under which the version stands in the state. */
export const CLASS_VERSION_KEY = 'class_version';

/** Data is of a version that this application does not know: a newer release has written it. */
export class NewerVersionError extends RangeError {
  /** The version that was written. */
  readonly stored: number;
  /** The one that this application writes. */
  readonly known: number;

  constructor(stored: number, known: number) {
    super(`version ${stored} is newer than ${known}, which this application knows`);
    this.stored = stored;
    this.known = known;
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a version is no positive integer, or the chain has a gap */
export function validateVersions(topic: string, { version, upcasts }: EventVersions): void {
  validateCount(`The version of ${topic}`, version);
  const sources = Object.keys(upcasts).map(Number);
  const first = sources.reduce((least, from) => Math.min(least, from), version);
  for (let from = first; from < version; from++) {
    if (upcasts[from] === undefined)
      throw new ProgrammingError(`${topic} has no upcast from version ${from} to ${from + 1}.`);
  }
  if (sources.some((from) => from >= version || from < 1 || !Number.isSafeInteger(from))) {
    throw new ProgrammingError(`${topic} has an upcast that starts at no version below ${version}.`);
  }
}

/**
 * Brings data up to the present version.
 *
 * @param stored - the version that was written
 * @throws NewerVersionError (a `RangeError`) when the data is newer than this application
 * @throws RangeError when there is no way up
 */
export function upcast(data: EventData, stored: number, { version, upcasts }: EventVersions): EventData {
  if (stored > version) throw new NewerVersionError(stored, version);
  let current = data;
  for (let from = stored; from < version; from++) {
    const step = upcasts[from];
    if (step === undefined) throw new RangeError(`there is no upcast from version ${from}`);
    current = (step(current) as EventData | undefined) ?? current;
  }
  return current;
}
