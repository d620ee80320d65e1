/** Lists of numbered parameters: `($1, $2), ($3, $4)`. */
export function valueRows(rows: number, columns: number): string {
  return Array.from({ length: rows }, (_, row) => `(${parameters(columns, row * columns + 1)})`).join(', ');
}

/** Numbered parameters: `$3, $4, $5`. */
export function parameters(count: number, first: number): string {
  return Array.from({ length: count }, (_, index) => `$${index + first}`).join(', ');
}
