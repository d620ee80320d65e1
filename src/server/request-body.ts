/**
 * Reads a request: bytes within a limit, UTF-8, JSON, schema.
 *
 * @module
 */
import * as v from 'valibot';
import { InvalidRequestError, TooLargeError } from '../sync/protocol/index.js';

// Messages of a schema may quote what they found; the sender knows what it sent.
const MESSAGE_LENGTH_MAX = 200;

/**
 * Reads JSON that a schema accepts.
 *
 * @param bytesMax - counted as they arrive: a `Content-Length` is a claim
 * @throws InvalidRequestError (`INVALID_REQUEST`) with `path` and `problem` of the first thing that is wrong
 * @throws TooLargeError (`TOO_LARGE`) when there are more bytes
 */
export async function readJson<T>(request: Request, schema: v.GenericSchema<unknown, T>, bytesMax: number): Promise<T> {
  const mediaType = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') throw invalid('', 'Content-Type must be application/json');
  const result = v.safeParse(schema, parse(await readBytes(request, bytesMax)), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw invalid(v.getDotPath(issue) ?? '', issue.message);
}

async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // Leaving the loop cancels the body: what is beyond the limit is not even read.
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      chunks.push(chunk);
    }
  } catch (error) {
    // The sender went away in the middle: no fault of this side.
    throw error instanceof TooLargeError ? error : invalid('', 'the body ended too early');
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
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
