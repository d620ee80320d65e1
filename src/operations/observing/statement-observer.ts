/**
 * How long statements take: for whoever wants to hear of slow ones, and for OpenTelemetry. Without either nothing here is
 * made or called.
 *
 * ```text
 * span  SELECT                        of each statement, below the one that is active; kind CLIENT
 *       db.system.name · db.operation.name · db.query.text (no values) · error.type · db.response.status_code
 *
 * db.client.operation.duration   s    by system, operation, and error.type where there is one
 * ```
 *
 * Names are those of OpenTelemetry's conventions for databases.
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import { ProgrammingError } from '../../persistence/errors.js';
import { checkedMs } from '../../persistence/validation.js';
import type { TelemetryApi, TelemetryAttributes, TelemetryHistogram } from '../../server/observing/telemetry-api.js';
import { checkTelemetry } from '../../server/observing/telemetry.js';
import { checkFunction } from '../../server/operator/option-checks.js';
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import { callListener } from '../../util/listeners.js';
import { operationOf, shownStatement } from './statement-text.js';

const NAME = 'daybook';
const SLOW_MS_DEFAULT = 1_000;
// As the API numbers them.
const KIND_CLIENT = 2;
const STATUS_ERROR = 2;
// As the conventions recommend for databases: seconds.
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const CODE = /^[A-Za-z0-9_]{1,64}$/;

/** A statement that took long. */
export interface SlowQuery {
  /** With `?` in the place of values, and without comments: it may be logged. 2,000 characters at most. */
  readonly text: string;
  /** What it does: `SELECT`, `INSERT` … `OTHER`. */
  readonly operation: string;
  /** From its sending to its answer; of `pool.query` with the wait for a connection. */
  readonly durationMs: number;
  /** With what it was refused: a SQLSTATE, or a code of ours. @defaultValue it succeeded */
  readonly code?: string | undefined;
}

/** Options of {@link observePool} and {@link observeDatabase}. */
export interface ObserveOptions {
  /** Is told of each statement that took long, after it has. What it throws is reported, and stops nothing. */
  readonly onSlowQuery?: (query: SlowQuery) => void;
  /** From when on a statement has taken long, in milliseconds; 0 for all. @defaultValue 1,000 */
  readonly slowQueryMs?: number;
  /**
   * Spans and durations by OpenTelemetry: `import * as telemetry from '@opentelemetry/api'`. Needs an SDK that is registered.
   *
   * @defaultValue none
   */
  readonly telemetry?: TelemetryApi;
  /** @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'monotonicMs'>;
}

/** Which database a statement is for, as the conventions call it. */
export type DatabaseSystem = 'postgresql' | 'sqlite';

/** Watches statements. */
export class StatementObserver {
  readonly #system: DatabaseSystem;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #onSlowQuery: ((query: SlowQuery) => void) | undefined;
  readonly #slowMs: number;
  readonly #telemetry: TelemetryApi | undefined;
  readonly #durations: TelemetryHistogram | undefined;

  private constructor(system: DatabaseSystem, options: ObserveOptions) {
    const { onSlowQuery, slowQueryMs = SLOW_MS_DEFAULT, telemetry, clock = systemClock } = options;
    this.#system = system;
    this.#clock = clock;
    this.#onSlowQuery = onSlowQuery;
    this.#slowMs = slowQueryMs;
    this.#telemetry = telemetry;
    this.#durations = telemetry?.metrics
      .getMeter(NAME)
      .createHistogram('db.client.operation.duration', { unit: 's', advice: { explicitBucketBoundaries: BUCKETS } });
  }

  /**
   * @returns `undefined` where nobody wants to know
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   */
  static of(system: DatabaseSystem, options: ObserveOptions): StatementObserver | undefined {
    const { onSlowQuery, slowQueryMs, telemetry } = options;
    checkFunction('onSlowQuery', onSlowQuery);
    checkTelemetry(telemetry);
    if (slowQueryMs !== undefined) {
      checkedMs('slowQueryMs', slowQueryMs);
      if (onSlowQuery === undefined) {
        throw new ProgrammingError('slowQueryMs says from when on onSlowQuery is called: give both, or neither.', {
          details: { option: 'slowQueryMs' },
        });
      }
    }
    return onSlowQuery === undefined && telemetry === undefined ? undefined : new StatementObserver(system, options);
  }

  /** Notes a statement that was refused before it was run. */
  refuse(text: string, error: unknown): void {
    this.#begin(text)(error);
  }

  /** Runs a statement. @param text - of it; what has none is not watched */
  run<T>(text: unknown, work: () => T): T {
    if (typeof text !== 'string') return work();
    const end = this.#begin(text);
    let result: T;
    try {
      result = work();
    } catch (error) {
      end(error);
      throw error;
    }
    if (!(result instanceof Promise)) {
      end(undefined);
      return result;
    }
    return result.then(
      (value: unknown) => {
        end(undefined);
        return value;
      },
      (error: unknown) => {
        end(error ?? new Error('refused'));
        throw error;
      },
    ) as T;
  }

  #begin(text: string): (error: unknown) => void {
    const startedAtMs = this.#clock.monotonicMs();
    const shown = this.#telemetry === undefined ? undefined : shownStatement(text);
    const attributes = shown === undefined ? {} : this.#attributesOf(shown);
    const span = this.#telemetry?.trace
      .getTracer(NAME)
      .startSpan(String(attributes['db.operation.name']), { kind: KIND_CLIENT, attributes });
    return (error) => {
      const durationMs = this.#clock.monotonicMs() - startedAtMs;
      const code = error === undefined ? undefined : codeOf(error);
      if (span !== undefined) {
        const { 'db.query.text': _, ...series } = attributes;
        const failure: TelemetryAttributes = code === undefined ? {} : { 'error.type': code };
        if (code !== undefined) {
          span.setAttributes({ ...failure, ...(code.length === 5 ? { 'db.response.status_code': code } : {}) });
          span.setStatus({ code: STATUS_ERROR });
        }
        span.end();
        this.#durations?.record(durationMs / 1_000, { ...series, ...failure });
      }
      if (durationMs >= this.#slowMs) this.#tell(shown ?? shownStatement(text), durationMs, code);
    };
  }

  #attributesOf(shown: string): TelemetryAttributes {
    return { 'db.system.name': this.#system, 'db.operation.name': operationOf(shown), 'db.query.text': shown };
  }

  #tell(text: string, durationMs: number, code: string | undefined): void {
    callListener(() => this.#onSlowQuery?.({ text, operation: operationOf(text), durationMs, code }));
  }
}

/** A SQLSTATE or a code of ours; never a message, which may quote what was sent. */
function codeOf(error: unknown): string {
  const sqlState = isEventSourcingError(error) ? error.details['sqlState'] : undefined;
  const code: unknown = sqlState ?? (error as { code?: unknown }).code;
  if (typeof code === 'string' && CODE.test(code)) return code;
  return error instanceof Error ? error.name : 'Error';
}
