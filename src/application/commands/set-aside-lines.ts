/**
 * Units that were set aside, as JSON Lines: to be read by people and programs that do not know the application.
 *
 * ```text
 * {"format":"daybook-set-aside","version":1}
 * {"unitId":…,"code":…,"message":…,"setAsideAt":ISO 8601,"attempts":…,"isRefused":…,"isForeign":…,"scopes":[…],
 *  "commands":[{"aggregateType":…,"aggregateId":…,"type":…,"data":…}] or null,
 *  "events":[{"aggregateId":…,"version":…,"topic":…,"type":…,"data":…,"metadata":…,"state":base64}]}
 * ```
 *
 * `data` is what the transcoder writes, where that is JSON, with its marks for values that JSON has no form of; otherwise
 * null. `state` is the event as it is stored, compressed and enciphered where the application does that. `type`, `data` and
 * `metadata` are null where the application cannot read the event.
 *
 * @module
 */
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import { toBase64 } from '../../util/base64.js';
import type { SetAsideEntry, SetAsideEvent } from './set-aside-entry.js';

/** One unit as a line, without a line feed. */
export async function setAsideLine(entry: SetAsideEntry, transcoder: Transcoder): Promise<string> {
  const { id: unitId, reason, setAsideAt, attempts, isRefused, isForeign, scopes } = entry;
  const commands =
    entry.commands &&
    (await Promise.all(
      entry.commands.map(async ({ aggregateType, aggregateId, command: { type, data } }) => ({
        ...{ aggregateType, aggregateId, type },
        data: await readable(data, transcoder),
      })),
    ));
  return JSON.stringify({
    ...{ unitId, code: reason.code, message: reason.message, setAsideAt, attempts, isRefused, isForeign, scopes },
    commands: commands ?? null,
    events: await Promise.all(entry.events.map((event) => eventOf(event, transcoder))),
  });
}

async function eventOf({ stored, event }: SetAsideEvent, transcoder: Transcoder): Promise<object> {
  const { originatorId: aggregateId, originatorVersion: version, topic, state } = stored;
  return {
    ...{ aggregateId, version, topic },
    type: event?.type ?? null,
    data: event === undefined ? null : await readable(event.data, transcoder),
    metadata: event?.metadata ?? null,
    state: toBase64(state),
  };
}

async function readable(data: object, transcoder: Transcoder): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await transcoder.encode(data)));
  } catch {
    // Another format, or nothing that has one: the event itself is beside it.
    return null;
  }
}
