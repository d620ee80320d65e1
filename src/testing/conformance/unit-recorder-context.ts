/**
 * What the cases of a recorder with units have in common: the recorder, and what is read of it.
 *
 * @module
 */
import type { EditionRecorder, ProcessRecorder } from '../../persistence/recorder.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { LostUnit, PendingUnit } from '../../persistence/unit.js';
import type { SetAsideUnit, UnitLimits, UnitRecorder } from '../../persistence/unit-recorder.js';
import type { ConformanceCase } from './conformance.js';
import { LogPages } from './log-pages.js';

/** The recorder under test. It may hold whatever there is already, but nothing that is lost. */
export interface UnitRecorderContext {
  readonly recorder: ProcessRecorder & UnitRecorder & EditionRecorder;
}

/** The same. */
export type Recorder = UnitRecorderContext['recorder'];
/** One promise. */
export type Case = ConformanceCase<UnitRecorderContext>;

export const PAGE: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };
export const REASON: { readonly code: string; readonly message: string } = { code: 'FORBIDDEN', message: 'not yours' };

export function pendingAfter(recorder: Recorder, after: NotificationId): Promise<readonly PendingUnit[]> {
  return recorder.selectPendingUnits(after, PAGE);
}

export function setAsideAfter(recorder: Recorder, after: NotificationId): Promise<readonly SetAsideUnit[]> {
  return recorder.selectSetAside(after, PAGE);
}

export function lostAfter(recorder: Recorder, after: number): Promise<readonly LostUnit[]> {
  return recorder.selectLostUnits(after, PAGE);
}

export function nextOf({ cursor, position }: { readonly cursor: string; readonly position: number }): LogPages {
  return new LogPages(cursor, position);
}
