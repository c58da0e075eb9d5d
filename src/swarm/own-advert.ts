/**
 * This node's own adverts: when a new one is due, its sequence and lifetime, its signature, and the
 * capability classes under which the node is found (docs/protocol/advert.md sections 2 and 5).
 */
import { equalBytes } from '../base/bytes.ts';
import { assert } from '../base/errors.ts';
import type { Clock, Signer } from '../base/ports.ts';
import { signTagged } from '../crypto/portable/signed.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { TAGS } from '../wire/tags.ts';
import { ANYBODY, type Membership } from './admission.ts';
import type { Advert, SignedAdvert } from './advert.ts';
import { checkAdvert } from './check-advert.ts';

/** What the node knows about itself; everything else in an advert follows from clock and keys. */
export type AdvertFacts = Pick<Advert, 'roles' | 'addresses' | 'devices' | 'kernels' | 'load'>;

export interface OwnAdvertInit {
  readonly network: string;
  /** `kadre/0.0.1`: for people. */
  readonly software: string;
  /** Sequence of the last advert issued before this start; 0 when unknown. */
  readonly lastSequence: number;
  /** The network's rule and the own proof; default: anybody. */
  readonly membership?: Membership;
  /** 1..`LIMITS.advertLifetimeMsMax`, the default. */
  readonly lifetimeMs?: number;
}

/** A machine with many interfaces has more; the first are the transport's most useful ones. */
export const ADDRESSES_MAX = 16;
/** An advert whose only news is load is issued this often at most. */
export const LOAD_REFRESH_MS = 5_000;
/** Each class costs the DHT a handful of messages per announcement. */
export const CAPABILITY_CLASSES_MAX = 64;

/** Never at or below an earlier one, also after a lost data directory or a clock set back. */
export function nextSequence(lastSequence: number, wallMs: number): number {
  return Math.max(lastSequence + 1, wallMs);
}

export function signAdvert(signer: Signer, advert: Advert): SignedAdvert {
  const signature = signTagged(signer, TAGS.signAdvert, encodeCanonical(advert));
  return { advert, signature };
}

export class OwnAdvert {
  readonly #signer: Signer;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #init: OwnAdvertInit;
  #sequence: number;
  #current: SignedAdvert | undefined;

  constructor(components: { signer: Signer; clock: Pick<Clock, 'wallMs'> }, init: OwnAdvertInit) {
    this.#signer = components.signer;
    this.#clock = components.clock;
    this.#init = init;
    this.#sequence = init.lastSequence;
  }

  /** Of the last advert issued; to be stored, and given back at the next start. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The advert to show for these facts: the last one while it serves, else a new one. */
  current(facts: AdvertFacts): SignedAdvert {
    const last = this.#current;
    if (last === undefined || this.#isDue(last.advert, facts)) return this.issue(facts);
    return last;
  }

  /** A new advert, whatever the last one says. */
  issue(facts: AdvertFacts): SignedAdvert {
    const wallMs = this.#clock.wallMs();
    const { network, membership = ANYBODY } = this.#init;
    this.#sequence = nextSequence(this.#sequence, wallMs);
    const advert: Advert = {
      v: 1,
      node: this.#signer.nodeId,
      network,
      sequence: this.#sequence,
      issuedMs: wallMs,
      expiresMs: wallMs + (this.#init.lifetimeMs ?? LIMITS.advertLifetimeMsMax),
      software: this.#init.software,
      roles: [...facts.roles],
      addresses: addressesOf(facts),
      devices: [...facts.devices],
      kernels: [...facts.kernels],
      load: { ...facts.load },
      ...(membership.own !== undefined && { admission: membership.own }),
    };
    const signed = signAdvert(this.#signer, advert);
    // A node whose advert everyone refuses would wait for work for ever without knowing why.
    const rules = { network, wallMs, admission: membership.rule };
    const checked = checkAdvert(encodeCanonical(signed), rules);
    assert(checked.ok, `own advert is refused: ${checked.ok || checked.reason}`);
    this.#current = signed;
    return signed;
  }

  /** Ms until a new advert is due though nothing changes: half of the lifetime; 0 when overdue. */
  refreshInMs(): number {
    if (this.#current === undefined) return 0;
    return Math.max(0, halfLifeOf(this.#current.advert) - this.#clock.wallMs());
  }

  #isDue(last: Advert, facts: AdvertFacts): boolean {
    const wallMs = this.#clock.wallMs();
    // A clock set back makes the last advert look like one of the future: issue a sane one.
    if (wallMs >= halfLifeOf(last) || wallMs < last.issuedMs) return true;
    if (!isSame(capabilitiesOf(last), capabilitiesOf(facts))) return true;
    return !isSame(last.load, facts.load) && wallMs - last.issuedMs >= LOAD_REFRESH_MS;
  }
}

/** Classes to announce in the DHT, at most 64, none twice: roles, device names, kernels. */
export function capabilityClasses(advert: Pick<Advert, 'roles' | 'devices' | 'kernels'>): string[] {
  const classes = [
    ...advert.roles.map((role) => `role/${role}`),
    ...advert.devices.map((device) => device.name),
    ...advert.kernels.map((kernel) => `kernel/${kernel.id}`),
  ];
  return [...new Set(classes)].slice(0, CAPABILITY_CLASSES_MAX);
}

function halfLifeOf(advert: Advert): number {
  return advert.issuedMs + Math.floor((advert.expiresMs - advert.issuedMs) / 2);
}

function capabilitiesOf(facts: AdvertFacts): Omit<AdvertFacts, 'load'> {
  const { roles, devices, kernels } = facts;
  return { roles, addresses: addressesOf(facts), devices, kernels };
}

function addressesOf(facts: AdvertFacts): string[] {
  return [...new Set(facts.addresses)].slice(0, ADDRESSES_MAX);
}

function isSame(a: unknown, b: unknown): boolean {
  return equalBytes(encodeCanonical(a), encodeCanonical(b));
}
