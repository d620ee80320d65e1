/**
 * Reads a request: bytes within a limit, UTF-8, JSON, schema.
 *
 * @module
 */
import * as v from 'valibot';
import { InvalidRequestError, PUSH_BODY_BYTES_MAX, PUSH_EVENTS_MAX, TooLargeError } from '../sync/protocol/index.js';
import { fitsShape } from './json-shape.js';
import type { JsonShape } from './json-shape.js';

// Messages of a schema may quote what they found; the sender knows what it sent.
const MESSAGE_LENGTH_MAX = 200;
// Room for the usual body; a large one doubles it a few times.
const BUFFER_BYTES_MIN = 16_384;

/** What of a body is read, and how it may be built. */
export interface BodyLimits extends JsonShape {
  /** Counted as they arrive: a `Content-Length` is a claim. */
  readonly bytesMax: number;
}

/** Of a push, which has a list of objects with five fields each, with room for fields that come later. */
export const PUSH_BODY_LIMITS: BodyLimits = {
  bytesMax: PUSH_BODY_BYTES_MAX,
  depthMax: 32,
  partsMax: PUSH_EVENTS_MAX * 64,
};

/**
 * Reads JSON that a schema accepts.
 *
 * @param onBytes - told how many bytes there were, of a body within the limit
 * @throws InvalidRequestError (`INVALID_REQUEST`) with `path` and `problem` of the first thing that is wrong
 * @throws TooLargeError (`TOO_LARGE`) when there are more bytes
 */
export async function readJson<T>(
  request: Request,
  schema: v.GenericSchema<unknown, T>,
  limits: BodyLimits,
  onBytes?: (bytes: number) => void,
): Promise<T> {
  const mediaType = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') throw invalid('', 'Content-Type must be application/json');
  const bytes = await readBytes(request, limits.bytesMax);
  onBytes?.(bytes.length);
  if (!fitsShape(bytes, limits)) throw invalid('', 'the body is nested too deeply, or has too many parts');
  const result = v.safeParse(schema, parse(bytes), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw invalid(v.getDotPath(issue) ?? '', issue.message);
}

async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax);
  // Filled as it comes, and not a list of what came: a sender who sends single bytes would have one object for each.
  let bytes = new Uint8Array(BUFFER_BYTES_MIN);
  let length = 0;
  try {
    // Leaving the loop cancels the body: what is beyond the limit is not even read.
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      if (length + chunk.length > bytesMax) throw tooLarge(bytesMax);
      if (length + chunk.length > bytes.length) bytes = grown(bytes, length + chunk.length);
      bytes.set(chunk, length);
      length += chunk.length;
    }
  } catch (error) {
    // The sender went away in the middle: no fault of this side.
    throw error instanceof TooLargeError ? error : invalid('', 'the body ended too early');
  }
  return bytes.subarray(0, length);
}

function grown(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes.length * 2, needed));
  larger.set(bytes);
  return larger;
}

function parse(bytes: Uint8Array): unknown {
  try {
    // Fatal, because a replacement character would be stored as if it had been sent.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('', 'the body is not JSON in UTF-8');
  }
}

function invalid(path: string, problem: string): InvalidRequestError {
  const shown = problem.length > MESSAGE_LENGTH_MAX ? `${problem.slice(0, MESSAGE_LENGTH_MAX)}…` : problem;
  return new InvalidRequestError(`The request cannot be read: ${path === '' ? '' : `${path}: `}${shown}.`, {
    details: { path, problem: shown },
  });
}

function tooLarge(bytesMax: number): TooLargeError {
  return new TooLargeError(`A request may have ${bytesMax} bytes at most. Send fewer events at once.`, {
    details: { bytesMax },
  });
}
