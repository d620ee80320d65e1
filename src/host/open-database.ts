import { openSqlJs } from '../persistence/sqlite/sqljs-driver.js';
import type { SqlJsImageDatabase } from '../persistence/sqlite/sqljs-driver.js';

/** Makes an empty database for a replica, with the wasm that lies beside this script unless another is named. */
export function openDatabase({ wasmUrl }: { readonly wasmUrl: string | undefined }): Promise<SqlJsImageDatabase> {
  return openSqlJs({ wasmUrl: wasmUrl ?? new URL('./sql-wasm.wasm', import.meta.url).href });
}
