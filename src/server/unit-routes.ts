/**
 * The requests of the protocol, as routes: who it is and to which log, then the work.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from 'hono';
import { packEvents } from '../persistence/event-batch.js';
import { unpackLostUnits, unpackPendingUnits } from '../persistence/unit-batch.js';
import type { Cursor, PendingUnit, UnitId } from '../persistence/unit.js';
import {
  APP_HEADER,
  CursorUnknownError,
  FOLLOWS_HEADER,
  ForbiddenError,
  InvalidRequestError,
  EVENTS_MEDIA_TYPE,
  LIVE_PAGES,
  PATHS,
  PROTOCOL_2_VERSION,
  PROTOCOL_HEADER,
  REPLICA_HEADER,
  toHealAnswer,
  toPushAnswer,
  UnauthorizedError,
  UNITS_MEDIA_TYPE,
  UpgradeRequiredError,
} from '../sync/protocol/index.js';
import type { SyncLimits } from '../sync/protocol/index.js';
import { isStorableText } from '../persistence/validation.js';
import type { Clock } from '../util/clock.js';
import { isCanonicalUuid } from '../util/uuid-bytes.js';
import type { AccessEnv } from './access/request-record.js';
import { checkTenant } from './access/visitor.js';
import { answerBytes, answerJson } from './answer-coding.js';
import { digestsOf } from './history-answers.js';
import { headMessage } from './live/live-stream.js';
import { LiveNews } from './live-news.js';
import { listeningTo } from './live/head-news.js';
import type { LogNews, NewsOptions, PushOutcome, Sender, UnitLog, Visibility } from './log/unit-log.js';
import { countPush, traced } from './observing/observe-requests.js';
import { callQuietly } from './operator/foreign-code.js';
import { isOperational } from './operator/outage.js';
import { packedPage } from './packed-page.js';
import { readJson } from './request-body.js';
import { answerError } from './server-front.js';
import type { ServerFront } from './server-front.js';
import { LiveLogs } from './unit-live.js';
import { UnitAuthority } from './unit-authority.js';
import {
  commonQuestionSchema,
  digestsQuestionSchema,
  historyQuestionSchema,
  namingUnit,
  pageQuestionSchema,
  QUESTION_LIMITS,
  readUnits,
} from './unit-requests.js';
import { isOfTenants } from './sync-server-options.js';
import type { RecordedPush, SyncServerOptions } from './sync-server-options.js';

const PREFIX = `/v${PROTOCOL_2_VERSION}`;
const TENANT_PREFIX = `${PREFIX}/t/:tenant`;
const TENANT_LENGTH_MAX = 200;
const [PAGES_NAME, PAGES_VALUE] = LIVE_PAGES.split('=') as [string, string];

/** Somebody who listens on a line that the host keeps. */
export interface LiveLine {
  readonly subject: string;
  /** The end of what was told; `undefined` where that is not known. */
  readonly after: Cursor | undefined;
  /**
   * What is said on the line when the log has moved. One at a time.
   *
   * @param head - the end of the log, as far as is known
   * @returns a message of an event stream, in UTF-8; `undefined` where all was told before
   * @throws UnauthorizedError (`UNAUTHORIZED`), ForbiddenError (`FORBIDDEN`) or UpgradeRequiredError (`UPGRADE_REQUIRED`) when
   *   whoever listens may not any more
   */
  tell(head: number): Promise<Uint8Array | undefined>;
}

/** What a request for a line that the host keeps has beside it. */
export interface Listening {
  readonly after: Cursor | undefined;
  readonly take: (line: LiveLine) => void;
}

type UnitContext = Context<AccessEnv>;

/** A request that was let in: who sends it, and to which log. */
interface Admitted {
  readonly log: UnitLog;
  readonly tenant: string;
  readonly sender: Sender;
}

type Answer = (c: UnitContext, admitted: Admitted) => Promise<Response>;

/** Answers requests. */
export class UnitRoutes {
  readonly #options: SyncServerOptions;
  readonly #limits: SyncLimits;
  readonly #front: ServerFront;
  readonly #authority: UnitAuthority;
  readonly #live: LiveLogs;

  constructor(
    options: SyncServerOptions,
    { limits, front, clock }: { readonly limits: SyncLimits; readonly front: ServerFront; readonly clock: Clock },
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#front = front;
    this.#authority = new UnitAuthority(options, front.log);
    const { news, closing } = options;
    const listen = listeningTo(options.listen, news);
    this.#live = new LiveLogs({
      readHead: (tenant) => this.#using(tenant, (log) => log.head()),
      ...{ listen, closing, clock },
      onFailure: (error) => front.log('The end of a log could not be read for those who wait for it.', error),
    });
  }

  /** Adds a route: who it is and to which log, then the work, then what is known of the database by that. */
  add(path: string, answer: Answer): void {
    const { app, guards, health, log } = this.#front;
    const address = this.#address(path);
    app.post(address, checkProtocol, ...guards, async (c) => {
      try {
        const response = await this.#admitted(c, (admitted) => answer(c, admitted));
        health.noteAnswer();
        return response;
      } catch (error) {
        if (isOperational(error)) health.noteTrouble();
        throw error;
      }
    });
    app.all(address, (c) => {
      c.header('allow', 'POST');
      return answerError(c, new InvalidRequestError('Only POST is understood here.'), log, 405);
    });
  }

  /** Adds the stream that says when the log has moved. */
  addLive(): void {
    const { app, guards, liveGuard, log } = this.#front;
    const address = this.#address(PATHS.live);
    const streams: typeof liveGuard = (c, next) => (c.env.listening === undefined ? liveGuard(c, next) : next());
    app.get(address, checkProtocol, ...guards, streams, (c) =>
      this.#admitted(c, (admitted) => this.#listen(c, admitted)),
    );
    app.all(address, (c) => {
      c.header('allow', 'GET');
      return answerError(c, new InvalidRequestError('Only GET is understood here.'), log, 405);
    });
  }

  async push(c: UnitContext, { log, tenant, sender }: Admitted): Promise<Response> {
    const units = await readUnits(c.req.raw, { ...this.#reading(c), unpack: unpackPendingUnits });
    const follows = followedOf(c);
    const visibility = await this.#authority.visibility(sender);
    const outcome = await traced(c, () =>
      namingUnit(units, () => log.push(units, sender, this.#authority.authorize, visibility, follows)),
    );
    this.#live.announce(tenant, outcome.head);
    if (outcome.decisions.some((decision) => decision.kind === 'accepted' && decision.isNew)) {
      this.#announceToOthers(tenant, outcome.head);
    }
    this.#tell(c, units, outcome, { tenant, replicaId: sender.replicaId });
    return await answerJson(c, toPushAnswer(outcome));
  }

  async page(c: UnitContext, { log, tenant, sender }: Admitted): Promise<Response> {
    const { after, events, bytes, held, bootstrap } = await readJson(
      c.req.raw,
      pageQuestionSchema,
      QUESTION_LIMITS,
      this.#noteBytes(c),
    );
    const visibility = await this.#authority.visibility(sender);
    const eventsMax = Math.min(events, this.#limits.events);
    const bytesMax = Math.min(bytes, this.#limits.bytes);
    const page = await traced(c, () => log.page(after, { eventsMax, bytesMax, visibility, held, bootstrap }));
    if (page === undefined) {
      throw new CursorUnknownError(
        'The log does not have the place that this cursor stands for, or one that is held. Ask for the common one.',
      );
    }
    // What it holds, whether it gets more now or not, has a position only where that is the end.
    if (page.from === page.to) {
      this.#options.replicas?.noteAcked({ tenant, replicaId: sender.replicaId }, page.position);
    }
    return await answerBytes(c, packedPage(page), UNITS_MEDIA_TYPE);
  }

  async common(c: UnitContext, { log, sender }: Admitted): Promise<Response> {
    const { marks } = await readJson(c.req.raw, commonQuestionSchema, QUESTION_LIMITS, this.#noteBytes(c));
    // Who may see nothing is not told of anything.
    await this.#authority.visibility(sender);
    return await answerJson(c, { common: await traced(c, () => log.common(marks)) });
  }

  async heal(c: UnitContext, { log, tenant, sender }: Admitted): Promise<Response> {
    const units = await readUnits(c.req.raw, { ...this.#reading(c), unpack: unpackLostUnits });
    const answer = await traced(c, () => namingUnit(units, () => log.heal(units, sender)));
    if (answer.decisions.some(({ kind }) => kind === 'restored')) await this.#tellOfHealed(tenant, log);
    return await answerJson(c, toHealAnswer(answer));
  }

  async digests(c: UnitContext, { log, sender }: Admitted): Promise<Response> {
    const { aggregates } = await readJson(c.req.raw, digestsQuestionSchema, QUESTION_LIMITS, this.#noteBytes(c));
    const visibility = await this.#authority.visibility(sender);
    const { events: eventsMax, bytes: bytesMax } = this.#limits;
    return await answerJson(c, {
      digests: await traced(c, () => digestsOf(log, aggregates, { eventsMax, bytesMax, visibility })),
    });
  }

  async history(c: UnitContext, { log, sender }: Admitted): Promise<Response> {
    const asked = await readJson(c.req.raw, historyQuestionSchema, QUESTION_LIMITS, this.#noteBytes(c));
    const visibility = await this.#authority.visibility(sender);
    const { id, after, upTo, events, bytes } = asked;
    const eventsMax = Math.min(events, this.#limits.events);
    const bytesMax = Math.min(bytes, this.#limits.bytes);
    const read = await traced(c, async () => await log.history?.(id, { after, upTo, eventsMax, bytesMax, visibility }));
    return await answerBytes(c, packEvents(read ?? []), EVENTS_MEDIA_TYPE);
  }

  async #listen(c: UnitContext, { tenant, sender }: Admitted): Promise<Response> {
    // Who may see nothing is not told of anything.
    await this.#authority.visibility(sender);
    const admit = (): Promise<Visibility | undefined> => this.#admittedStill(c, tenant, sender);
    const read = (options: NewsOptions): Promise<LogNews | undefined> =>
      this.#using(tenant, async (log) => await log.news?.(options));
    const takesPages = new URL(c.req.url).searchParams.get(PAGES_NAME) === PAGES_VALUE;
    const listening = c.env.listening as Listening | undefined;
    const news = takesPages ? new LiveNews({ admit, read, after: listening?.after }) : undefined;
    const { expiresAtMs } = c.get('visitor');
    if (listening !== undefined) {
      const tellHead = async (head: number): Promise<Uint8Array> => {
        await admit();
        return headMessage(head);
      };
      listening.take({
        subject: sender.subject,
        get after() {
          return news?.after;
        },
        tell: (head) => news?.tell(head) ?? tellHead(head),
      });
      return c.body(null, 204);
    }
    return this.#live.open({
      tenant,
      signal: c.req.raw.signal,
      expiresAtMs,
      recheck: admit,
      tell: news === undefined ? undefined : (head) => news.tell(head),
    });
  }

  /** As a request would be let in. @returns what may be seen */
  async #admittedStill(c: UnitContext, tenant: string, sender: Sender): Promise<Visibility | undefined> {
    const visitor = await c.get('revisit')();
    if (visitor?.subject !== sender.subject) throw new UnauthorizedError('The token is not good any more.');
    if (isOfTenants(this.#options.unitLog)) checkTenant(visitor, tenant);
    const app = c.req.header(APP_HEADER);
    await this.#options.replicas?.admit({ tenant, ...sender, app });
    await this.#authority.assertApp(app, sender);
    return await this.#authority.visibility(sender);
  }

  #using<T>(tenant: string, work: (log: UnitLog) => Promise<T>): Promise<T> {
    const { unitLog } = this.#options;
    return isOfTenants(unitLog) ? unitLog.use(tenant, work) : work(unitLog);
  }

  #address(path: string): string {
    return (isOfTenants(this.#options.unitLog) ? TENANT_PREFIX : PREFIX) + path;
  }

  async #admitted(c: UnitContext, work: (admitted: Admitted) => Promise<Response>): Promise<Response> {
    const { unitLog } = this.#options;
    const sender = this.#senderOf(c);
    if (!isOfTenants(unitLog)) return await this.#replicaAdmitted(c, { log: unitLog, tenant: '', sender }, work);
    const tenant = c.req.param('tenant') ?? '';
    checkTenant(c.get('visitor'), tenant);
    // In the words of that check: whoever may use every tenant learns no more of one that cannot be.
    if (tenant.length > TENANT_LENGTH_MAX || !isStorableText(tenant)) {
      throw new ForbiddenError('The token is not good for this tenant.', { details: { reason: 'tenant' } });
    }
    return await unitLog.use(tenant, (log) => this.#replicaAdmitted(c, { log, tenant, sender }, work));
  }

  #senderOf(c: UnitContext): Sender {
    const replicaId = c.req.header(REPLICA_HEADER) ?? '';
    if (!isCanonicalUuid(replicaId)) {
      throw new InvalidRequestError(`The header ${REPLICA_HEADER} must name the store that sends, by a UUID.`);
    }
    c.get('record').replicaId = replicaId;
    return { subject: c.get('visitor').subject, replicaId };
  }

  async #replicaAdmitted(
    c: UnitContext,
    admitted: Admitted,
    work: (admitted: Admitted) => Promise<Response>,
  ): Promise<Response> {
    const { replicas } = this.#options;
    const { tenant, sender } = admitted;
    const app = c.req.header(APP_HEADER);
    await replicas?.admit({ tenant, ...sender, app });
    await this.#authority.assertApp(app, sender);
    return await work(admitted);
  }

  /** What was taken back is new to those who follow the log, like what is pushed. */
  async #tellOfHealed(tenant: string, log: UnitLog): Promise<void> {
    try {
      const head = await log.head();
      this.#live.announce(tenant, head);
      this.#announceToOthers(tenant, head);
    } catch (error) {
      // It is recorded, and found by whoever looks.
      this.#front.log('The end of a log could not be read for those who wait for it.', error);
    }
  }

  #announceToOthers(tenant: string, head: number): void {
    const { news } = this.#options;
    if (news === undefined) return;
    callQuietly(
      () => news.announce(tenant, head),
      (error) => this.#front.log('Other servers could not be told. What was recorded is recorded all the same.', error),
    );
  }

  #reading(c: UnitContext): { readonly limits: SyncLimits; readonly onBytes: (bytes: number) => void } {
    return { limits: this.#limits, onBytes: this.#noteBytes(c) };
  }

  #noteBytes(c: UnitContext): (bytes: number) => void {
    return (bytes) => (c.get('record').bytesIn = bytes);
  }

  #tell(
    c: UnitContext,
    sent: readonly PendingUnit[],
    { decisions, conflict, head }: PushOutcome,
    of: Pick<RecordedPush, 'tenant' | 'replicaId'>,
  ): void {
    const { onRecorded } = this.#options;
    const isNew = decisions.map((decision) => decision.kind === 'accepted' && decision.isNew);
    const units = isNew.filter(Boolean).length;
    // Decisions are of the first units, in their order.
    const events = isNew.reduce((sum, is, index) => sum + (is ? (sent[index]?.events.length ?? 0) : 0), 0);
    const rejections = decisions.filter(({ kind }) => kind === 'rejected').length;
    countPush(c, { units, events, rejections, conflicts: conflict === undefined ? 0 : 1 });
    if (units === 0 || onRecorded === undefined) return;
    callQuietly(
      () => onRecorded({ ...of, units, events, head }),
      (error) => this.#front.log('onRecorded threw. The push is recorded all the same.', error),
    );
  }
}

/** @throws InvalidRequestError (`INVALID_REQUEST`) when it is the id of no unit */
function followedOf(c: UnitContext): UnitId | undefined {
  const follows = c.req.header(FOLLOWS_HEADER);
  if (follows === undefined || isCanonicalUuid(follows)) return follows;
  throw new InvalidRequestError(`The header ${FOLLOWS_HEADER} must name a unit, by a UUID.`);
}

const checkProtocol: MiddlewareHandler = async (c, next) => {
  if (c.req.header(PROTOCOL_HEADER) !== PROTOCOL_2_VERSION) throw upgradeRequired();
  await next();
};

/** @returns what a device is told whose version this server does not speak */
export function upgradeRequired(): UpgradeRequiredError {
  return new UpgradeRequiredError(
    `This server speaks version ${PROTOCOL_2_VERSION} of the protocol. Load the newer version of the application; nothing is lost.`,
    { details: { supported: PROTOCOL_2_VERSION } },
  );
}
