import { InternalError } from '../../persistence/errors.js';

/** @param cause - says that a row of a unit is there already */
export function unitTwice(cause: Error): InternalError {
  return new InternalError(
    'Units are in the log already, and their events in the table a second time: rows of the events were moved, or inserted again. Nothing was stored.',
    { cause },
  );
}
