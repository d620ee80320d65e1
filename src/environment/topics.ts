/**
 * What a setting names by a topic: one of those that were handed in, and never an import by a text.
 *
 * @module
 */
import type { Environment } from './environment.js';

/** What can be named, by topic. */
export type ByTopic<Named> = Readonly<Record<string, Named>>;

/**
 * What a setting names.
 *
 * @returns undefined when the setting is blank or not set
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) naming the topics that there are, when it is none of them
 */
export function namedByTopic<Named>(environment: Environment, key: string, named: ByTopic<Named>): Named | undefined {
  const topic = environment.getText(key);
  if (topic === undefined) return undefined;
  const found = Object.hasOwn(named, topic) ? named[topic] : undefined;
  if (found !== undefined) return found;
  const topics = Object.keys(named);
  throw environment.refusal(
    key,
    topics.length === 0
      ? 'a topic, and none is known: hand in what it names'
      : `one of the topics ${topics.join(', ')}`,
  );
}
