/**
 * What SQLite leaves behind in the file of a database.
 *
 * `secure_delete` overwrites rows and pages that are deleted. Rows also move, from page to page, where pages are divided or
 * joined; and where they were, between the list of a page's rows and the first of them, stays a copy that no deletion ever
 * meets. So that is overwritten where a file is made.
 *
 * @module
 */

// Of a page that has rows or keys, its first byte says which (https://sqlite.org/fileformat.html, 1.6). All others begin with
// the number of a page, which has a zero there in files below 64 GB.
const TREE_PAGES: ReadonlySet<number> = new Set([2, 5, 10, 13]);
const INTERIOR_PAGE_MAX = 5;
const FILE_HEADER_BYTES = 100;
const PAGE_SIZE_AT = 16;

/** Overwrites with zeros what no row and no list of rows is in, in place. @returns the same bytes */
export function zeroUnused(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const size = file.length < FILE_HEADER_BYTES ? 0 : view.getUint16(PAGE_SIZE_AT);
  // 65,536 does not fit.
  const pageBytes = size === 1 ? 65_536 : size;
  for (let page = 0; pageBytes > 0 && page + pageBytes <= file.length; page += pageBytes) {
    const at = page === 0 ? FILE_HEADER_BYTES : page;
    const type = file[at] as number;
    if (!TREE_PAGES.has(type)) continue;
    const listAt = at + (type <= INTERIOR_PAGE_MAX ? 12 : 8);
    const listEnd = listAt + 2 * view.getUint16(at + 3);
    const firstRow = page + (view.getUint16(at + 5) || 65_536);
    if (listEnd < firstRow && firstRow <= page + pageBytes) file.fill(0, listEnd, firstRow);
  }
  return file;
}
