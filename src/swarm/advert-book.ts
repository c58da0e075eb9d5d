/**
 * The best known advert of each peer, bounded, and a memory of what has been verified: a job's
 * roster of known adverts costs no signature checks (docs/protocol/advert.md section 3, last
 * paragraph).
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { sha256 } from '../crypto/portable/hash.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import type { KernelOffer, Role, SignedAdvert } from './advert.ts';
import { checkFreshness, checkStatement, decodeAdvert } from './check-advert.ts';
import type { AdmissionRule } from './network-file.ts';

export interface AdvertBookInit {
  readonly network: string;
  /** Who belongs to it; default: anybody. */
  readonly admission?: AdmissionRule;
  /** Peers held at most; default 4096. When full, the expired go first, then the longest held. */
  readonly peersMax?: number;
}

export interface AdvertOffer {
  readonly signed: SignedAdvert;
  readonly kernel: KernelOffer;
}

const PEERS_MAX = 4096;
/**
 * A roster is frozen once, and its plan is opened again by members that restart and by workers of
 * later waves: adverts that have expired serve it for as long as workers keep a plan.
 */
const ROSTER_GRACE_MS = 24 * 3_600_000;
/** Rosters may hold older adverts than the book: room for twice the peers. */
const VERIFIED_PER_PEER = 2;

interface Entry {
  readonly signed: SignedAdvert;
  readonly digest: Uint8Array;
}

export class AdvertBook {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #network: string;
  readonly #admission: AdmissionRule;
  readonly #peersMax: number;
  /** In the order of the last accepted advert, oldest first. */
  readonly #entries = new Map<PeerId, Entry>();
  /** Hex digests of signed adverts whose statement held, longest unused first. */
  readonly #verified = new Set<string>();
  #signatureChecks = 0;

  constructor(components: { clock: Pick<Clock, 'wallMs'> }, init: AdvertBookInit) {
    this.#clock = components.clock;
    this.#network = init.network;
    this.#admission = init.admission ?? { kind: 'none' };
    this.#peersMax = init.peersMax ?? PEERS_MAX;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Statements verified so far, i.e. not answered from memory. */
  get signatureChecks(): number {
    return this.#signatureChecks;
  }

  /**
   * Takes in an advert that a peer sent, as bytes; `expect` is the peer that was asked. Accepts the
   * very bytes that are held again. Reasons: all of `checkAdvert`.
   */
  offer(bytes: Uint8Array, options: { expect?: Uint8Array } = {}): Checked<SignedAdvert> {
    const decoded = decodeAdvert(bytes);
    if (!decoded.ok) return decoded;
    const signed = decoded.value;
    const peer = peerIdOf(signed.advert.node);
    const held = this.#entries.get(peer);
    const digest = sha256(bytes);
    const isHeld = held !== undefined && equalBytes(held.digest, digest);
    const refusal =
      checkFreshness(signed.advert, {
        network: this.#network,
        wallMs: this.#clock.wallMs(),
        known: isHeld ? undefined : held?.signed.advert.sequence,
        expect: options.expect,
      }) ?? this.#verify(signed, digest);
    if (refusal !== undefined) return refusal;
    if (isHeld) return accept(held.signed);
    this.#hold(peer, { signed, digest });
    return accept(signed);
  }

  /**
   * Judges an advert of a job's roster, which may be older than the newest known, and may have
   * expired while the job runs; never `replayed`, and nothing is held. Reasons: the others of
   * `checkAdvert`.
   */
  check(signed: SignedAdvert): Checked<SignedAdvert> {
    const nowMs = this.#clock.wallMs();
    const lastValidMs = signed.advert.expiresMs - 1;
    const wallMs = Math.max(nowMs - ROSTER_GRACE_MS, Math.min(nowMs, lastValidMs));
    const rules = { network: this.#network, wallMs };
    const stale = checkFreshness(signed.advert, rules);
    if (stale !== undefined) return stale;
    const bytes = encodeCanonical(signed);
    if (bytes.length > LIMITS.advertBytesMax) return refuse('too-large');
    return this.#verify(signed, sha256(bytes)) ?? accept(signed);
  }

  /** The newest advert of a peer; undefined when none is held or it has expired. */
  get(peer: PeerId): SignedAdvert | undefined {
    const entry = this.#entries.get(peer);
    return entry !== undefined && this.#isLive(entry) ? entry.signed : undefined;
  }

  /** Live adverts, oldest first. */
  all(): SignedAdvert[] {
    const live = Array.from(this.#entries.values()).filter((entry) => this.#isLive(entry));
    return live.map((entry) => entry.signed);
  }

  /** Live adverts that offer this kernel (`gemm.f32@1`) in the role of a worker. */
  byKernel(kernelId: string): AdvertOffer[] {
    const offers: AdvertOffer[] = [];
    for (const signed of this.byRole('worker')) {
      const kernel = signed.advert.kernels.find((offer) => offer.id === kernelId);
      if (kernel !== undefined) offers.push({ signed, kernel });
    }
    return offers;
  }

  /** Live adverts with this role. */
  byRole(role: Role): SignedAdvert[] {
    return this.all().filter((signed) => signed.advert.roles.includes(role));
  }

  forget(peer: PeerId): void {
    this.#entries.delete(peer);
  }

  #isLive(entry: Entry): boolean {
    return entry.signed.advert.expiresMs > this.#clock.wallMs();
  }

  #verify(signed: SignedAdvert, digest: Uint8Array): ReturnType<typeof checkStatement> {
    const name = toHex(digest);
    // Deleted and added again: what is used stays, what is not moves to the front and goes.
    if (!this.#verified.delete(name)) {
      this.#signatureChecks += 1;
      const refusal = checkStatement(signed, this.#admission);
      if (refusal !== undefined) return refusal;
      if (this.#verified.size >= VERIFIED_PER_PEER * this.#peersMax) {
        this.#verified.delete(this.#verified.values().next().value!);
      }
    }
    this.#verified.add(name);
    return undefined;
  }

  #hold(peer: PeerId, entry: Entry): void {
    this.#entries.delete(peer);
    if (this.#entries.size >= this.#peersMax) this.#evict();
    this.#entries.set(peer, entry);
  }

  /** All expired ones; without any, the one held longest. */
  #evict(): void {
    const before = this.#entries.size;
    for (const [peer, entry] of this.#entries) {
      if (!this.#isLive(entry)) this.#entries.delete(peer);
    }
    if (this.#entries.size < before) return;
    this.#entries.delete(this.#entries.keys().next().value!);
  }
}
