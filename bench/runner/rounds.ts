/**
 * Interleaved rounds: A B C, B C A, C A B … A slow moment of the machine then meets every side alike, and no side
 * always runs first.
 *
 * @module
 */

/** One side of a benchmark: runs a round, and gives its one figure. */
export type Side = (round: number) => Promise<number>;

/**
 * Runs every side once per round, after one round that only warms up.
 *
 * @returns the figures of each side, one per round
 */
export async function runRounds<Id extends string>(
  sides: Readonly<Record<Id, Side>>,
  rounds: number,
): Promise<Readonly<Record<Id, readonly number[]>>> {
  const ids = Object.keys(sides) as Id[];
  const figures = Object.fromEntries(ids.map((id) => [id, [] as number[]])) as Record<Id, number[]>;
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < ids.length; turn++) {
      const id = ids[(round + turn) % ids.length] as Id;
      const figure = await sides[id](round);
      if (round > 0) figures[id].push(figure);
    }
  }
  return figures;
}
