/**
 * The part of `@opentelemetry/api` that is used, as types: whoever wants traces and metrics hands the package in, and
 * whoever does not needs neither it nor its types.
 *
 * @module
 */

/** What a span or a measurement is told apart by. */
export type TelemetryAttributes = Record<string, string | number | boolean>;

/** A span. */
export interface TelemetrySpan {
  setAttributes(attributes: TelemetryAttributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** A context of the package; nothing is known of it here. */
export interface TelemetryContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): TelemetryContext;
  deleteValue(key: symbol): TelemetryContext;
}

/** Makes spans. */
export interface TelemetryTracer {
  startSpan(
    name: string,
    options?: { kind?: number; attributes?: TelemetryAttributes },
    context?: TelemetryContext,
  ): TelemetrySpan;
}

/** Counts. */
export interface TelemetryCounter {
  add(value: number, attributes?: TelemetryAttributes): void;
}

/** Measures how things are distributed. */
export interface TelemetryHistogram {
  record(value: number, attributes?: TelemetryAttributes): void;
}

/** Is asked when metrics are read. */
export interface TelemetryGauge {
  addCallback(callback: (result: { observe(value: number, attributes?: TelemetryAttributes): void }) => void): void;
}

/** What an instrument is called. */
export interface TelemetryInstrument {
  description?: string;
  unit?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

/** Makes instruments. */
export interface TelemetryMeter {
  createCounter(name: string, options?: TelemetryInstrument): TelemetryCounter;
  createHistogram(name: string, options?: TelemetryInstrument): TelemetryHistogram;
  createObservableGauge(name: string, options?: TelemetryInstrument): TelemetryGauge;
}

/** The package: `import * as telemetry from '@opentelemetry/api'`. */
export interface TelemetryApi {
  readonly trace: {
    getTracer(name: string, version?: string): TelemetryTracer;
    setSpan(context: TelemetryContext, span: TelemetrySpan): TelemetryContext;
  };
  readonly metrics: { getMeter(name: string, version?: string): TelemetryMeter };
  readonly context: {
    active(): TelemetryContext;
    with<T>(context: TelemetryContext, work: () => T): T;
  };
  readonly propagation: {
    extract(
      context: TelemetryContext,
      carrier: Headers,
      getter: { get(carrier: Headers, key: string): string | undefined; keys(carrier: Headers): string[] },
    ): TelemetryContext;
  };
}
