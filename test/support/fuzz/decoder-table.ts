/**
 * Every decoder of the repository, once. `findDecoders` says which there are; each is fuzzed here,
 * is reached only through one that is, or is listed with the reason why nobody hostile can feed it.
 */
import { averagingDecoders } from './averaging-decoders.ts';
import type { Decoder } from './decoder.ts';
import { federatedDecoders } from './federated-decoders.ts';
import { localDecoders } from './local-decoders.ts';
import { peerDecoders } from './peer-decoders.ts';
import { roleDecoders } from './role-decoders.ts';
import { signedDecoders } from './signed-decoders.ts';
import { storeDecoders } from './store-decoders.ts';
import { trainingDecoders } from './training-decoders.ts';
import { userDecoders } from './user-decoders.ts';

export function allDecoders(): Decoder[] {
  return [
    ...signedDecoders(),
    ...peerDecoders(),
    ...roleDecoders(),
    ...localDecoders(),
    ...storeDecoders(),
    ...userDecoders(),
    ...federatedDecoders(),
    ...trainingDecoders(),
    ...averagingDecoders(),
  ];
}

/** Parts of others: fuzzed through the one named. */
export const THROUGH: Readonly<Record<string, string>> = {
  'certificate/result-columns.ts: ResultColumns': 'certificate/open.ts: openCertificate',
  'certificate/result-columns.ts: readExtent': 'certificate/open.ts: openCertificate',
  'certificate/scan.ts: readArgument': 'certificate/scan.ts: scanEncoding',
  'certificate/scan.ts: readHead': 'certificate/scan.ts: scanEncoding',
  'consensus/recovery.ts: Replay': 'consensus/recovery.ts: recover',
  'consensus/recovery.ts: decode': 'consensus/recovery.ts: recover',
  'consensus/sync-snapshots.ts: openSnapshot': 'roles/ledger-snapshots.ts: ledgerSnapshots',
  'federated/codec/bits.ts: unpackCodes': 'federated/codec/block-codec.ts: decode',
  'federated/codec/bits.ts: unpackTrits': 'federated/codec/ternary-codec.ts: decode',
  'federated/codec/block-codec.ts: blockCodec': 'federated/codec/block-codec.ts: decode',
  'federated/codec/codec-settings.ts: readSetting': 'federated/codec/codec-spec.ts: parseCodec',
  'federated/codec/codec-settings.ts: readShare': 'federated/codec/codec-spec.ts: parseCodec',
  'federated/codec/codec.ts: completeCodec': 'federated/codec/block-codec.ts: decode',
  'federated/codec/container.ts: checkHeader': 'federated/codec/block-codec.ts: decode',
  'federated/codec/container.ts: readScales': 'federated/codec/block-codec.ts: decode',
  'federated/codec/container.ts: readU64': 'federated/codec/block-codec.ts: decode',
  'federated/codec/dct-codec.ts: dctCodec': 'federated/codec/dct-codec.ts: decode',
  'federated/codec/indices.ts: decodeBitmap': 'federated/codec/sparse-list.ts: decodeSparse',
  'federated/codec/indices.ts: decodeRice': 'federated/codec/sparse-list.ts: decodeSparse',
  'federated/codec/power-sgd-codec.ts: powerSgdCodec': 'federated/codec/power-sgd-codec.ts: decode',
  'federated/codec/rand-k-codec.ts: randKCodec': 'federated/codec/rand-k-codec.ts: decode',
  'federated/codec/ternary-codec.ts: ternaryCodec': 'federated/codec/ternary-codec.ts: decode',
  'federated/round/round-record.ts: decodeChain': 'federated/round/check-chain.ts: openChain',
  'federated/spec-text.ts: parseSpecs': 'federated/rule/rule-text.ts: parsePipeline',
  'kernel/plain-json.ts: Reader': 'kernel/plain-json.ts: parsePlainJson',
  'node/commands/train/dataset-file.ts: csvOf': 'federated/data/csv.ts: parseCsv',
  'net/envelope.ts: parseFrame': 'net/envelope.ts: checkedFrames',
  'store/plan-store.ts: readHandover': 'store/plan-store.ts: LogPlanStore',
  'node/api/job-request.ts: readJson': 'node/api/job-request.ts: readJobRequest',
  'node/doctor/membership.ts: checkInvited': 'swarm/network-file.ts: parseNetworkFile',
  'node/doctor/place.ts: checkDataDir': 'crypto/node/keystore.ts: decodeIdentity',
  'node/doctor/place.ts: checkNetworkFile': 'swarm/network-file.ts: parseNetworkFile',
  'sim/worker-behaviours.ts: recordIn': 'job/ledger/check-record.ts: checkRecord',
  'store/log-folder.ts: openWal': 'store/plan-store.ts: LogPlanStore',
  'store/wal-frames.ts: readBody': 'store/wal-scan.ts: scanWal',
  'store/wal-frames.ts: readFileHeader': 'store/wal-scan.ts: scanWal',
  'store/wal-frames.ts: readFrameHeader': 'store/wal-scan.ts: scanWal',
  'store/wal-frames.ts: u32At': 'store/wal-scan.ts: scanWal',
  'compute/runner/messages.ts: fieldsOf': 'compute/runner/messages.ts: parseReady',
  'crypto/node/keystore.ts: openIdentity': 'crypto/node/keystore.ts: decodeIdentity',
  'crypto/node/keystore.ts: readIdentity': 'crypto/node/keystore.ts: decodeIdentity',
};

/** Found by their looks, but nothing hostile reaches them. */
export const NOT_HOSTILE: Readonly<Record<string, string>> = {
  'compute/runner/host.ts: RunnerHost': 'spoken to by the node that started this very process',
  'compute/runner/messages.ts: parseJson': 'used as it is only on the side of the runner',
  'compute/runner/runner-main.ts: options': 'an argument from the node that starts it',
  'crypto/portable/hash.ts: sha256Head': 'reads four bytes of a hash',
  'crypto/portable/chacha20.ts: ChaChaWords': 'reads the words of its own key stream',
  'federated/feedback.ts: compress': 'decodes what it has just encoded',
  'node/cli/array-files.ts: checkTargets': 'takes names of files, not content',
  'node/commands/train/dataset-file.ts: readBytes': 'takes the name of a file, not content',
  'node/data-dir.ts: openDataDir': 'takes the name of a folder',
  'node/demo/array-file.ts: readArray': "the demo's own files",
  'node/doctor/place.ts: checkDisk': 'takes the name of a folder',
  'node/doctor/place.ts: checkPorts':
    "the user's own addresses; what is none is a problem it shows",
  'node/held-admission.ts: read': "this user's own file; anything else reads as empty",
  'node/lab/kill-points.ts: nameOfRecord': 'names what passes in a lab that a test set to fail',
  'node/lab/kill-points.ts: read': 'the file with which a test sets a lab to fail',
  'node/lab/lab.ts: awaitReady': 'the ready line of a child process',
  'node/node-record.ts: readRecord': "this user's own file; anything else reads as absent",
  'node/node-state.ts: NodeState': "this user's own file; anything else reads as empty",
  'node/version.ts: version': "the package's own manifest",
  'sim/cadre/tally.ts: checkTallyPayload': 'orders texts in a cadre simulated in this very process',
  'sim/ledger-reader.ts: readOpened': 'watches nodes simulated in this very process',
  'sim/cadre/tally.ts: TALLY': 'states of simulated machines in this very process',
  'sim/wire-reader.ts: readEnvelope': 'watches nodes simulated in this very process',
  'sim/wire-reader.ts: readFields': 'watches nodes simulated in this very process',
  'sim/wire-reader.ts: readSigned': 'watches nodes simulated in this very process',
  'sim/wire-reader.ts: shardsAt': 'watches nodes simulated in this very process',
  'sdk/array-file.ts: openArrayFile':
    'takes the name of a file; its header is read by parseNpyHeader',
  'sdk/read-submission.ts: readSubmission': "the caller's own submission, of typed values",
  'sdk/api-client.ts: ApiClient': "the user's own node; outputs and certificate are verified after",
};

/** A share of the inputs for each decoder, all shares together about `total`. */
export function inputsFor(decoders: readonly Decoder[], total: number): number[] {
  const shareOf = ({ share = 1 }: Decoder) => share;
  const shares = decoders.reduce((sum, decoder) => sum + shareOf(decoder), 0);
  return decoders.map((decoder) => Math.ceil((total * shareOf(decoder)) / shares));
}
