/**
 * The node's HTTP API: loopback only, a bearer token on every request, the Host header checked
 * against what was listened on (DNS rebinding), bodies bounded, errors in the same JSON as the
 * command line's (docs/api.md).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ERROR_CODES, type ErrorCode } from '../../src/base/error-codes.ts';
import { asKadreError, KadreError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/ports.ts';
import { equalSecrets } from '../../src/crypto/node/secret.ts';
import type { ApiAnswer, ApiRoute } from './http-types.ts';

export interface ApiServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Ends open answers and stops listening; idempotent. */
  close(): Promise<void>;
}

export interface ApiServerInit {
  /** A loopback address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly token: string;
  readonly routes: readonly ApiRoute[];
  readonly log: Logger;
}

/** Concurrent connections: an operator's tools, not the public. */
const CONNECTIONS_MAX = 256;
const HEADERS_TIMEOUT_MS = 10_000;

/** Errors: PORT_TAKEN. */
export async function startApi(init: ApiServerInit): Promise<ApiServer> {
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    void answer(request, response, { init, stopping: stopping.signal, hosts });
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  // Large uploads may take long; a silent client is cut by the header timeout or goes away itself.
  server.requestTimeout = 0;
  const { port } = await listen(server, init);
  const hosts = allowedHosts(init.host, port);
  let closing: Promise<void> | undefined;
  return {
    url: `http://${init.host.includes(':') ? `[${init.host}]` : init.host}:${port}`,
    close: () => {
      closing ??= new Promise((resolve) => {
        stopping.abort(new KadreError({ code: 'STOPPED' }, 'the node is stopping'));
        server.close(() => resolve());
        setTimeout(() => server.closeAllConnections(), 250).unref();
      });
      return closing;
    },
  };
}

/** `HOST:PORT` of `--api`. Errors: USAGE for anything but a loopback address. */
export function parseApiAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  const host = match?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  const port = Number(match?.[2] ?? 65_536);
  if (match === null || port > 65_535) {
    throw new KadreError({ code: 'USAGE' }, `--api needs HOST:PORT, not \`${text}\``);
  }
  if (host === 'localhost') return { host: '127.0.0.1', port };
  if (host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)) return { host, port };
  const advice = 'use 127.0.0.1:PORT; reach it from elsewhere through an SSH tunnel';
  throw new KadreError({ code: 'USAGE', advice }, `--api must be a loopback address, not ${host}`);
}

function listen(server: Server, { host, port }: ApiServerInit): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `the API cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new KadreError({ code: 'PORT_TAKEN' }, message, { cause }));
    });
    server.listen({ host, port }, () => resolve(server.address() as AddressInfo));
  });
}

function allowedHosts(host: string, port: number): ReadonlySet<string> {
  return new Set([host, `[${host}]`, 'localhost', '127.0.0.1', '[::1]'].map((h) => `${h}:${port}`));
}

interface AnswerContext {
  readonly init: ApiServerInit;
  readonly stopping: AbortSignal;
  readonly hosts: ReadonlySet<string>;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  context: AnswerContext,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort(new KadreError({ code: 'INTERRUPTED' }, 'the client went away'));
  });
  const signal = AbortSignal.any([gone.signal, context.stopping]);
  try {
    checkAccess(request, context);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { route, parameters } = findRoute(
      request.method ?? '',
      url.pathname,
      context.init.routes,
    );
    const result = await route.handle({
      parameters,
      query: url.searchParams,
      body: request,
      signal,
    });
    await send(response, result, signal);
  } catch (cause) {
    sendError(response, cause, context.init.log);
  }
}

function checkAccess(request: IncomingMessage, { init, hosts }: AnswerContext): void {
  if (!hosts.has(request.headers.host ?? '')) {
    throw new KadreError({ code: 'API_DENIED' }, 'the Host header is not this API');
  }
  const given = /^Bearer (\S{1,256})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (!equalSecrets(given, init.token)) {
    throw new KadreError({ code: 'API_DENIED' }, 'a bearer token is needed');
  }
}

function findRoute(method: string, pathname: string, routes: readonly ApiRoute[]) {
  const segments = pathname.split('/').slice(1);
  for (const route of routes) {
    if (route.method !== method) continue;
    const pattern = ['v1', ...route.path.split('/')];
    const matches =
      pattern.length === segments.length &&
      pattern.every((part, i) => part === '*' || part === segments[i]);
    if (!matches) continue;
    return { route, parameters: segments.filter((_, i) => pattern[i] === '*') };
  }
  throw new KadreError(
    { code: 'USAGE', advice: 'see docs/api.md', data: { status: 404 } },
    `no ${method} ${pathname.slice(0, 128)}`,
  );
}

async function send(
  response: ServerResponse,
  result: ApiAnswer,
  signal: AbortSignal,
): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  if ('json' in result) {
    response.writeHead(result.status ?? 200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(result.json)}\n`);
    return;
  }
  if ('bytes' in result) {
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': result.bytes.length,
      ...result.headers,
    });
    response.end(result.bytes);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  for await (const line of result.lines) {
    if (signal.aborted) break;
    if (!response.write(`${JSON.stringify(line)}\n`)) await drained(response, signal);
  }
  response.end();
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

function sendError(response: ServerResponse, cause: unknown, log: Logger): void {
  const error = asKadreError(cause, 'INTERNAL', 'unexpected failure');
  if (error.code === 'INTERNAL') {
    log.log('error', 'api-bug', { stack: cause instanceof Error ? cause.stack : String(cause) });
  }
  // Part of an answer is out already: cutting it off is the only honest end.
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const status = (error.data.status as number | undefined) ?? statusOf(error.code);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (error.code === 'API_DENIED') headers['www-authenticate'] = 'Bearer';
  // The rest of a refused body is not worth reading.
  headers.connection = 'close';
  response.writeHead(status, headers);
  response.end(`${JSON.stringify({ v: 1, error: error.toJSON() })}\n`);
}

/** HTTP's word for each family of codes; clients match on the code. */
function statusOf(code: ErrorCode): number {
  if (code === 'API_DENIED') return 401;
  if (code === 'JOB_UNKNOWN') return 404;
  if (code === 'OVERLOADED') return 429;
  const byExit: Readonly<Record<number, number>> = {
    2: 400,
    3: 503,
    4: 502,
    5: 504,
    6: 502,
    130: 409,
  };
  return byExit[ERROR_CODES[code].exit] ?? 500;
}
