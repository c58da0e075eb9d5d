/**
 * Every error code, once. `exit` is the command line's exit status (contract.md), `retryable` says
 * whether the same call may succeed later unchanged, `advice` is one line of what to do.
 */
interface ErrorCodeRow {
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 130;
  readonly retryable: boolean;
  readonly meaning: string;
  readonly advice: string;
}

const row = (
  exit: ErrorCodeRow['exit'],
  retryable: boolean,
  meaning: string,
  advice: string,
): ErrorCodeRow => ({ exit, retryable, meaning, advice });

export const ERROR_CODES = {
  // wrong usage, decided locally: nothing was sent
  USAGE: row(2, false, 'the command line or call is malformed', 'run the verb with --help'),
  UNKNOWN_KERNEL: row(
    2,
    false,
    'no kernel of that name and version',
    'list the kernels with `kadre kernels list`',
  ),
  BAD_PARAMETER: row(
    2,
    false,
    'a kernel parameter is unknown, missing or out of range',
    'see `kadre kernels list` for the schema',
  ),
  BAD_INPUT: row(
    2,
    false,
    'an input is missing, or its dtype or shape does not fit the kernel',
    'check names, dtypes and shapes against the kernel schema',
  ),
  BAD_SHARD_COUNT: row(
    2,
    false,
    'the shard count is below 1 or above what the kernel can split into',
    'choose --shards within the range that the message names',
  ),
  BAD_POLICY: row(
    2,
    false,
    'replicas, quorum, cadre size or deadlines contradict each other',
    'need 1 <= quorum <= replicas and a cadre of 0..100',
  ),
  UNSAFE_PLAN: row(
    2,
    false,
    'a training plan pairs a rule with a codec, or with counts, that it cannot withstand',
    'the message names the pair and what to use instead',
  ),
  MALFORMED_FILE: row(
    2,
    false,
    'an input file cannot be read or does not parse strictly',
    'write the array again, e.g. numpy.save of a C-ordered array',
  ),
  INPUT_CHANGED: row(
    4,
    true,
    'an input file was written to, or went away, while a job read it',
    'leave the file alone until the job has ended, and submit it again',
  ),
  CERTIFICATE_UNREADABLE: row(
    2,
    false,
    'the certificate file is missing or unreadable',
    'check the path',
  ),
  BAD_CODEC: row(
    2,
    false,
    'the text of a gradient codec is malformed',
    'see the grammar of --codec in docs/protocol/federated-codec.md',
  ),
  NOT_INVITED: row(
    2,
    false,
    'the network admits by invitation, and this node has none that holds',
    'ask the authority of the network for an invitation',
  ),
  BAD_CONFIG: row(
    2,
    false,
    'a configuration or network file is malformed',
    'correct the key that the message names',
  ),
  // not enough peers
  NOT_ENOUGH_PEERS: row(
    3,
    true,
    'too few capable peers were found in time',
    'start more nodes, check --bootstrap, or wait longer with --wait-peers',
  ),
  // the job failed
  NO_AGREEMENT: row(
    4,
    true,
    'the workers of a shard never agreed on a result',
    'see disputes; submit again, with more replicas if it repeats',
  ),
  WORKERS_EXHAUSTED: row(
    4,
    true,
    'every entitled worker of a shard refused, failed or went silent',
    'see retries; start more nodes that can run this kernel',
  ),
  CADRE_LOST: row(
    4,
    true,
    'more members of the cadre went silent than it tolerates',
    'submit again: a new cadre is chosen',
  ),
  CADRE_REFUSED: row(
    4,
    true,
    'the chosen cadre members refused the plan',
    'the message names each reason',
  ),
  COLLECT_FAILED: row(
    4,
    true,
    'a certified output could not be fetched from any worker that holds it',
    'try again: results stay with the workers for 24 hours',
  ),
  KERNEL_FAILED: row(
    4,
    false,
    'the kernel itself failed on its inputs',
    'the message names the kernel and the reason',
  ),
  BAD_UPDATE: row(
    4,
    false,
    'local training gave an update that cannot be sent: a NaN, an infinity or a wrong length',
    'lower the learning rate, or clip the gradient',
  ),
  JOB_UNKNOWN: row(
    4,
    false,
    'no such job here',
    'check the id, and that this is the node it was submitted through',
  ),
  TRAINING_UNKNOWN: row(
    4,
    true,
    'nobody in the swarm coordinates this training',
    'check the id, and that its `train start` still runs and can be reached from here',
  ),
  TRAINING_REFUSED: row(
    4,
    false,
    'the coordinator of a training does not take this client',
    'the message says why; ask the coordinator for a seat',
  ),
  JOB_AMBIGUOUS: row(
    2,
    false,
    'more than one job has an id that begins like this',
    'give more digits; `kadre list` shows the ids',
  ),
  DETACH_REFUSED: row(
    4,
    true,
    'too few peers can hold the inputs for the job to go on without its requester',
    'submit without --detach, or with smaller inputs',
  ),
  NOT_THE_REQUESTER: row(
    4,
    false,
    "only the requester's own key can cancel a job",
    'cancel it from the node, or with the identity, that submitted it',
  ),
  JOB_CANCELLED: row(130, false, 'the job was cancelled', 'submit it again'),
  INTERRUPTED: row(130, false, 'interrupted before the end', 'run it again'),
  // time
  DEADLINE_PASSED: row(
    5,
    true,
    "the job's own deadline passed",
    'raise --deadline or use more shards',
  ),
  TIMEOUT: row(
    5,
    true,
    "this command's patience ran out; the job goes on",
    'raise --timeout, or pick the job up again by its id',
  ),
  // verification
  CERTIFICATE_INVALID: row(
    6,
    false,
    'a certificate did not verify',
    'do not trust the result; the reason code says what is wrong',
  ),
  OUTPUT_MISMATCH: row(
    6,
    false,
    'an output differs from what was certified',
    'do not trust the file; fetch it again',
  ),
  // local resources
  DATA_DIR_LOCKED: row(
    7,
    true,
    'another process uses the data directory',
    'stop that process or choose another --data',
  ),
  DATA_DIR_DAMAGED: row(
    7,
    false,
    'the data directory cannot be used as it is',
    'the message names the file; move it away or restore it',
  ),
  DISK_FAILED: row(7, true, 'the disk refused a write', 'free some space or choose another --data'),
  SYNC_FAILED: row(
    7,
    false,
    'the disk failed to keep what it was given, so the node stopped',
    'look for disk errors in the system log; start the node again once the disk is sound',
  ),
  PORT_TAKEN: row(
    7,
    true,
    'the address is in use or not available',
    'choose another --listen or --api',
  ),
  NODE_UNREACHABLE: row(
    7,
    true,
    'the node behind --api does not answer',
    'is it running? see `kadre status --data DIR`',
  ),
  API_DENIED: row(
    7,
    false,
    'the node refused the API token',
    'pass the token file of that node with --token-file',
  ),
  ADDON_LOAD_FAILED: row(
    7,
    false,
    'no usable native addon',
    '`kadre doctor` says why, and how to build it',
  ),
  RUNNER_FAILED: row(
    7,
    true,
    'the runner process could not be started or died',
    'see the log; a new runner is started on the next shard',
  ),
  // ourselves
  INTERNAL: row(1, false, 'a bug in this program', 'please report it, with the log'),
  // peers and transport
  PEER_UNREACHABLE: row(
    4,
    true,
    'the peer could not be reached or the stream broke',
    'another peer is tried where one exists',
  ),
  VERSION_UNSUPPORTED: row(
    4,
    false,
    'the peer speaks other versions of the protocol than this node',
    'upgrade whichever of the two is older',
  ),
  PEER_MISBEHAVED: row(
    4,
    true,
    'the peer answered with invalid bytes',
    'another peer is tried where one exists',
  ),
  BLOB_UNAVAILABLE: row(
    4,
    true,
    'no holder delivered a blob, or a part of it, that matches its root',
    'try again; the message counts what each holder did',
  ),
  PEER_REFUSED: row(4, true, 'the peer refused the request', 'the message names its reason'),
  OVERLOADED: row(4, true, 'a bounded queue is full', 'try again in a moment'),
  STOPPED: row(4, false, 'this component has been stopped', 'create a new one'),
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof ERROR_CODES;
