/**
 * B18: what it costs a command in a browser that it is kept with what it has recorded, to be decided again.
 *
 * @module
 */
import { DAYBOOK_APPLICATION } from '../contenders/contender-list.js';
import type { BenchCase } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { median } from '../runner/statistics.js';

const COMMANDS = 200;
const WARM_UP = 30;

export const KEPT_COMMAND: BenchCase = {
  id: 'B18',
  title: 'command that is kept with its commit',
  async run({ lab: open, rounds }) {
    const lab = await open();
    const side =
      (keepsCommands: boolean): Side =>
      async (round) => {
        const storeName = `bench-${keepsCommands ? 'kept' : 'plain'}-${round}`;
        const work = { kind: 'execute', storeName, warmUp: WARM_UP, commands: COMMANDS, keepsCommands } as const;
        return median((await lab.run(DAYBOOK_APPLICATION, work)).tookMs);
      };
    const { kept, plain } = await runRounds({ kept: side(true), plain: side(false) }, rounds);
    return [
      compare({
        id: 'B18',
        what: 'command of 1 event, kept with its commit, from the main thread',
        against: 'the same, without keepCommands',
        unit: 'ms',
        ours: kept,
        theirs: plain,
        ratio: 'ours/theirs',
        target: { atMost: 1.15 },
      }),
    ];
  },
};
