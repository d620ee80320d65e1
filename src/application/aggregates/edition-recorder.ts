import type { AggregateRecorder, EditionRecorder } from '../../persistence/recorder.js';

/** @returns `undefined` where what was recorded stays as it is: there are no editions to ask for */
export function asEditionRecorder(recorder: AggregateRecorder): EditionRecorder | undefined {
  return recorder.supports?.editions === true ? (recorder as AggregateRecorder & EditionRecorder) : undefined;
}
