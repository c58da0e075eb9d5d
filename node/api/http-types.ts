/** Requests and answers as the API's routes see them, without sockets. */
export interface ApiRequest {
  /** The variable parts of the path, in order. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

export type ApiAnswer =
  | { readonly status?: number; readonly json: { readonly v: 1 } }
  | {
      readonly bytes: Uint8Array;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** One JSON object per line, until it ends or the client leaves. */
  | { readonly lines: AsyncIterable<{ readonly v: 1 }> };

export interface ApiRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Segments after `/v1/`; `*` matches one segment and becomes a parameter. */
  readonly path: string;
  readonly why: string;
  handle(request: ApiRequest): Promise<ApiAnswer>;
}
