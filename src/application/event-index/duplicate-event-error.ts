import { IntegrityError } from '../../persistence/errors.js';

/** An event id was recorded before, so nothing of the commit was stored. `details.eventId` says which. */
export class DuplicateEventError extends IntegrityError {
  static override readonly code: string = 'DUPLICATE_EVENT';
}
