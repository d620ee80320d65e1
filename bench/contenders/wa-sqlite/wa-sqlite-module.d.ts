declare module '@livestore/wa-sqlite/dist/wa-sqlite-jspi.mjs' {
  import type { WaSqliteModule } from './wa-sqlite-database.js';

  export default function createModule(options: { locateFile: (file: string) => string }): Promise<WaSqliteModule>;
}

declare module '@livestore/wa-sqlite/src/examples/IDBMirrorVFS.js' {
  import type { WaSqliteVfsClass } from './wa-sqlite-database.js';

  export const IDBMirrorVFS: WaSqliteVfsClass;
}

declare module '@livestore/wa-sqlite/src/examples/IDBBatchAtomicVFS.js' {
  import type { WaSqliteVfsClass } from './wa-sqlite-database.js';

  export const IDBBatchAtomicVFS: WaSqliteVfsClass;
}
