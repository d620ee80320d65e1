/**
 * What the suites of applications run on.
 *
 * @module
 */
import type { ApplicationOptions } from '../../application/application-options.js';
import { Application } from '../../application/application.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { OnRecorded } from '../../persistence/subscription.js';
import { LogBook, stockItem } from './application-samples.js';
import type { StockCommand } from './application-samples.js';

/** The recorder under test. It may hold events already, and others may write to it. */
export interface ApplicationContext {
  readonly recorder: ProcessRecorder;
  /** Tells of what others record, where the recorder cannot be subscribed to. */
  readonly onRecorded?: OnRecorded;
}

/** An application on the recorder under test. */
export function sampleApplication(
  { recorder, onRecorded }: ApplicationContext,
  options: Partial<ApplicationOptions> = {},
): Application {
  return new Application({
    recorder,
    aggregates: [stockItem, LogBook],
    ...(onRecorded === undefined ? {} : { onRecorded }),
    ...options,
  });
}

/** `Receive` of a quantity, so many times. */
export function receive(quantity: number, times: number = 1): StockCommand {
  return { type: 'Receive', data: { quantity, times } };
}
