/** What a rescue needs of a file: `FileSystemSyncAccessHandle` has it. Every method may throw. */
export interface RescueFile {
  read(buffer: Uint8Array<ArrayBuffer>, options: { readonly at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { readonly at: number }): number;
  getSize(): number;
  /** Shortens it, or reserves room: zeros. */
  truncate(size: number): void;
  /** What was written survives a power cut from then on, and not only the end of the browser. */
  flush(): void;
  close(): void;
}

/** All that is in a file. */
export function readWhole(file: RescueFile): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(file.getSize());
  const count = file.read(bytes, { at: 0 });
  return count === bytes.length ? bytes : bytes.slice(0, count);
}
