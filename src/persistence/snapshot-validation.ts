/**
 * Refuses malformed snapshots before anything is stored, alike on every engine.
 *
 * @module
 */
import type { StoredSnapshot } from './snapshot-store.js';
import {
  ORIGINATOR_ID_LENGTH_MAX,
  TOPIC_LENGTH_MAX,
  validateBytes,
  validateInstant,
  validateInteger,
  validateText,
} from './validation.js';

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a snapshot is not what it should be */
export function validateSnapshot(snapshot: StoredSnapshot): void {
  const { originatorId, originatorVersion, eventId, aggregateType, stateVersion, state, takenAtMs } = snapshot;
  validateText('originatorId', originatorId, ORIGINATOR_ID_LENGTH_MAX);
  validateInteger('originatorVersion', originatorVersion, 0);
  validateText('eventId', eventId, ORIGINATOR_ID_LENGTH_MAX);
  validateText('aggregateType', aggregateType, TOPIC_LENGTH_MAX);
  validateInteger('stateVersion', stateVersion, 0);
  validateBytes('state', state);
  validateInstant('takenAtMs', takenAtMs);
}
