const BOOKS_ROWS_DEFAULT = 50;

/** How many rows of the books are asked for. @param most - in one answer */
export function rowsWanted(limit: string | undefined, most: number): number {
  const rows = Number(limit);
  return Number.isInteger(rows) && rows > 0 ? Math.min(rows, most) : BOOKS_ROWS_DEFAULT;
}
