/**
 * The one door to `@opentelemetry/api`, for hosts that are told to use it by a switch.
 *
 * @module
 */
import { NotSupportedError } from '../../persistence/errors.js';
import type { TelemetryApi } from '../observing/telemetry-api.js';

/**
 * Loads the package, which has to be the one that the SDK uses.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when it is not installed
 */
export async function loadTelemetry(): Promise<TelemetryApi> {
  try {
    return await import('@opentelemetry/api');
  } catch (cause) {
    throw new NotSupportedError(
      'Traces and metrics need the package @opentelemetry/api, and an SDK: npm install @opentelemetry/api',
      { cause },
    );
  }
}
