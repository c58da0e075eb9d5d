/**
 * HTTP to a running node's API: token, JSON errors back into `KadreError`, and every way of not
 * getting an answer into NODE_UNREACHABLE (docs/api.md).
 */
import { ERROR_CODES, type ErrorCode } from '../base/error-codes.ts';
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';

export interface ApiCall extends SignalOption {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly bytes?: Uint8Array;
}

/** What an HTTP header can carry; a node makes far shorter ones. */
const TOKEN = /^[\x21-\x7e]{1,1024}$/;
/** One line of an event stream may carry at most this much. */
const LINE_CHARACTERS_MAX = 1_048_576;

export class ApiClient {
  readonly url: string;
  readonly #token: string | undefined;

  /** Errors: USAGE for anything but an http(s) URL, and for what cannot be a token. */
  constructor(init: { readonly url: string; readonly token?: string | undefined }) {
    const url = URL.canParse(init.url) ? new URL(init.url) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      const advice = 'for example http://127.0.0.1:4650, from the ready line of `kadre up`';
      throw new KadreError({ code: 'USAGE', advice }, `\`${init.url}\` is no API address`);
    }
    if (init.token !== undefined && !TOKEN.test(init.token)) {
      const advice = 'give the `api-token` file of the node, or its content';
      throw new KadreError({ code: 'USAGE', advice }, 'the API token is no line of plain text');
    }
    this.url = url.origin;
    this.#token = init.token;
  }

  /** The answer's object. */
  async json<T>(path: string, call: ApiCall = {}): Promise<T> {
    const response = await this.#fetch(path, call);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throwIfAborted(call.signal);
      throw this.#unreachable('its answer is not JSON', cause);
    }
  }

  /** The answer's bytes and headers. */
  async bytes(path: string, call: ApiCall = {}): Promise<{ bytes: Uint8Array; headers: Headers }> {
    const response = await this.#fetch(path, call);
    try {
      return { bytes: new Uint8Array(await response.arrayBuffer()), headers: response.headers };
    } catch (cause) {
      throwIfAborted(call.signal);
      throw this.#unreachable('the answer broke off', cause);
    }
  }

  /** The objects of an NDJSON answer; leaving the loop ends the request. */
  async *lines<T>(path: string, call: ApiCall = {}): AsyncGenerator<T> {
    const leaving = new AbortController();
    const signals = [leaving.signal, ...(call.signal === undefined ? [] : [call.signal])];
    const response = await this.#fetch(path, { ...call, signal: AbortSignal.any(signals) });
    try {
      let pending = '';
      const decoder = new TextDecoder();
      for await (const piece of response.body ?? []) {
        pending += decoder.decode(piece, { stream: true });
        const lines = pending.split('\n');
        pending = lines.pop() ?? '';
        if (pending.length > LINE_CHARACTERS_MAX) throw new Error('a line is too long');
        for (const line of lines) if (line !== '') yield JSON.parse(line) as T;
      }
    } catch (cause) {
      throwIfAborted(call.signal);
      if (cause instanceof KadreError) throw cause;
      throw this.#unreachable('the stream of events broke off', cause);
    } finally {
      leaving.abort();
    }
  }

  async #fetch(path: string, call: ApiCall): Promise<Response> {
    const { method = 'GET', json, bytes, signal } = call;
    const headers: Record<string, string> = {};
    if (this.#token !== undefined) headers.authorization = `Bearer ${this.#token}`;
    if (json !== undefined) headers['content-type'] = 'application/json';
    if (bytes !== undefined) headers['content-type'] = 'application/octet-stream';
    const body = json !== undefined ? JSON.stringify(json) : bytes;
    let response: Response;
    try {
      response = await fetch(`${this.url}/v1/${path}`, {
        method,
        headers,
        redirect: 'error',
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      throwIfAborted(signal);
      throw this.#unreachable('it does not answer', cause);
    }
    if (!response.ok) throw await this.#refusal(response);
    return response;
  }

  async #refusal(response: Response): Promise<KadreError> {
    const value: unknown = await response.json().catch(() => undefined);
    const error = errorOfJson((value as { error?: unknown } | undefined)?.error);
    return error ?? this.#unreachable(`it answers with HTTP ${response.status}`);
  }

  #unreachable(why: string, cause?: unknown): KadreError {
    return new KadreError({ code: 'NODE_UNREACHABLE' }, `${this.url}: ${why}`, { cause });
  }
}

/** A `KadreError` from its JSON; undefined when it is none. */
export function errorOfJson(value: unknown): KadreError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message, advice, peer } = value as Record<string, unknown>;
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code)) return undefined;
  return new KadreError(
    {
      code: code as ErrorCode,
      ...(typeof advice === 'string' ? { advice } : {}),
      ...(typeof peer === 'string' ? { peer } : {}),
    },
    typeof message === 'string' ? message : code,
  );
}
