import initSqlJs from 'sql.js/dist/sql-wasm-browser.js';
import { openWith } from '../persistence/sqlite/sqljs-database.js';
import type { SqlJsImageDatabase } from '../persistence/sqlite/sqljs-database.js';

/**
 * Makes an empty database for a replica, with the wasm that lies beside this script unless another is named. By the build
 * of sql.js that comes with the package: script and wasm must be of one version.
 */
export function openDatabase({ wasmUrl }: { readonly wasmUrl: string | undefined }): Promise<SqlJsImageDatabase> {
  return openWith(initSqlJs, { wasmUrl: wasmUrl ?? new URL('./sql-wasm.wasm', import.meta.url).href });
}
