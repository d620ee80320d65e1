/**
 * A server of units in memory, and requests to it as devices send them.
 *
 * @module
 */
import { packPendingUnits } from '../../src/persistence/unit-batch.js';
import type { Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../../src/persistence/unit.js';
import type {
  Authorize,
  Decision,
  PageOptions,
  PushOutcome,
  Sender,
  UnitLog,
  Visibility,
} from '../../src/server/log/unit-log.js';
import { CursorUnknownError, UNITS_MEDIA_TYPE } from '../../src/sync/protocol/index.js';
import type { HealAnswer } from '../../src/sync/protocol/index.js';
import { NaiveLog } from './naive-log.js';

/** A log in the plainest way, as the server wants it. Remembers what it was asked. */
export class NaiveUnitLog implements UnitLog {
  readonly naive = new NaiveLog();
  readonly senders: Sender[] = [];
  readonly pageOptions: PageOptions[] = [];
  readonly marks: (readonly Cursor[])[] = [];
  readonly #refusals = new Map<UnitId, { readonly code: string; readonly message: string }>();

  constructor() {
    this.naive.forbid = ({ id }) => this.#refusals.get(id)?.code;
  }

  async push(
    units: readonly PendingUnit[],
    sender: Sender,
    authorize?: Authorize,
    _visibility?: Visibility,
    follows?: UnitId,
  ): Promise<PushOutcome> {
    this.senders.push(sender);
    const known = new Set(this.naive.units.map(({ id }) => id));
    for (const unit of units) {
      const refusal = known.has(unit.id) ? undefined : await authorize?.(unit, sender);
      if (refusal !== undefined) this.#refusals.set(unit.id, refusal);
    }
    const { decisions, conflict, head } = await this.naive.push(units, undefined, follows);
    const decided = decisions.map((decision): Decision =>
      decision.kind === 'accepted'
        ? { ...decision, isNew: !known.has(decision.id) }
        : { ...decision, ...this.#refusals.get(decision.id) },
    );
    return { decisions: decided, conflict, head };
  }

  async page(after: Cursor, options: PageOptions): Promise<UnitPage | undefined> {
    this.pageOptions.push(options);
    return await this.naive.page(after, options).catch((error: unknown) => {
      if (error instanceof CursorUnknownError) return undefined;
      throw error;
    });
  }

  async common(marks: readonly Cursor[]): Promise<Cursor> {
    this.marks.push(marks);
    return await this.naive.common(marks);
  }

  async heal(units: readonly LostUnit[], sender: Sender): Promise<HealAnswer> {
    this.senders.push(sender);
    return await this.naive.heal(units);
  }

  async head(): Promise<number> {
    return this.naive.events.length;
  }
}

let made = 0;

/** A unit of one new aggregate, with a state of so many bytes that compress like text. */
export function pendingUnit(options: Partial<PendingUnit> & { readonly stateBytes?: number } = {}): PendingUnit {
  const { stateBytes = 20, ...given } = options;
  const text = Array.from({ length: Math.ceil(stateBytes / 8) }, () => Math.random().toString(16).slice(2, 10)).join(
    '',
  );
  const state = new TextEncoder().encode(text.slice(0, stateBytes));
  return {
    id: crypto.randomUUID(),
    isCommutative: false,
    scopes: [],
    firstNotificationId: ++made,
    after: [undefined],
    events: [{ originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'stock:Item.Counted', state }],
    ...given,
  };
}

/** Several of them. */
export function pendingUnits(count: number, stateBytes?: number): PendingUnit[] {
  return Array.from({ length: count }, () => pendingUnit({ ...(stateBytes === undefined ? {} : { stateBytes }) }));
}

/** The id that requests come from unless they say otherwise. */
export const REPLICA = '99999999-9999-4999-8999-999999999999';

type Body = Uint8Array<ArrayBuffer> | string | ReadableStream;

/** A request of a device. A header of `undefined` is left out. */
export function deviceRequest(
  path: string,
  body: object | string,
  headers: Readonly<Record<string, string | undefined>> = {},
  baseUrl: string = 'http://server.test',
): Request {
  const isUnits = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
  const all: Record<string, string | undefined> = {
    'daybook-protocol': '2',
    'daybook-replica': REPLICA,
    'content-type': isUnits ? UNITS_MEDIA_TYPE : 'application/json',
    ...headers,
  };
  const init: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    headers: Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
    body: isUnits ? (body as Body) : JSON.stringify(body),
    // Streams need it, and nothing else minds.
    duplex: 'half',
  };
  return new Request(baseUrl + path, init);
}

/** A push. */
export function pushRequest(
  units: readonly PendingUnit[],
  headers: Readonly<Record<string, string | undefined>> = {},
  prefix: string = '/v2',
): Request {
  return deviceRequest(`${prefix}/push`, packPendingUnits(units), headers);
}

/** What came back of a push, with its body read. */
export interface UnitAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly head?: number;
    readonly decisions?: readonly (readonly unknown[])[];
    readonly conflict?: UnitId;
    readonly error?: { readonly code: string; readonly message: string; readonly details?: Record<string, unknown> };
  };
}

/** Pushes units, or a body as it is, as a device does. A header of `undefined` is left out. */
export async function postUnits(
  fetch: (request: Request) => Response | Promise<Response>,
  units: readonly PendingUnit[] | Uint8Array | string | ReadableStream = pendingUnits(1),
  headers: Readonly<Record<string, string | undefined>> = {},
  baseUrl?: string,
): Promise<UnitAnswer> {
  const body: Body = Array.isArray(units)
    ? packPendingUnits(units as readonly PendingUnit[])
    : (units as Exclude<typeof units, readonly PendingUnit[]> as Body);
  const request = deviceRequest('/v2/push', body, { 'content-type': UNITS_MEDIA_TYPE, ...headers }, baseUrl);
  return await readAnswer(await fetch(request));
}

/** Reads an answer's JSON. */
export async function readAnswer(response: Response): Promise<UnitAnswer> {
  return { status: response.status, headers: response.headers, body: (await response.json()) as UnitAnswer['body'] };
}

/** What an answer says, where it is JSON. */
export async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

/** The code of what was refused. */
export async function codeOf(response: Response): Promise<unknown> {
  return ((await jsonOf(response))['error'] as { code?: unknown } | undefined)?.code;
}
