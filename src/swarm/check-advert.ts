/**
 * Judges a stranger's advert: size before decoding, cheap facts before signatures, every failure by
 * its own reason (docs/protocol/advert.md section 3). Pure: the clock's reading is an argument.
 */
import { equalBytes } from '../base/bytes.ts';
import { type NodeId, peerIdOf, publicKeyOf } from '../base/ids.ts';
import { type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { isAdmissibleKey } from '../crypto/portable/ed25519.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { TAGS } from '../wire/tags.ts';
import { checkAdmission } from './admission.ts';
import { type Advert, type SignedAdvert, signedAdvertShape } from './advert.ts';
import type { AdmissionRule } from './network-file.ts';

export interface AdvertRules {
  /** Network id that the advert must name. */
  readonly network: string;
  /** Own wall clock, ms since 1970. */
  readonly wallMs: number;
  /** Highest sequence already seen from this node; at or below it the advert is `replayed`. */
  readonly known?: number | undefined;
  /** The node that was asked; another node's advert is `wrong-node`. */
  readonly expect?: NodeId | undefined;
  /** Who belongs to the network; default: anybody. */
  readonly admission?: AdmissionRule;
}

/**
 * Decodes and judges. Reasons: `too-large`, `malformed`, `not-canonical`, `wrong-shape`, then those
 * of `checkFreshness` and `checkStatement`. Never throws.
 *
 * @example
 * const checked = checkAdvert(bytes, { network: 'public', wallMs: clock.wallMs() });
 * if (!checked.ok) network.penalise(peer, checked.penalty, checked.reason);
 */
export function checkAdvert(bytes: Uint8Array, rules: AdvertRules): Checked<SignedAdvert> {
  const decoded = decodeAdvert(bytes);
  if (!decoded.ok) return decoded;
  const signed = decoded.value;
  return checkFreshness(signed.advert, rules) ?? checkStatement(signed, rules.admission) ?? decoded;
}

/** Bytes to a value of the right shape, and no more: nothing is verified. */
export function decodeAdvert(bytes: Uint8Array): Checked<SignedAdvert> {
  return decodeCanonical(bytes, signedAdvertShape, LIMITS.advertBytesMax);
}

/**
 * What depends on who asks and when; never cached. Reasons: `wrong-network`, `bad-node-id`,
 * `wrong-node`, `lifetime-too-long`, `from-the-future`, `expired`, `replayed`.
 */
export function checkFreshness(advert: Advert, rules: AdvertRules): Refusal | undefined {
  const { node, issuedMs, expiresMs, sequence } = advert;
  if (advert.network !== rules.network) return refuse('wrong-network', 'ignore');
  if (publicKeyOf(node) === undefined) return refuse('bad-node-id');
  if (rules.expect !== undefined && !equalBytes(node, rules.expect)) return refuse('wrong-node');
  const lifetimeMs = expiresMs - issuedMs;
  if (lifetimeMs < 1 || lifetimeMs > LIMITS.advertLifetimeMsMax) {
    return refuse('lifetime-too-long', 'reject', `lifetime of ${lifetimeMs} ms`);
  }
  const aheadMs = issuedMs - rules.wallMs;
  if (aheadMs > LIMITS.advertClockSkewMsMax) {
    return refuse('from-the-future', 'ignore', `issued ${aheadMs} ms ahead of this clock`);
  }
  if (expiresMs <= rules.wallMs) return refuse('expired', 'ignore');
  if (rules.known !== undefined && sequence <= rules.known) {
    return refuse('replayed', 'ignore', `sequence ${sequence}, known ${rules.known}`);
  }
  return undefined;
}

/**
 * What holds or fails for ever under one network's rule. Reasons: `bad-roles`, `bad-address`,
 * `bad-device`, `bad-kernel`, those of `checkAdmission`, `bad-signature`, `inadmissible-key`.
 */
export function checkStatement(
  signed: SignedAdvert,
  rule: AdmissionRule = { kind: 'none' },
): Refusal | undefined {
  const { advert, signature } = signed;
  const contents =
    checkRoles(advert) ?? checkAddresses(advert) ?? checkDevices(advert) ?? checkKernels(advert);
  if (contents !== undefined) return contents;
  const stranger = checkAdmission(rule, advert.network, advert.node, advert.admission);
  if (stranger !== undefined) return stranger;
  if (!isSignedBy(advert.node, TAGS.signAdvert, encodeCanonical(advert), signature)) {
    return refuse('bad-signature');
  }
  const key = publicKeyOf(advert.node);
  return key !== undefined && isAdmissibleKey(key) ? undefined : refuse('inadmissible-key');
}

function checkRoles({ roles }: Advert): Refusal | undefined {
  return roles.length >= 1 && areDistinct(roles) ? undefined : refuse('bad-roles');
}

/** Text only: what it takes to dial one is the transport's business. */
function checkAddresses({ node, addresses }: Advert): Refusal | undefined {
  const suffix = `/p2p/${peerIdOf(node)}`;
  const isFine = (address: string) =>
    /^\/[\x21-\x7e]+$/.test(address) && address.endsWith(suffix) && address.length > suffix.length;
  return addresses.every(isFine) && areDistinct(addresses) ? undefined : refuse('bad-address');
}

function checkDevices({ devices }: Advert): Refusal | undefined {
  return devices.every((device) => kindOf(device.name) === device.kind)
    ? undefined
    : refuse('bad-device');
}

function checkKernels({ devices, kernels }: Advert): Refusal | undefined {
  const kinds = new Set<string>(devices.map((device) => device.kind));
  if (!areDistinct(kernels.map((kernel) => kernel.id))) {
    return refuse('bad-kernel', 'reject', 'a kernel is offered twice');
  }
  const homeless = kernels.find((kernel) => !kinds.has(kindOf(kernel.backend)));
  return homeless === undefined
    ? undefined
    : refuse('bad-kernel', 'reject', `no device for backend ${homeless.backend}`);
}

/** `cuda` of `cuda/sm_90`. */
function kindOf(deviceName: string): string {
  return deviceName.slice(0, deviceName.indexOf('/'));
}

function areDistinct(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}
