/**
 * Publishing to NATS JetStream. Needs the packages `@nats-io/transport-node` and `@nats-io/jetstream`.
 *
 * @module
 */
export { NatsPublisher } from './nats-publisher.js';
export type { NatsPublisherOptions } from './nats-publisher.js';
