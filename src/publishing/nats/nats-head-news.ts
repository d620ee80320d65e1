/// <reference lib="esnext.disposable" preserve="true" />
/**
 * News of logs among servers, by a JetStream stream of heads.
 *
 * ```text
 * announce(tenant, head) ─▶ the newest for each log ─▶ published, until the stream has it
 * stream ─▶ a consumer: everybody looks; then each message ─▶ listeners of that log
 *             └─ silent for two seconds, gone, or without a connection ─▶ another one, after a wait
 * ```
 *
 * Invariants:
 * 1. A message is a number below a subject that has the name of the log. Nothing of what was recorded leaves the server.
 * 2. Whoever announces waits for nothing. Of one log one head waits, the newest; of all of them there is a bound.
 * 3. Nobody listens: no consumer, no timer.
 * 4. A consumer is in the memory of one node, and goes with it. So one that is silent is not waited for, and what came
 *    before the next one is looked for.
 * 5. Heads of one log come in any order: two servers say theirs, and one has to say it again. So none stands for those
 *    before it.
 *
 * @module
 */
import { DeliverPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import type { ConsumerMessages, JetStreamClient } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { ProgrammingError } from '../../persistence/errors.js';
import { validateCount, validateFunctions } from '../../persistence/validation.js';
import type { HeadNews } from '../../server/live/head-news.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { BackoffBounds } from '../../util/backoff.js';
import { toBase64 } from '../../util/base64.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { callListener, Listeners } from '../../util/listeners.js';
import { pause } from '../../util/pause.js';

const STREAM_DEFAULT = 'DAYBOOK_HEADS';
// As NATS takes the names of streams; also for the subject, which is below it.
const NAME = /^[A-Za-z0-9_-]{1,100}$/;
// For consumers that are behind; who begins looks at the logs.
const KEPT_MS = 60_000;
const KEPT_OF_LOG = 64;
const HEARTBEAT_MS = 500;
const SILENCE_MS = 2_000;
// Of one request for messages, after which the next one follows.
const EXPIRES_MS = 5_000;
// After which the nodes forget a consumer that nobody asks.
const UNUSED_MS = 30_000;
const TIMEOUT_MS = 2_000;
const AT_ONCE = 32;
const WAITING_MAX = 10_000;
const RETRY: BackoffBounds = { delayMsMin: 50, delayMsMax: 2_000 };

/** Options of {@link NatsHeadNews}. */
export interface NatsHeadNewsOptions {
  /** Connected by the caller, who closes it. Let it reconnect for ever: `maxReconnectAttempts: -1`. */
  readonly connection: NatsConnection;
  /**
   * The name of the stream, and of the subjects below it: 1 to 100 letters, digits, `_` and `-`. All servers of the same logs
   * have the same one, and those of others another one.
   *
   * @defaultValue `DAYBOOK_HEADS`
   */
  readonly stream?: string | undefined;
  /**
   * Told when news cannot be sent, or not be heard, once until it works again: servers hear of everything two seconds later
   * meanwhile. @defaultValue nobody is told
   */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/**
 * Tells servers without a common process, and without a database that tells them, when a log has moved.
 *
 * @example
 * ```ts
 * const connection = await connect({ servers: ['nats://one:4222', 'nats://two:4222'], maxReconnectAttempts: -1 });
 * const news = new NatsHeadNews({ connection });
 * await news.createStream({ replicas: 3 });
 * const server = createSyncServer({ unitLog, news, tokens });
 * ```
 */
export class NatsHeadNews implements HeadNews, AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #stream: string;
  readonly #onFailure: (error: unknown) => void;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #listeners = new Map<string, Listeners<[head?: number]>>();
  /** What the stream does not have yet, by subject; the one that waits longest is the first. */
  readonly #unsent = new Map<string, number>();
  #sending: Promise<void> | undefined;
  #following: { readonly ended: Promise<void>; readonly end: AbortController } | undefined;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a stream cannot have such a name, or `onFailure` is no function */
  constructor(options: NatsHeadNewsOptions, clock: Clock = systemClock) {
    const { connection, stream = STREAM_DEFAULT, onFailure } = options;
    if (typeof stream !== 'string' || !NAME.test(stream)) {
      throw new ProgrammingError(
        `stream must be 1 to 100 letters, digits, _ and -, but is ${JSON.stringify(stream)}.`,
        { details: { option: 'stream' } },
      );
    }
    validateFunctions({ onFailure });
    this.#connection = connection;
    this.#client = jetstream(connection, { timeout: TIMEOUT_MS });
    this.#stream = stream;
    this.#onFailure = onFailure ?? (() => undefined);
    this.#clock = clock;
  }

  /**
   * Creates the stream, where it is missing, or has it as it should be. Safe to call again, also by several at once.
   *
   * @param replicas - how many nodes have it, 1 to 5: with 3 one may fail. @defaultValue 1
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the number makes no sense
   * @throws an error of NATS when there is no connection, or too few nodes for it
   */
  async createStream({ replicas = 1 }: { readonly replicas?: number | undefined } = {}): Promise<void> {
    validateCount('replicas', replicas);
    const manager = await jetstreamManager(this.#connection);
    const config = {
      subjects: [`${this.#stream}.*`],
      max_msgs_per_subject: KEPT_OF_LOG,
      max_age: nanos(KEPT_MS),
      num_replicas: replicas,
    };
    // In files, because positions of a stream in memory begin anew after all nodes were down, and nobody would notice.
    await manager.streams
      .add({ name: this.#stream, storage: StorageType.File, ...config })
      .catch(async () => await manager.streams.update(this.#stream, config));
  }

  announce(tenant: string, head: number): void {
    if (this.#closing.signal.aborted || this.#connection.isClosed()) return;
    const subject = this.#subjectOf(tenant);
    if (head <= (this.#unsent.get(subject) ?? -1)) return;
    this.#unsent.set(subject, head);
    const [oldest] = this.#unsent.keys();
    if (this.#unsent.size > WAITING_MAX && oldest !== undefined) this.#unsent.delete(oldest);
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  listen(tenant: string, onNews: (head?: number) => void): () => void {
    const subject = this.#subjectOf(tenant);
    const listeners = this.#listeners.get(subject) ?? new Listeners();
    this.#listeners.set(subject, listeners);
    const remove = listeners.add(onNews);
    this.#follow();
    return () => {
      remove();
      if (listeners.size === 0 && this.#listeners.get(subject) === listeners) this.#listeners.delete(subject);
      if (this.#listeners.size === 0) this.#following?.end.abort();
    };
  }

  /** Ends it: nothing is sent or heard any more. The connection stays. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#unsent.clear();
    this.#listeners.clear();
    this.#following?.end.abort();
    await Promise.all([this.#sending, this.#following?.ended]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Any text may name a tenant, and subjects take few characters. */
  #subjectOf(tenant: string): string {
    const name = toBase64(new TextEncoder().encode(tenant)).replaceAll('+', '-').replaceAll('/', '_');
    // Never empty, and for everybody the same.
    return `${this.#stream}.t${name.replaceAll('=', '')}`;
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (this.#unsent.size > 0) {
      const some = [...this.#unsent].slice(0, AT_ONCE);
      for (const [subject] of some) this.#unsent.delete(subject);
      const outcomes = await Promise.all(some.map((one) => this.#send(...one)));
      const failure = outcomes.find((outcome) => outcome !== undefined);
      failures = failure === undefined ? 0 : failures + 1;
      // Closed for good: nobody will ever take it.
      if (signal.aborted || this.#connection.isClosed()) return;
      if (failures === 1) this.#fail(failure?.error);
      if (failures > 0) await pause(this.#clock, backoffDelayMs(failures, Math.random, RETRY), signal);
    }
  }

  /** @returns why the stream does not have it */
  async #send(subject: string, head: number): Promise<{ readonly error: unknown } | undefined> {
    try {
      await this.#client.publish(subject, String(head), { timeout: TIMEOUT_MS });
      return undefined;
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#unsent.set(subject, Math.max(head, this.#unsent.get(subject) ?? -1));
      return { error };
    }
  }

  #follow(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#following !== undefined && !this.#following.end.signal.aborted) return;
    const end = new AbortController();
    // One after the other: the one before is about to end.
    const before = this.#following?.ended ?? Promise.resolve();
    this.#following = { end, ended: before.then(() => this.#followUntil(end.signal)) };
  }

  async #followUntil(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted && !this.#connection.isClosed()) {
      try {
        const messages = await this.#consume();
        failures = 0;
        for (const listeners of [...this.#listeners.values()]) listeners.tell();
        await this.#takeAll(messages, signal);
      } catch (error) {
        failures++;
        if (failures === 1) this.#fail(error);
      }
      await pause(this.#clock, backoffDelayMs(Math.max(1, failures), Math.random, RETRY), signal);
    }
  }

  async #consume(): Promise<ConsumerMessages> {
    const consumer = await this.#client.consumers.get(this.#stream, {
      filter_subjects: `${this.#stream}.*`,
      deliver_policy: DeliverPolicy.New,
      inactive_threshold: UNUSED_MS,
    });
    return await consumer.consume({
      expires: EXPIRES_MS,
      idle_heartbeat: HEARTBEAT_MS,
      abort_on_missing_resource: true,
    });
  }

  async #takeAll(messages: ConsumerMessages, signal: AbortSignal): Promise<void> {
    const stop = (): void => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const watch = this.#watchSilence(messages);
    try {
      for await (const { subject, data } of messages) {
        watch.note();
        const head = Number(new TextDecoder().decode(data));
        // What is no number was not sent by a server of these logs.
        if (Number.isSafeInteger(head)) this.#listeners.get(subject)?.tell(head);
      }
    } finally {
      signal.removeEventListener('abort', stop);
      watch.end();
    }
  }

  /** Ends it when nothing is heard: by itself it would go on asking for the consumer of a node that is gone. */
  #watchSilence(messages: ConsumerMessages): { readonly note: () => void; readonly end: () => void } {
    const clock = this.#clock;
    let heardMs = clock.monotonicMs();
    let callOff: () => void;
    const note = (): void => {
      heardMs = clock.monotonicMs();
    };
    const check = (): void => {
      if (clock.monotonicMs() - heardMs >= SILENCE_MS) messages.stop();
      else callOff = clock.schedule(check, HEARTBEAT_MS);
    };
    callOff = clock.schedule(check, HEARTBEAT_MS);
    void (async () => {
      for await (const { type } of messages.status()) if (type === 'heartbeat') note();
    })();
    return { note, end: () => callOff() };
  }

  #fail(error: unknown): void {
    callListener(() => this.#onFailure(error));
  }
}
