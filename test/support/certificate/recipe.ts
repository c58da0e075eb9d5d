/**
 * What a test certificate is made from: sizes, labels that stand for randomness, and the one step
 * that is bent.
 */
import { utf8 } from '../../../src/base/bytes.ts';
import type { Signer } from '../../../src/base/ports.ts';
import type { Certificate } from '../../../src/certificate/format.ts';
import type { AcceptedShard } from '../../../src/certificate/result-columns.ts';
import type { CommitCert } from '../../../src/consensus/types.ts';
import { signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import type { CadreEntry, Plan } from '../../../src/job/plan.ts';
import type { SealRecord } from '../../../src/job/records.ts';
import type { JobSpec } from '../../../src/job/spec.ts';
import type { ArraySpec, Parameters } from '../../../src/kernel/contract.ts';
import type { NdArray } from '../../../src/kernel/nd-array.ts';
import type { Advert, SignedAdvert } from '../../../src/swarm/advert.ts';

export const NETWORK = 'certificate-test';

/** Bends one step; whatever it returns is what the following steps sign and hash. */
export interface Bends {
  spec?(spec: JobSpec): JobSpec;
  advert?(advert: Advert, index: number): Advert;
  /** After it is signed, before the roster is frozen. */
  signedAdvert?(signed: SignedAdvert, index: number): SignedAdvert;
  plan?(plan: Plan): Plan;
  /** Before each entry is signed. */
  entry?(entry: Omit<CadreEntry, 'signature'>): Omit<CadreEntry, 'signature'>;
  /** After it is signed, before the cadre root. */
  signedEntry?(entry: CadreEntry): CadreEntry;
  /** Before a stand-in's entry is signed, by itself or by this one. */
  standIn?(entry: Omit<CadreEntry, 'signature'>): Omit<CadreEntry, 'signature'>;
  readonly standInSigner?: Signer;
  /** Of an epoch that ended, before it is signed. */
  epochCommit?(commit: CommitCert): CommitCert;
  leaf?(leaf: AcceptedShard, shard: number): AcceptedShard;
  outputs?(outputs: readonly ArraySpec[]): readonly ArraySpec[];
  seal?(seal: SealRecord): SealRecord;
  /** Before it is signed. */
  commit?(commit: CommitCert): CommitCert;
  certificate?(certificate: Certificate): Certificate;
}

export interface Recipe {
  readonly label?: string;
  readonly nodes?: number;
  readonly cadre?: number;
  readonly replicas?: number;
  readonly quorum?: number;
  readonly shards?: number;
  readonly kernel?: string;
  readonly parameters?: Parameters;
  readonly inputs?: Readonly<Record<string, NdArray>>;
  /** Bytes of outputs, by name; default: made up. */
  readonly outputs?: Readonly<Record<string, Uint8Array>>;
  /** Cadre ranks that were unreachable. */
  readonly skipped?: readonly number[];
  /** Seats that were given away, oldest first. */
  readonly standIns?: readonly number[];
  /** Seats that vote for the end of an epoch; default: all. */
  readonly epochVotes?: readonly number[];
  /** Seats that vote; default: all. */
  readonly votes?: readonly number[];
  /** Leaves receipts out when false. */
  readonly receipts?: boolean;
  readonly bend?: Bends;
}

export const labelled = (label: string): Uint8Array => sha256(utf8(label));

export const namedSigner = (label: string): Signer => signerFromSeed(labelled(label));

/** A node that no roster knows. */
export const outsider = namedSigner('outsider');

/** Of a network that admits by invitation. */
export const authority = namedSigner('authority');
