/**
 * LiveStore's leader worker: it writes the files.
 *
 * @module
 */
import { makeWorker } from '@livestore/adapter-web/worker';
import { schema } from './livestore-schema.js';

makeWorker({ schema });
