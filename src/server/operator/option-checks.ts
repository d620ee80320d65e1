/**
 * Checks of options: what can never work, or means something else than it seems to, is refused at the start.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';

/** The longest delay of the platform's timers; one that is set for longer rings at once. */
export const DELAY_MS_MAX: number = 2 ** 31 - 1;

/** An option that is not what it should be. `shown` is left out where the value may be a secret. */
export function optionRefused(option: string, expected: string, shown?: unknown): ProgrammingError {
  const but = shown === undefined ? '' : `, but is ${describe(shown)}`;
  return new ProgrammingError(`${option} must be ${expected}${but}.`, { details: { option, expected } });
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and no function */
export function checkFunction(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw optionRefused(option, 'a function', value);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and no text, or an empty one */
export function checkText(option: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value.trim() === '')) {
    throw optionRefused(option, 'a text that is not empty', value);
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and neither `true` nor `false` */
export function checkSwitch(option: string, value: unknown): void {
  // The text 'false' of an environment variable would be taken for yes.
  if (value !== undefined && typeof value !== 'boolean') throw optionRefused(option, 'true or false', value);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and no whole number of this range */
export function checkWhole(option: string, value: unknown, min: number, max: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max)) return;
  throw optionRefused(option, `a whole number from ${min} to ${max}`, value);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and no list of texts that are not empty */
export function checkTexts(option: string, values: unknown): void {
  const isList = Array.isArray(values) && values.every((value) => typeof value === 'string' && value.trim() !== '');
  if (values !== undefined && !isList) throw optionRefused(option, 'a list of texts that are not empty');
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value).slice(0, 100);
}
