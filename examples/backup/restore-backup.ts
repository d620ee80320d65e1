import { importDaybook, isEventSourcingError, openDaybook } from 'daybook';
import type { Daybook, ImportProgress } from 'daybook';

const REFUSALS: Readonly<Record<string, string>> = {
  FOREIGN_FILE: 'This file is not a backup.',
  DAMAGED_FILE: 'This file is damaged or not complete. Nothing was restored.',
  NOT_SUPPORTED: 'A newer version of this app made this file. Reload the page to get that version.',
  STORE_EXISTS: 'There is data in this browser already. It was not touched.',
  STORE_IN_USE: 'Another tab is restoring a backup right now.',
  STORAGE_FULL: 'There is no room. Free some space and choose the same file again: it goes on from there.',
};

/** Restores a file that a person chose, and opens what was restored; or says why not. */
export async function restoreBackup(
  name: string,
  file: Blob,
  onPercent: (percent: number) => void,
): Promise<Daybook | string> {
  const onProgress = (progress: ImportProgress): void => {
    if (progress.phase === 'file') onPercent(Math.floor((progress.doneBytes / file.size) * 100));
  };
  try {
    await importDaybook({ name, from: file, onProgress });
  } catch (error) {
    const refusal = isEventSourcingError(error) ? REFUSALS[error.code] : undefined;
    if (refusal === undefined) throw error;
    return refusal;
  }
  return openDaybook({ name });
}
