/**
 * Where events are published to, and in which form. `daybook/nats` has NATS.
 *
 * @module
 */
export { BroadcastPublisher } from './broadcast-publisher.js';
export type { BroadcastMessage, BroadcastPublisherOptions, BroadcastTarget } from './broadcast-publisher.js';
export { cloudEvents } from './cloud-events.js';
export type { CloudEventsOptions } from './cloud-events.js';
export { decodeHeaderValue, encodeHeaderValue } from './header-values.js';
export { WebhookPublisher } from './webhook-publisher.js';
export type { WebhookPublisherOptions } from './webhook-publisher.js';
export { createWebhookSecret, verifyWebhook, webhookHeaders } from './webhook-signature.js';
export type { IncomingWebhook, VerifyWebhookOptions } from './webhook-signature.js';
