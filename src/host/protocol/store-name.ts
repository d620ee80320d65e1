import { ProgrammingError } from '../../persistence/errors.js';

const NAME_LENGTH_MAX = 200;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a store cannot have this name */
export function validateStoreName(name: string): void {
  if (typeof name !== 'string' || name.length === 0 || name.length > NAME_LENGTH_MAX) {
    throw new ProgrammingError(`The name of a store has 1 to ${NAME_LENGTH_MAX} characters.`);
  }
  // Locks and channels take U+FFFD for it, databases do not: two stores would disturb each other.
  if (/\p{Surrogate}/u.test(name))
    throw new ProgrammingError('The name of a store holds half a character (a surrogate).');
}
