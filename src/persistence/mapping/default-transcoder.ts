import { JSONTranscoder } from './json-transcoder.js';
import { DatetimeAsISO, DecimalAsStr, UUIDAsHex } from './transcodings.js';

/** JSON with the transcodings of the Python library: what is used where nothing else is said. */
export function defaultTranscoder(): JSONTranscoder {
  return new JSONTranscoder().register(UUIDAsHex).register(DatetimeAsISO).register(DecimalAsStr);
}
