/**
 * The sequence of a store that is a copy, as the server knows it.
 *
 * A copy holds what its original had pushed, and must not push that as its own. For the server its sequence begins after
 * that: the ids on the wire are those of the store less `pushBaseId`. So the first push of a copy is like that of any
 * new store, and the server need not know of copies.
 *
 * @module
 */
import { ServerBehindError } from '../protocol/index.js';
import type { PushRequest, PushResponse } from '../protocol/index.js';
import type { Transport } from './push-transport.js';

/** Puts the ids of a copy on the wire, and those of the answer back. */
export function transportOfCopy(transport: Transport, pushBaseId: number): Transport {
  return {
    async push(request, signal) {
      try {
        return moved(await transport.push(onWire(request, pushBaseId), signal), pushBaseId);
      } catch (error) {
        throw error instanceof ServerBehindError ? movedBehind(error, pushBaseId) : error;
      }
    },
  };
}

function onWire(request: PushRequest, base: number): PushRequest {
  const events = request.events.map((event) => ({ ...event, id: event.id - base }));
  return { ...request, after: request.after - base, events };
}

function moved(answer: PushResponse, base: number): PushResponse {
  return { ...answer, tracking: { ...answer.tracking, id: answer.tracking.id + base } };
}

function movedBehind(error: ServerBehindError, base: number): ServerBehindError {
  const { after, trackingId } = error.details;
  const details = { ...error.details, ...idMoved('after', after, base), ...idMoved('trackingId', trackingId, base) };
  return new ServerBehindError(error.message, { cause: error, details });
}

function idMoved(name: string, id: unknown, base: number): Record<string, number> {
  return typeof id === 'number' ? { [name]: id + base } : {};
}
