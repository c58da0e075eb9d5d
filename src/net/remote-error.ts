/**
 * Failures that cross the wire: a handler's throw becomes {code, message}, and an error naming the
 * peer at the caller. Only codes that describe the request travel; a peer's own trouble (its disk,
 * its data directory) must not read like trouble on this machine, so it becomes PEER_REFUSED
 * (docs/protocol/transport.md, "Errors").
 */
import { ERROR_CODES, type ErrorCode } from '../base/error-codes.ts';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { struct, text } from '../wire/shape.ts';

const MESSAGE_CHARACTERS_MAX = 512;
const ERROR_BYTES_MAX = 4096;
const shape = struct({ code: text(64, /^[A-Z_]+$/), message: text(MESSAGE_CHARACTERS_MAX) });

export function encodeRemoteError(cause: unknown): Uint8Array {
  const known = cause instanceof KadreError;
  // What is no coded error is a bug of ours: its text stays here.
  const code = known ? cause.code : 'PEER_REFUSED';
  const message = known ? cause.message.slice(0, MESSAGE_CHARACTERS_MAX) : 'internal error';
  return encodeCanonical({ code, message });
}

export function decodeRemoteError(peer: PeerId, body: Uint8Array): KadreError {
  const decoded = decodeCanonical(body, shape, ERROR_BYTES_MAX);
  if (!decoded.ok) {
    return new KadreError({ code: 'PEER_MISBEHAVED', peer }, 'the peer sent a malformed error');
  }
  const { code, message } = decoded.value;
  const local = travels(code) ? code : 'PEER_REFUSED';
  return new KadreError({ code: local, peer, data: { remoteCode: code } }, message);
}

const TRAVELLING_EXITS: ReadonlySet<number> = new Set([2, 3, 4, 5]);
/** Codes that only this side may conclude about a peer. */
const OWN_CONCLUSIONS: ReadonlySet<string> = new Set(['PEER_UNREACHABLE', 'PEER_MISBEHAVED']);

function travels(code: string): code is ErrorCode {
  return (
    Object.hasOwn(ERROR_CODES, code) &&
    TRAVELLING_EXITS.has(ERROR_CODES[code as ErrorCode].exit) &&
    !OWN_CONCLUSIONS.has(code)
  );
}
