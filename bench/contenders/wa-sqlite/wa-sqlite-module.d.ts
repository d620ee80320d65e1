declare module '@livestore/wa-sqlite/dist/wa-sqlite-jspi.mjs' {
  import type { WaSqliteModule } from './wa-sqlite-database.js';

  export default function createModule(options: { locateFile: (file: string) => string }): Promise<WaSqliteModule>;
}

declare module '@livestore/wa-sqlite/src/examples/IDBMirrorVFS.js' {
  import type { WaSqliteModule, WaSqliteVfs } from './wa-sqlite-database.js';

  export const IDBMirrorVFS: {
    create(name: string, module: WaSqliteModule): Promise<WaSqliteVfs>;
  };
}
