/**
 * What each step of a plan does.
 *
 * @module
 */
import { DEVICE_STEPS } from './device-steps.js';
import type { Step } from './plan.js';
import { SERVER_STEPS } from './server-steps.js';
import type { DoStep } from './world.js';

export const STEPS: Readonly<Record<Step['kind'], DoStep>> = { ...DEVICE_STEPS, ...SERVER_STEPS };
