/**
 * When, then for processes.
 *
 * @module
 */
import type { PolicyContext, Process, ProcessCommand } from '../../application/processes/process.js';
import { described, requireSame } from './specification-error.js';
import { recordedOneByOne } from './specified-events.js';
import type { SpecifiedEvent } from './specified-events.js';

/** A process that an event was given to. */
export interface ProcessReaction {
  /** @throws SpecificationError when these commands, in this order, are not what follows; and what the policy throws */
  then(commands: readonly ProcessCommand[]): Promise<void>;
  /** @throws SpecificationError when something follows; and what the policy throws */
  thenNothing(): Promise<void>;
}

/**
 * Specifies a process: when this event, then those commands.
 *
 * @param repository - for policies that look at aggregates: of an in-memory application, for example
 *
 * @example
 * ```ts
 * await processSpecification(reservation)
 *   .when({ type: 'Placed', originatorId: orderId, data: { item: 'nails', quantity: 4 } })
 *   .then([send(stock, stockIdOf('nails'), { type: 'Reserve', data: { quantity: 4, orderId } })]);
 * ```
 */
export function processSpecification(
  process: Process,
  repository?: PolicyContext['repository'],
): { when(event: SpecifiedEvent): ProcessReaction } {
  return {
    when: (given) => {
      const react = async (expected: readonly ProcessCommand[]): Promise<void> => {
        const [event] = recordedOneByOne([given]);
        if (event === undefined) return;
        const commands = await process.react(event, { repository: repository ?? noRepository(process.name) });
        requireSame(`${process.name}, when ${described(given)}`, 'commands', commands.map(shown), expected.map(shown));
      };
      return { then: react, thenNothing: () => react([]) };
    },
  };
}

/** A decider is known by its name: to list all that it is made of would show nothing. */
function shown({ to, id, command }: ProcessCommand): object {
  return { to: to.name, id, command };
}

function noRepository(name: string): PolicyContext['repository'] {
  return new Proxy({} as PolicyContext['repository'], {
    get() {
      throw new TypeError(`The process ${name} looks at aggregates: give its specification a repository.`);
    },
  });
}
