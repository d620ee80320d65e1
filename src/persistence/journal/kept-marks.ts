/**
 * Which places of a log a store remembers: by them a server says where its log and the store part. Close to each other at
 * the end, and the farther apart the farther back, so that they are few however long the log is.
 *
 * What is asked for twice after a server was set back, because no mark stands where the logs part, is at most about half
 * as much as what was lost.
 *
 * @module
 */

// A server that was set back by a moment is met by one of these.
const KEPT_AT_END = 16;

/**
 * @param positions - of the marks, newest first
 * @returns those that need not be kept
 */
export function droppedMarks(positions: readonly number[]): number[] {
  const dropped: number[] = [];
  const [newest = 0] = positions;
  let kept = positions[KEPT_AT_END - 1];
  for (let index = KEPT_AT_END; index < positions.length; index++) {
    const position = positions[index] as number;
    const older = positions[index + 1];
    // Without it, the two beside it are not farther from each other than half of what has come after them.
    if (kept !== undefined && older !== undefined && kept - older <= (newest - kept) / 2) dropped.push(position);
    else kept = position;
  }
  return dropped;
}
