/**
 * What a worker loads when its store is synchronised, or was lost: built into `dist/rescue-part.js`.
 *
 * @module
 */
export { attachRescue } from '../src/host/attached-rescue.js';
export { RELEASE } from '../src/host/protocol/release.js';
