import { IntegrityError } from './errors.js';

/**
 * An event id was recorded before, so nothing of the commit was stored. `details.eventId` says which; where a sync server
 * says so, `details.id`, `originatorId` and `originatorVersion` are those of the event that has it at the replica.
 */
export class DuplicateEventError extends IntegrityError {
  static override readonly code: string = 'DUPLICATE_EVENT';
}
