import { ProgrammingError } from '../../persistence/errors.js';

const NAME_LENGTH_MAX = 200;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a store cannot have this name */
export function validateStoreName(name: string): void {
  if (typeof name === 'string' && name.length > 0 && name.length <= NAME_LENGTH_MAX) return;
  throw new ProgrammingError(`The name of a store has 1 to ${NAME_LENGTH_MAX} characters.`);
}
