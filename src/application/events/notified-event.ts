import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { Message } from '../../domain/message-types.js';
import type { ServerRecord } from '../../persistence/server-records.js';
import type { NotificationId } from '../../persistence/stored-event.js';

/** A recorded event, with its place in the sequence of the whole application. A union of events stays a union. */
export type NotifiedEvent<Event extends Message = Message> = Event extends Message
  ? RecordedEvent<Event> & {
      readonly notificationId: NotificationId;
      /** What a server says of it, where that was asked for (`withServer`) and a server has it. */
      readonly server?: ServerRecord | undefined;
    }
  : never;
