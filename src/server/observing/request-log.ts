/**
 * The log of requests: one line for each, as an object, without anything that is secret or somebody's data.
 *
 * It has no token, no body, no id of an aggregate, no address, and no text of an error: those may quote what was sent.
 * Who it was is shown as a hash, unless the operator wants it otherwise.
 *
 * @module
 */
import { sha256, toHex } from '../../persistence/sha256.js';
import type { Clock } from '../../util/clock.js';
import { randomUuid } from '../../util/random-uuid.js';
import type { RequestRecord } from '../access/request-record.js';
import { callQuietly } from '../operator/foreign-code.js';
import type { Log } from '../operator/foreign-code.js';
import { checkFunction, checkText, optionRefused } from '../operator/option-checks.js';

const SHOWN = ['hash', 'plain', 'none'] as const;
const HASH_LENGTH = 16;
const HASHES_MAX = 10_000;

/** One request that was answered, or given up. What is not known is left out. */
export interface RequestLine {
  readonly event: 'request';
  /** When it came: ISO 8601, UTC. */
  readonly time: string;
  readonly level: 'info' | 'warn' | 'error';
  /** What it is called in the answer's `X-Request-Id`. */
  readonly requestId: string;
  readonly method: string;
  /** The route with names for what differs, such as `/v2/t/:tenant/push`; `none` where there is nothing. */
  readonly route: string;
  readonly status: number;
  /** Until the last byte of the answer was sent. */
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly subject?: string;
  readonly replica?: string;
  /** Of the error that it was answered with. */
  readonly code?: string;
  /** More about that: `details.reason`, or the code of what caused it, such as `ERR_JWT_EXPIRED`. */
  readonly reason?: string;
}

/** Takes a line. Nobody waits for it; what it throws, or rejects with, goes to the log of faults. */
export type RequestLog = (line: RequestLine) => unknown;

/** How requests are logged. */
export interface RequestLogOptions {
  /** Gets a line for each request, but those for health. @defaultValue nobody */
  readonly requestLog?: RequestLog | undefined;
  /**
   * How a line names the subject: as the first 16 digits of a hash, as it is, or not at all.
   *
   * @defaultValue `hash`
   */
  readonly logSubjects?: (typeof SHOWN)[number] | undefined;
  /**
   * Goes into the hash, so that nobody can tell a subject by trying names. With the same one, a subject has the same hash
   * in every process.
   *
   * @defaultValue random, made when the process starts
   */
  readonly logSubjectKey?: string | undefined;
}

/** What a line is made of, beside the record of the request. */
export interface AnsweredRequest {
  readonly method: string;
  readonly route: string;
  readonly status: number;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function checkRequestLogOptions({ requestLog, logSubjects, logSubjectKey }: RequestLogOptions): void {
  checkFunction('requestLog', requestLog);
  checkText('logSubjectKey', logSubjectKey);
  if (logSubjects !== undefined && !SHOWN.includes(logSubjects)) {
    throw optionRefused('logSubjects', SHOWN.join(', '), logSubjects);
  }
}

/** Writes lines, if somebody wants them. */
export class RequestLogger {
  readonly #sink: RequestLog;
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly #log: Log;
  readonly #shown: (typeof SHOWN)[number];
  readonly #key: string;
  readonly #hashes = new Map<string, Promise<string>>();

  /** @param log - told when the sink throws */
  constructor(sink: RequestLog, options: RequestLogOptions, log: Log, clock: Pick<Clock, 'nowMs' | 'monotonicMs'>) {
    const { logSubjects = 'hash', logSubjectKey = randomUuid() } = options;
    this.#sink = sink;
    this.#clock = clock;
    this.#log = log;
    this.#shown = logSubjects;
    this.#key = logSubjectKey;
  }

  write(record: RequestRecord, { method, route, status }: AnsweredRequest): void {
    const durationMs = this.#clock.monotonicMs() - record.startedAtMs;
    const time = new Date(this.#clock.nowMs() - durationMs).toISOString();
    const { id: requestId, bytesIn, bytesOut, replicaId, code, reason } = record;
    const line = {
      event: 'request' as const,
      time,
      level: levelOf(status),
      requestId,
      method,
      route,
      status,
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      bytesIn,
      bytesOut,
    };
    const known = {
      ...(replicaId === undefined ? {} : { replica: replicaId }),
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
    };
    callQuietly(
      async () => {
        const subject = await this.#subject(record.visitor?.subject ?? '');
        await this.#sink({ ...line, ...(subject === undefined ? {} : { subject }), ...known });
      },
      (error) => this.#log('The log of requests threw. The request is answered all the same.', error),
    );
  }

  async #subject(subject: string): Promise<string | undefined> {
    if (subject === '' || this.#shown === 'none') return undefined;
    if (this.#shown === 'plain') return subject;
    const known = this.#hashes.get(subject);
    if (known !== undefined) return await known;
    const hash = hashOf(this.#key, subject);
    this.#hashes.set(subject, hash);
    if (this.#hashes.size > HASHES_MAX) this.#hashes.delete(this.#hashes.keys().next().value as string);
    return await hash;
  }
}

async function hashOf(key: string, subject: string): Promise<string> {
  // What is between them cannot be in either of them.
  const bytes = await sha256(new TextEncoder().encode(`${key}\0${subject}`));
  return toHex(bytes).slice(0, HASH_LENGTH);
}

function levelOf(status: number): RequestLine['level'] {
  if (status >= 500) return 'error';
  return status >= 400 ? 'warn' : 'info';
}
