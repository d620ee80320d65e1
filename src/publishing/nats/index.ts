/**
 * Publishing to NATS JetStream, and news among servers by it. Needs the packages `@nats-io/transport-node` and `@nats-io/jetstream`.
 *
 * @module
 */
export { NatsHeadNews } from './nats-head-news.js';
export type { NatsHeadNewsOptions } from './nats-head-news.js';
export { NatsPublisher } from './nats-publisher.js';
export type { NatsPublisherOptions } from './nats-publisher.js';
