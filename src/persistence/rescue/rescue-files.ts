import type { RescueSlot } from './rescue-slot.js';

/** The files of one store, as one worker sees them. */
export interface RescueFiles {
  /** Takes files that nobody has. @returns undefined when there are no more */
  takeSlot(): Promise<RescueSlot | undefined>;
  /** Takes all others that nobody has, and which are there. */
  takeLeft(): Promise<readonly RescueSlot[]>;
  /** The bytes of every file, whoever has it open. A file that is being rewritten may be there twice. */
  readAll(): Promise<readonly Uint8Array[]>;
}
