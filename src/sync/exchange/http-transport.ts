/**
 * {@link SyncTransport} over HTTP.
 *
 * @module
 */
import { packLostUnits, packPendingUnits, unpackPage } from '../../persistence/unit-batch.js';
import type { Cursor, LostUnit, PendingUnit, Unit, UnitId, UnitPage } from '../../persistence/unit.js';
import type { OriginatorId } from '../../persistence/stored-event.js';
import type { UnitLimits } from '../../persistence/unit-recorder.js';
import type { Clock } from '../../util/clock.js';
import {
  APP_HEADER,
  FOLLOWS_HEADER,
  LIMITS_HEADER,
  LIMITS_LEAST,
  MARKS_MAX,
  parseCommonAnswer,
  parseHealAnswer,
  parseJson,
  parseLimits,
  parsePushAnswer,
  PATHS,
  PROTOCOL_2_VERSION,
  REPLICA_HEADER,
  statesSockets,
  UNITS_MEDIA_TYPE,
} from '../protocol/index.js';
import type { HealAnswer, PushAnswer, SyncLimits } from '../protocol/index.js';
import { ServerRequests } from './server-requests.js';
import type { GetToken } from './server-requests.js';
import type { SyncTransport } from './transport.js';

const JSON_MEDIA_TYPE = 'application/json';
// Of a page: one unit, however large, has to come through.
const PAGE_BYTES_MAX = 67_108_864;
// Of the other answers; the server's are shorter.
const ANSWER_BYTES_MAX = 4_194_304;

/** What an {@link HttpTransport} needs. */
export interface HttpTransportOptions {
  /** The base address, without the version. */
  readonly url: string;
  /** Where the server has several. @defaultValue none */
  readonly tenant?: string | undefined;
  /** The id of the store. */
  readonly replicaId: string;
  readonly fetch: typeof globalThis.fetch;
  /** @defaultValue none */
  readonly getToken?: GetToken | undefined;
  readonly clock: Clock;
  /** What the application says of itself. @defaultValue nothing */
  readonly app?: string | undefined;
}

/** Asks one server. */
export class HttpTransport implements SyncTransport {
  readonly requests: ServerRequests;
  /** Of the paths: the version, and the tenant. */
  readonly prefix: string;
  #limits: SyncLimits = LIMITS_LEAST;
  #hasSockets = false;

  constructor({ tenant, replicaId, app, ...options }: HttpTransportOptions) {
    this.prefix = `/v${PROTOCOL_2_VERSION}${tenant === undefined ? '' : `/t/${encodeURIComponent(tenant)}`}`;
    this.requests = new ServerRequests({
      ...options,
      version: PROTOCOL_2_VERSION,
      isGzipTaken: true,
      headers: { [REPLICA_HEADER]: replicaId, ...(app === undefined ? {} : { [APP_HEADER]: app }) },
      onHeaders: (headers) => {
        const stated = headers.get(LIMITS_HEADER);
        this.#limits = parseLimits(stated);
        this.#hasSockets = statesSockets(stated);
      },
    });
  }

  get limits(): SyncLimits {
    return this.#limits;
  }

  /** Whether the server has stated that streams may be WebSockets. */
  get hasSockets(): boolean {
    return this.#hasSockets;
  }

  async push(units: readonly PendingUnit[], signal: AbortSignal, follows?: UnitId): Promise<PushAnswer> {
    const request = { path: PATHS.push, units, body: packPendingUnits(units), parse: parsePushAnswer };
    return await this.#sendUnits(follows === undefined ? request : { ...request, follows }, signal);
  }

  async page(
    after: Cursor,
    { eventsMax, bytesMax }: UnitLimits,
    signal: AbortSignal,
    held: readonly Cursor[] = [],
    bootstrap?: readonly OriginatorId[],
  ): Promise<UnitPage> {
    return await this.requests.send(
      {
        path: this.prefix + PATHS.units,
        mediaType: JSON_MEDIA_TYPE,
        // What is not said is not written.
        body: JSON.stringify({
          ...{ after, events: eventsMax, bytes: bytesMax, held: held.length === 0 ? undefined : held, bootstrap },
        }),
        isAlone: false,
        answerBytesMax: PAGE_BYTES_MAX,
        read: unpackPage,
      },
      signal,
    );
  }

  async common(marks: readonly Cursor[], signal: AbortSignal): Promise<Cursor> {
    return await this.requests.send(
      {
        path: this.prefix + PATHS.common,
        mediaType: JSON_MEDIA_TYPE,
        body: JSON.stringify({ marks: marks.slice(0, MARKS_MAX) }),
        isAlone: false,
        answerBytesMax: ANSWER_BYTES_MAX,
        read: (answer) => parseCommonAnswer(parseJson(answer)),
      },
      signal,
    );
  }

  async heal(units: readonly LostUnit[], signal: AbortSignal): Promise<HealAnswer> {
    return await this.#sendUnits(
      { path: PATHS.heal, units, body: packLostUnits(units), parse: parseHealAnswer },
      signal,
    );
  }

  async #sendUnits<T>({ path, units, body, parse, follows }: UnitsRequest<T>, signal: AbortSignal): Promise<T> {
    return await this.requests.send(
      {
        path: this.prefix + path,
        mediaType: UNITS_MEDIA_TYPE,
        body,
        isAlone: units.length === 1,
        ...(follows === undefined ? {} : { headers: { [FOLLOWS_HEADER]: follows } }),
        answerBytesMax: ANSWER_BYTES_MAX,
        read: (answer) => parse(parseJson(answer)),
      },
      signal,
    );
  }
}

interface UnitsRequest<T> {
  readonly path: string;
  readonly units: readonly Unit[];
  readonly body: Uint8Array<ArrayBuffer>;
  readonly parse: (answer: unknown) => T | undefined;
  /** As in {@link SyncTransport.push}. */
  readonly follows?: UnitId;
}
