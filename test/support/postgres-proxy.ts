/**
 * Stands between a client and PostgreSQL, as a pooler does: answers in the server's name, or not at all.
 *
 * @module
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What a proxy says instead of the server. */
export interface ProxyAnswer {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  /** Whether the client's connection goes on, with `ReadyForQuery`. @defaultValue false */
  readonly goesOn?: boolean;
}

/** A fault: the next statement that it fits is carried out by the server, and answered by the proxy. */
export interface ProxyFault {
  /** Part of the statement. */
  readonly text: string;
  readonly answer: ProxyAnswer;
  /** Whether the server is asked at all. @defaultValue true */
  readonly isCarriedOut?: boolean;
  /** Whether nothing passes on this connection from then on, and nobody is answered. @defaultValue false */
  readonly isSilent?: boolean;
  /** How often. @defaultValue 1 */
  readonly times?: number;
}

/** A proxy to one server. */
export interface PostgresProxy extends AsyncDisposable {
  /** The server's, by way of the proxy. */
  readonly url: string;
  /** What clients asked for when they connected. */
  readonly startups: Readonly<Record<string, string>>[];
  /** Faults that are yet to come. */
  readonly faults: ProxyFault[];
  /** Connections of clients, ever. */
  readonly accepted: { count: number };
  /** From now on nothing passes, and no connection ends: a network that is silent. */
  fallSilent(): void;
  /** Refuses connections from now on whose start-up message has other parameters, as pgbouncer does. */
  refuseParametersBeside(known: readonly string[]): void;
  /** Refuses every connection from now on, with these words. */
  refuseStartups(answer: ProxyAnswer): void;
  /** Connections of clients that are open. */
  open(): number;
  close(): Promise<void>;
}

const SSL_REQUEST = 80_877_103;

/** Opens a proxy. */
export async function openPostgresProxy(serverUrl: string): Promise<PostgresProxy> {
  const target = new URL(serverUrl);
  const state: ProxyState = { faults: [], startups: [], isSilent: false, known: undefined, refusal: undefined };
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  const accepted = { count: 0 };
  const server = createServer((client) => {
    accepted.count++;
    const upstream = connect(Number(target.port || 5432), target.hostname);
    clients.add(client);
    client.once('close', () => clients.delete(client));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    pass(client, upstream, state);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    url: url.href,
    startups: state.startups,
    faults: state.faults,
    accepted,
    fallSilent: () => (state.isSilent = true),
    refuseParametersBeside: (known) => (state.known = known),
    refuseStartups: (answer) => (state.refusal = answer),
    open: () => clients.size,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface ProxyState {
  readonly faults: ProxyFault[];
  readonly startups: Record<string, string>[];
  isSilent: boolean;
  known: readonly string[] | undefined;
  refusal: ProxyAnswer | undefined;
}

function pass(client: Socket, upstream: Socket, state: ProxyState): void {
  let isStarted = false;
  /** What the proxy says as soon as the server is ready again; its own answer is dropped until then. */
  let instead: ProxyAnswer | undefined;
  const say = (answer: ProxyAnswer): void => {
    client.write(errorResponse(answer));
    if (answer.goesOn === true) client.write(message('Z', Buffer.from('I')));
    else {
      client.end();
      upstream.destroy();
    }
  };
  const fromClient = framed((type, frame) => {
    if (state.isSilent) return;
    const text = type === 'Q' || type === 'P' ? frame.subarray(5).toString() : '';
    const index = state.faults.findIndex((fault) => text.includes(fault.text));
    const fault = state.faults[index];
    if (fault === undefined) return void upstream.write(frame);
    const times = (fault.times ?? 1) - 1;
    state.faults.splice(index, 1, ...(times > 0 ? [{ ...fault, times }] : []));
    if (fault.isSilent === true) return void client.pause();
    if (fault.isCarriedOut === false) return say(fault.answer);
    instead = fault.answer;
    upstream.write(frame);
  });
  const fromServer = framed((type, frame) => {
    if (state.isSilent) return;
    if (instead === undefined) return void client.write(frame);
    if (type !== 'Z') return;
    const answer = instead;
    instead = undefined;
    say(answer);
  });
  let opening = Buffer.alloc(0);
  client.on('data', (bytes) => {
    if (isStarted) return fromClient(bytes);
    opening = Buffer.concat([opening, bytes]);
    if (opening.length < 4 || opening.length < opening.readInt32BE(0)) return;
    const length = opening.readInt32BE(0);
    if (opening.readInt32BE(4) === SSL_REQUEST) {
      opening = opening.subarray(length);
      client.write('N');
      return;
    }
    const startup = startupOf(opening.subarray(8, length));
    state.startups.push(startup);
    if (state.refusal !== undefined) return say(state.refusal);
    const [stranger] = Object.keys(startup).filter((key) => state.known?.includes(key) === false);
    if (stranger !== undefined) {
      say({ severity: 'FATAL', sqlState: '08P01', message: `unsupported startup parameter: ${stranger}` });
      return;
    }
    isStarted = true;
    upstream.write(opening.subarray(0, length));
    fromClient(opening.subarray(length));
  });
  upstream.on('data', fromServer);
  client.on('end', () => state.isSilent || upstream.end());
  upstream.on('end', () => state.isSilent || client.end());
}

function startupOf(bytes: Buffer): Record<string, string> {
  const texts = bytes.toString().split('\0').filter(Boolean);
  return Object.fromEntries(
    Array.from({ length: Math.floor(texts.length / 2) }, (_, index) => [texts[2 * index], texts[2 * index + 1]]),
  ) as Record<string, string>;
}

/** Cuts a stream into messages. */
function framed(take: (type: string, frame: Buffer) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const length = rest.readInt32BE(1) + 1;
      const frame = rest.subarray(0, length);
      rest = rest.subarray(length);
      take(String.fromCharCode(frame[0] as number), frame);
    }
  };
}

function errorResponse({ severity, sqlState, message: text }: ProxyAnswer): Buffer {
  const fields = { S: severity, V: severity, C: sqlState, M: text };
  return message(
    'E',
    Buffer.from(
      `${Object.entries(fields)
        .map(([key, value]) => `${key}${value}\0`)
        .join('')}\0`,
    ),
  );
}

function message(type: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeInt32BE(payload.length + 4, 1);
  return Buffer.concat([head, payload]);
}
