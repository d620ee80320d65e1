import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from '../events/notified-event.js';

/** The events of an application in the order in which they were recorded: what projections and processes follow. */
export interface EventLog {
  readonly recorder: Pick<ApplicationRecorder, 'selectNotifications' | 'maxNotificationId'>;
  /**
   * Reads an event of a notification.
   *
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when it cannot be read
   */
  decode(notification: Notification): Promise<NotifiedEvent>;
  /** Says when it is worth looking. Without it, those who follow look again and again. */
  onRecorded?(listener: () => void): () => void;
}
