/**
 * The protocol of synchronisation, version 2. This is its specification; pure: no network, no database.
 *
 * A server has a *log* of *units* (persistence/unit.ts). A device sends units, and follows the log by *pages*.
 *
 * ```text
 * base address, then /v2, or /v2/t/{tenant} where the server has several tenants
 *
 * POST …/push      units that are pending (packPendingUnits)    200 { head, decisions: [[id, "accepted", position] |
 *                                                                   [id, "rejected", code, message], …], conflict?: id }
 * POST …/units     { after: cursor, events: n, bytes: n,        200 a page (packPage); with `bootstrap`, or after the cursor of
 *                  held?: [cursor, …], bootstrap?: [id, …] }        one, a part of a bootstrap perhaps
 * POST …/common    { marks: [cursor, …] }, newest first         200 { common: cursor }
 * POST …/heal      units that were confirmed, and are lost      200 { decisions: [[id, "restored" | "known" | "setAside" |
 *                  (packLostUnits)                                  "refused"], …], head?: cursor }
 * POST …/digests   { aggregates: [[id, version, digest,     200 { digests: ["digest" | null, …] }
 *                  version], …] }
 * POST …/history   { id, after: version, upTo: version,      200 events of one aggregate (packEvents)
 *                  events: n, bytes: n }
 * GET  …/live      as an event stream                           200 event "head", data: a position; comments as keepalive;
 *      ?pages=1    where the device takes pages                     event "page", data: a page (packPage), in base64
 *
 *                 as a WebSocket                               the same events and comments as texts, one in each message; a device
 *                                                               sends "keep", and is answered with a comment
 *
 * Each request:  Authorization: Bearer <token>   Daybook-Protocol: 2   Daybook-Replica: <uuid>
 *                Content-Encoding: gzip, where that makes it smaller
 * Where a device says which application it runs:   Daybook-App: <up to 100 printable characters>
 * A push that is sent before the one before it is answered:   Daybook-Follows: <id of the last unit of that one>
 * Each answer:   Daybook-Protocol: 2
 *                Daybook-Limits: events=500, bytes=1048576, unit-events=10000, unit-bytes=8388608, pushes=2
 * Otherwise:     4xx, 5xx { "error": { "name", "code", "message", "details" } }: nothing was stored
 * ```
 *
 * Units and pages are `application/vnd.daybook.units`; the rest is JSON. What is read is asked for by POST as well, because
 * a browser asks for leave before each address of another origin that is new to it: a cursor in the address would cost
 * every page two round trips.
 *
 * Rules of the server:
 * - R1 A unit is accepted at most once, whoever sends it and in whatever form, or rejected with a reason that is kept. One
 *   that is known is answered from its row, without a look at what is sent; one that another subject has sent, as if it
 *   were rejected, unless its id follows from the event that is sent: then it is nobody's.
 * - R2 A strict event fits right after the very event that it was decided on: its version is the next one, and the edition
 *   (persistence/unit-edition.ts) that holds the version before is the one that `after` names. A unit of commutative events
 *   that does not fit is given the next versions, and another edition with them, of aggregates that are there or that it
 *   begins. What else does not fit is a conflict: no decision, and the end of the push. So is a unit that names an edition
 *   which does not follow from what it says.
 *   So is whatever is new in a push that follows a unit of which the log knows nothing, or only from another subject: what was
 *   sent later never comes first, whichever request arrives first. Asked again without `Daybook-Follows`, it is decided.
 * - R3 The log is chained: a cursor is a position and a hash of everything up to it. A page is given of a log only that has
 *   `after`, and all that is `held`.
 * - R4 A page ends where a unit ends.
 * - R5 What is healed comes back as it was, once, where it fits, and only what carries a sound seal. What does not fit, or is a
 *   part of a unit, is set aside, and tried again when what it stands on, or the other parts, have come, from whomever. A
 *   part says by its seal which events of the unit it has.
 * - R6 Who may see a part only, may push into that part only: an answer would tell of the rest. A unit of which the sender
 *   may not see all, or nothing where the log has it already, is rejected as `OUT_OF_SCOPE`, and nothing is kept of that:
 *   the same unit may come again, when the scopes are others. Who may see nothing of the log is refused with 403, pushes
 *   too: nothing of them would ever be confirmed.
 * - R7 Another scope is not another log: who stands in a part of the log that is not the one that it may see is told so
 *   (`SCOPES_CHANGED`). Of marks, and of what is held, it does not matter in which part they are.
 *
 * - R8 A stream says that the log has moved, to whom a page would be given at that moment. With `pages=1` it says so by the
 *   page itself, where what follows the end of what it has said before is one page of {@link LIVE_PAGE_BYTES_MAX} packed bytes
 *   at most: the page that whoever stands there would be given. Where it is more, or the log does not have that place any
 *   more, or the scopes are others, it says the head, and goes on from there. What somebody reads too slowly is not kept: it
 *   is told of what there is when it reads again.
 *
 * - R8 Who may see all events of an aggregate up to a version is told their digest (persistence/history-digest.ts), going on
 *   from the digest of the first ones, and is given them: a part after a version, up to what is asked for or stated. Who may
 *   not, or where the log does not have them, is answered null, and none.
 *
 * - R9 Who asks from the start with `bootstrap` may be given parts of a bootstrap instead of pages: the log as it is at one
 *   place, by aggregates, 200 in a part at most. Of an aggregate that has a snapshot of an event up
 *   to that place, a *base* stands for the events before that one; all others come, in whole units, and what the reader may not
 *   see of either does not. The first part has what is named in `bootstrap`, up to 50 aggregates, all
 *   of their events and nothing else. Where that is more than a page, or there are no snapshots, a page is given. The cursor
 *   after a part names the place and where to go on, and is one as any other: of a log that was set back before the place it is
 *   unknown, and with other scopes they have changed. After the last part stands the cursor of the place.
 *
 * Rules of the device (persistence/unit-recorder.ts):
 * - D1 Only a page confirms. The answer of a push is a hint: what was accepted and is not in the log up to its head is
 *   sent again.
 * - D2 A page begins where the device stands; another one is thrown away. What it brings, confirms, moves and sets aside
 *   is one commit with the cursor.
 *   Where the server states more `pushes` than one, the next may be sent before the one before it is answered; when that
 *   comes to anything but that all of it is accepted, those after it are sent again, whatever is answered to them.
 * - D3 `CURSOR_UNKNOWN` is answered by asking for the common place, going back to it, offering what is lost, and following
 *   from there. What is lost stays in its place, and is recognised, until the log was followed to its end; and where the log
 *   ended after each offer is held until then, so that a log which is set back once more meanwhile is offered all of it again.
 * - D4 `SCOPES_CHANGED` is answered by following the log from its start, with all that the device has in place. It says how
 *   far it had been (`held`) until it is there again. What a page does not show of what lies between its ends leaves with it.
 *   So do the marks between them: they are of another part of the log.
 * - D5 What a stream says is a hint: a page that does not begin where the device stands is passed over, and what the device
 *   has heard of and does not have is asked for. Nothing is taken from a stream while something is `held` (D4).
 *
 * - D6 A device in which nothing is confirmed may ask for parts of a bootstrap, and names the aggregates that something of its
 *   own is about: that may be in the log, which only its events say. The first part is stored where nothing else of its own
 *   is open, every other where the store stands, each in one commit with its cursor. Of the units of a part the device takes
 *   the events of the part's aggregates that a base is not for, up to the version at which the part ends; an aggregate that is
 *   here already is passed over, unless it goes on. What was recorded since the first part gives way to what comes.
 *
 * The model (test/model/, docs/model/README.md) has these rules.
 *
 * | status | code | what the device does |
 * |---|---|---|
 * | 400 | `INVALID_REQUEST` | where `path` names a unit, `units.3`: sets it aside as `UNREADABLE`, or passes it over in an offer; otherwise says so, tries again slowly: a bug, or an incompatible version |
 * | 401 | `UNAUTHORIZED` | asks for a new token once, then waits for one |
 * | 403 | `FORBIDDEN` | says so, tries again slowly |
 * | 409 | `CURSOR_UNKNOWN` | D3 |
 * | 409 | `SCOPES_CHANGED` | D4 |
 * | 413 | `TOO_LARGE` | sends less at once; a unit that is too large alone is set aside |
 * | 426 | `UPGRADE_REQUIRED` | says so, tries again slowly; recording and reading go on. Of the protocol, or, with `reason: 'app'`, of the application that `Daybook-App` names |
 * | 429, 503 | `UNAVAILABLE` | tries again, not before `Retry-After` |
 * | no answer with `Daybook-Protocol` | – | tries again: a proxy's, or a captive portal's |
 *
 * Limits are the server's to state, in each answer: a device that has had none yet keeps to {@link LIMITS_LEAST}, which
 * every server takes. `events` and `bytes` are of a request as a whole, unpacked. A unit is never split, so one that is
 * larger goes alone, and has limits of its own; beyond these it is refused. What a page ends after is the smaller of what
 * is asked for and what the server states, or the end of the unit in which that is.
 *
 * Bodies of requests may be gzipped, and unpack to {@link GZIP_RATIO_MAX} times their size at most; what packs better is
 * sent as it is. So what a request costs is in proportion to what was sent. Answers are compressed as `Accept-Encoding`
 * asks, where they are more than a packet. A cursor has {@link CURSOR_LENGTH_MAX} characters at most; of marks the newest
 * {@link MARKS_MAX} are asked about, and the start without being named; {@link HELD_MAX} are held. A part of a bootstrap has as
 * many events and bytes as a page, with the states of its bases.
 *
 * Where the server states `sockets=1` beside its limits, a stream may be a WebSocket, which a host can keep without being awake
 * itself. A browser sends no headers with its opening, so they are offered as subprotocols: {@link SOCKET_PROTOCOL}, which the
 * server takes, and behind it each header as `<name>:<value>` in base64 as for addresses, without padding. A WebSocket that
 * cannot be had, for whatever reason, tells a page nothing: the next line is asked for by GET, whose answer says why.
 *
 * It may change by headers, fields of JSON, parameters of an address and events of a stream that are optional and that both
 * sides ignore where they do not know them: whoever takes a new kind of event asks for it by a parameter; by
 * flags of units, which older sides refuse, after the other side has said that it knows them; by anything else in a new
 * version only, at addresses of its own. A server says `UPGRADE_REQUIRED` to every version that it does not speak, and
 * names its own in the header; that answer keeps its form in all versions, so that whoever hears it understands it. Only
 * at `/v1/…` it bears the header of version 1, whose devices take every other one for a stranger's.
 *
 * @module
 */
import { toBase64 } from '../../util/base64.js';

/** The header that names the version, which every request and every answer carries. */
export const PROTOCOL_HEADER = 'daybook-protocol';
/** Its value. */
export const PROTOCOL_2_VERSION = '2';
/** Its value in what is answered at `/v1/…`, to devices that speak the first version and have to be loaded anew. */
export const PROTOCOL_1_VERSION = '1';
/** Where the requests are, below the base address and the tenant. */
export const PATHS = {
  push: '/push',
  units: '/units',
  common: '/common',
  heal: '/heal',
  live: '/live',
  digests: '/digests',
  history: '/history',
} as const;
/** Of events of one aggregate. */
export const EVENTS_MEDIA_TYPE = 'application/vnd.daybook.events';
/** Aggregates whose digests are asked for at once. */
export const DIGESTS_MAX = 100;
/** What a device asks `PATHS.live` by, that takes pages on its stream. */
export const LIVE_PAGES = 'pages=1';
/** Packed bytes that a page on a stream has at most: what is more is asked for. */
export const LIVE_PAGE_BYTES_MAX = 32_768;
/** The header by which a device names the store that it sends from: a label, and something to bind to a subject. */
export const REPLICA_HEADER = 'daybook-replica';
/** The header by which a device says which application it runs: `stockcount/1.4.2`. A label, and no proof. */
export const APP_HEADER = 'daybook-app';
/** What such a label is: printable characters of ASCII, 100 at most. */
export const APP_LABEL: RegExp = /^[\x20-\x7e]{1,100}$/;
/** The header by which a push names the unit that was sent before it, where nothing was heard of that yet. */
export const FOLLOWS_HEADER = 'daybook-follows';
/** The header by which a server states what it takes. */
export const LIMITS_HEADER = 'daybook-limits';
/** What a server states beside its limits that takes WebSockets at `PATHS.live`. */
export const SOCKETS_STATED = 'sockets=1';
/** The subprotocol of these; what else is offered are headers. */
export const SOCKET_PROTOCOL = 'daybook.2';
/** What a device says on one, so that both ends learn of a dead line. */
export const SOCKET_KEEP = 'keep';
/** Of bodies that are packed units. */
export const UNITS_MEDIA_TYPE = 'application/vnd.daybook.units';

/** Texts that a cursor is; marks that are asked about at once. */
export const CURSOR_LENGTH_MAX = 200;
export const MARKS_MAX = 200;
/** Cursors that who asks for a page says to hold. */
export const HELD_MAX = 8;
/** How many times their packed size the bytes of a request may be: so that what it costs is what was sent. */
export const GZIP_RATIO_MAX = 100;

/** What a server takes in one request. */
export interface SyncLimits {
  readonly events: number;
  /** Of the body, unpacked. */
  readonly bytes: number;
  /** The same of a unit that is sent alone, because it is larger. */
  readonly unitEvents: number;
  readonly unitBytes: number;
  /** Of one device, on their way at once. More than one where the server knows {@link FOLLOWS_HEADER}. */
  readonly pushes: number;
}

/** What every server takes. */
export const LIMITS_LEAST: SyncLimits = {
  events: 200,
  bytes: 524_288,
  unitEvents: 2_000,
  // A unit may have to be kept as one row, beside a few words about it: one of a Durable Object has 2,000,000.
  unitBytes: 1_966_080,
  pushes: 1,
};
/** What ours takes where nothing else is said. */
export const LIMITS_DEFAULT: SyncLimits = {
  events: 500,
  bytes: 1_048_576,
  unitEvents: 10_000,
  unitBytes: 8_388_608,
  pushes: 2,
};

/** Whether a body that was gzipped is one that a server takes, and smaller for it. */
export function isFairGzip(packedBytes: number, bytes: number): boolean {
  return packedBytes < bytes && bytes <= packedBytes * GZIP_RATIO_MAX;
}

/** Whether the header that states limits also says that streams may be WebSockets. */
export function statesSockets(header: string | null): boolean {
  return header?.split(/, */).includes(SOCKETS_STATED) ?? false;
}

/** A header as it is offered as a subprotocol. */
export function headerProtocol(name: string, value: string): string {
  return toBase64(new TextEncoder().encode(`${name}:${value}`))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

// Source: RFC 6750, section 2.1.
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Whether a value can stand as a token in the header `Authorization`. */
export function isBearerToken(value: unknown): value is string {
  return typeof value === 'string' && BEARER_TOKEN.test(value);
}

/** The header that states limits. */
export function formatLimits({ events, bytes, unitEvents, unitBytes, pushes }: SyncLimits): string {
  return `events=${events}, bytes=${bytes}, unit-events=${unitEvents}, unit-bytes=${unitBytes}, pushes=${pushes}`;
}

/** Reads the header that states limits. What it does not state, or not so that it can be read, is as {@link LIMITS_LEAST}. */
export function parseLimits(header: string | null): SyncLimits {
  const stated = new Map(header?.split(',').map((part) => part.trim().split('=') as [string, string]));
  const limit = (name: string, least: number): number => {
    const value = Number(stated.get(name));
    return Number.isSafeInteger(value) && value > 0 ? value : least;
  };
  return {
    events: limit('events', LIMITS_LEAST.events),
    bytes: limit('bytes', LIMITS_LEAST.bytes),
    unitEvents: limit('unit-events', LIMITS_LEAST.unitEvents),
    unitBytes: limit('unit-bytes', LIMITS_LEAST.unitBytes),
    pushes: limit('pushes', LIMITS_LEAST.pushes),
  };
}
