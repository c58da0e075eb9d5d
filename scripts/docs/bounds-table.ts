/**
 * What bounds every map, set and list that an object of the product keeps, by who can fill it.
 * docs/bounds.md is printed from here; `findContainers` says which there are.
 */

/** Who decides how much goes in. */
export const FILLERS = {
  peers: 'Anybody who can reach this node',
  seats: 'Members of a cadre, up to f of whom lie',
  plan: 'A plan, whose own size is limited when it is opened',
  operator: 'Whoever runs this node, by its API, command line or SDK',
  node: 'Nobody else: the node itself',
} as const;
export type Filler = keyof typeof FILLERS;

export interface Bound {
  /** As in `findContainers`. */
  readonly field: string;
  readonly bound: string;
  /** The test of what happens beyond it: file below `test`, colon, title. */
  readonly test?: string;
}

export const BOUNDS: Readonly<Record<Filler, readonly Bound[]>> = {
  peers: [
    {
      field: 'base/bounded-queue.ts #items',
      bound: 'its `max`, given by whoever makes it; the oldest is dropped',
      test: 'unit/base/bounded-queue: drops the oldest at its bound and counts it',
    },
    {
      field: 'base/early-messages.ts #held',
      bound: '1,024 messages and 32 MiB; more is dropped and sent again',
      test: 'unit/base/early-messages: beyond the number, or the bytes, it is dropped',
    },
    {
      field: 'base/recent.ts #held',
      bound:
        'its `max`: 16,384 signatures of a replica, 1,024 ended plans of a worker, 64 peers of other versions; the oldest is forgotten',
      test: 'unit/base/recent: beyond the bound the oldest is forgotten; what is set again is the youngest',
    },
    {
      field: 'crypto/node/bls-scheme.ts #singles',
      bound: '4,096 checks with `#sums`; more count as failed',
      test: 'unit/crypto/bls-scheme: what waits for the worker is bounded: beyond it the answer is no, at once',
    },
    {
      field: 'crypto/node/bls-scheme.ts #sums',
      bound: '4,096 checks with `#singles`; more count as failed',
      test: 'unit/crypto/bls-scheme: what waits for the worker is bounded: beyond it the answer is no, at once',
    },
    {
      field: 'net/bootstrap-loop.ts #meeting',
      bound: '16; others are met in a later round',
      test: 'unit/net/bootstrap-loop: meets a stranger once at a time, never itself, and no more than its bound',
    },
    {
      field: 'net/bounded-datastore.ts #others',
      bound: '4,096; the longest untouched goes',
      test: 'unit/net/bounded-datastore: bounds everything else as well',
    },
    {
      field: 'net/bounded-datastore.ts #peers',
      bound: '16,384; the longest untouched goes',
      test: 'unit/net/bounded-datastore: forgets the records of a peer with its addresses',
    },
    {
      field: 'net/bounded-datastore.ts #providersOf',
      bound: 'as `#providers`',
      test: 'unit/net/bounded-datastore: holds one peer to its share, at its own expense',
    },
    {
      field: 'net/bounded-datastore.ts #providers',
      bound: '65,536 records, 512 of one peer; the longest untouched goes',
      test: 'unit/net/bounded-datastore: drops the longest untouched record at the total bound',
    },
    {
      field: 'net/incoming-channel.ts #running',
      bound: '`RUNNING_MAX` requests a stream; the rest of the stream is not read',
      test: 'unit/net/channels: answers no more requests at once than its bound, and reads on as they finish',
    },
    {
      field: 'net/outbox.ts #frames',
      bound: 'frames and bytes as given; a writer waits, or is refused',
      test: 'unit/net/outbox: refuses beyond either bound and has room again after reading',
    },
    {
      field: 'net/peer-budgets.ts #buckets',
      bound: '4,096; full buckets are forgotten first',
      test: 'unit/net/peer-budgets: peers are bounded: full buckets are forgotten before used ones',
    },
    {
      field: 'net/peer-memory.ts #known',
      bound: '64 addresses, two a peer',
      test: 'unit/net/peer-memory: the newest are kept, and no more than the maximum',
    },
    {
      field: 'net/peer-standing.ts #peers',
      bound: '4,096; the longest quiet is forgotten',
      test: 'unit/net/standing: remembers a bounded number of peers, forgetting the longest quiet',
    },
    {
      field: 'roles/cadre-drafts.ts #drafts',
      bound: 'with live plans as many as `plansMax`, each of one requester `plansPerRequesterMax`',
      test: 'unit/roles/cadre-service: seats are limited, of all and of one requester, and given up when never opened',
    },
    {
      field: 'roles/cadre-service.ts #byJob',
      bound: 'as `#live`',
      test: 'unit/roles/cadre-service: seats are limited, of all and of one requester, and given up when never opened',
    },
    {
      field: 'roles/cadre-service.ts #live',
      bound: '`plansMax`, of one requester `plansPerRequesterMax`; given up in the end',
      test: 'unit/roles/cadre-service: a plan that never ends is given up, so that its place is free',
    },
    {
      field: 'roles/input-holder.ts #plans',
      bound: '8 GiB together, 1 GiB a plan',
      test: 'unit/roles/input-holder: what is held for others is bounded, of one plan and of all',
    },
    {
      field: 'roles/job-provider.ts #jobs',
      bound: '192; the oldest is withdrawn',
      test: 'unit/roles/job-provider: the oldest give way, and what is removed is withdrawn',
    },
    {
      field: 'roles/job-provider.ts #queue',
      bound: 'as `#jobs`',
      test: 'unit/roles/job-provider: the oldest give way, and what is removed is withdrawn',
    },
    {
      field: 'roles/job-provider.ts #waiting',
      bound: 'as `#jobs`',
      test: 'unit/roles/job-provider: the oldest give way, and what is removed is withdrawn',
    },
    {
      field: 'roles/known-results.ts #known',
      bound: '16,384 shards; the least recently used goes',
      test: 'unit/roles/known-results: the least recently used go first',
    },
    {
      field: 'roles/local-judge.ts #pending',
      bound: '4,096, of one worker 512',
      test: 'unit/roles/local-judge: one worker that floods does not keep the others out',
    },
    {
      field: 'roles/plan-archive.ts #entries',
      bound: '`plansMax`; the oldest quarter leaves at once',
      test: 'unit/roles/plan-archive: too many plans: the oldest quarter leaves at once',
    },
    {
      field: 'roles/plan-cache.ts #bases',
      bound: '96; the oldest makes room',
      test: 'unit/roles/plan-cache: a refused plan is not remembered, and the oldest makes room',
    },
    {
      field: 'roles/plan-cache.ts #plans',
      bound: '96; the oldest makes room',
      test: 'unit/roles/plan-cache: a refused plan is not remembered, and the oldest makes room',
    },
    {
      field: 'roles/replay-log.ts #events',
      bound: '10,000 events; the oldest are lost, and counted',
      test: 'unit/roles/replay-log: beyond the bound the oldest are lost, and counted',
    },
    {
      field: 'roles/training/coordinator.ts #counted',
      bound: 'enrolled clients',
      test: 'unit/roles/training/round-desk: seats are bounded, and free again when their holders stay silent',
    },
    {
      field: 'roles/training/coordinator.ts #told',
      bound: 'enrolled clients',
      test: 'unit/roles/training/round-desk: seats are bounded, and free again when their holders stay silent',
    },
    {
      field: 'roles/training/enrolment.ts #missed',
      bound: "the training's `clients`",
      test: 'unit/roles/training/round-desk: seats are bounded, and free again when their holders stay silent',
    },
    {
      field: 'roles/training/round-desk.ts #updates',
      bound: 'one a client that is enrolled',
      test: 'unit/roles/training/round-desk: one client has one update, and one update has one client',
    },
    {
      field: 'roles/worker.ts #plans',
      bound: '64, of one requester 8; each a day at most',
      test: 'unit/roles/worker: plans are limited, of all and of one requester',
    },
    {
      field: 'store/disk-chunks.ts #blobs',
      bound: "what lies on disk: the store's `bytesMax`",
      test: 'conformance/blob-store: fails beyond its bound and keeps what it had',
    },
    {
      field: 'store/disk-files.ts #places',
      bound: "what lies on disk: the store's `bytesMax`",
      test: 'conformance/blob-store: fails beyond its bound and keeps what it had',
    },
    {
      field: 'store/leaf-lists.ts #lists',
      bound: '32 MiB; the least recently used goes',
      test: 'unit/store/leaf-lists: of more than 32 MiB the least recently used go',
    },
    {
      field: 'store/memory-blob-store.ts #blobs',
      bound: '`bytesMax`; the least recently used goes, else OVERLOADED',
      test: 'conformance/blob-store: stays within its bound however many put at once',
    },
    {
      field: 'store/memory-blob-store.ts #parts',
      bound: 'as `#blobs`',
      test: 'conformance/blob-store: makes room: what was used longest ago goes first, as a whole',
    },
    {
      field: 'swarm/advert-book.ts #entries',
      bound: '4,096; expired ones go, then the one held longest',
      test: 'unit/swarm/advert-book: when full, all expired ones go; without any, the one held longest',
    },
    {
      field: 'swarm/advert-book.ts #verified',
      bound: 'two a peer; the longest unused first',
      test: 'unit/swarm/advert-book: what was verified is forgotten at the bound, the longest unused first',
    },
  ],
  seats: [
    {
      field: 'consensus/sync-archive.ts #blocks',
      bound: 'blocks of two eras',
      test: 'unit/consensus/sync-server: the archive is bounded: the oldest blocks and payloads go',
    },
    {
      field: 'consensus/sync-archive.ts #checkpoints',
      bound: 'two, at the boundaries of eras',
      test: 'unit/consensus/sync-server: the archive is bounded: the oldest blocks and payloads go',
    },
    {
      field: 'consensus/sync-archive.ts #evidence',
      bound: 'what the kept blocks name',
      test: 'unit/consensus/sync-server: the archive is bounded: the oldest blocks and payloads go',
    },
    {
      field: 'consensus/sync-archive.ts #payloads',
      bound: 'what the kept blocks name, and 256 MiB',
      test: 'unit/consensus/sync-server: the archive is bounded: the oldest blocks and payloads go',
    },
    {
      field: 'consensus/sync-client.ts #blocks',
      bound: '64 walks; the oldest gives way',
      test: 'unit/consensus/sync-client: at most 64 fetches are under way: the oldest gives way',
    },
    {
      field: 'consensus/sync-client.ts #payloads',
      bound: '64 fetches; the oldest gives way',
      test: 'unit/consensus/sync-client: at most 64 fetches are under way: the oldest gives way',
    },
    {
      field: 'consensus/sync-inbox.ts #inflight',
      bound: '256 messages and 32 MiB a seat; more is dropped',
      test: 'unit/consensus/sync-inbox: one seat has a bounded number under way, and the others theirs',
    },
    {
      field: 'roles/closed-votes.ts #waves',
      bound: 'judges times waves times shards that this worker took',
      test: 'unit/roles/worker: strangers cannot assign, and nobody gets shards outside the order',
    },
    {
      field: 'roles/outcome-votes.ts #keys',
      bound: 'one a judge',
      test: 'unit/roles/outcome-votes: only the first statement of a judge counts',
    },
  ],
  plan: [
    { field: 'blob/chunk-puller.ts #avoidUntilMs', bound: 'holders of one input' },
    {
      field: 'blob/chunk-puller.ts #pulling',
      bound: 'chunks of one input; four at a time are fetched',
    },
    { field: 'consensus/sync-inbox.ts #answeredMs', bound: 'two a seat' },
    { field: 'consensus/sync-seen.ts #clearedBy', bound: 'one a seat' },
    { field: 'consensus/sync-seen.ts #newest', bound: 'three a seat' },
    { field: 'consensus/sync-server.ts #budgets', bound: 'one a seat' },
    {
      field: 'roles/announcer.ts #closed',
      bound: 'closed sets of one plan: shards times workers of a shard',
    },
    { field: 'roles/announcer.ts #links', bound: 'epochs of one plan: the ranks of its window' },
    {
      field: 'roles/averaging/piece-queue.ts #pieces',
      bound: 'pieces of one part; each goes when all have it',
    },
    { field: 'roles/averaging/piece-queue.ts #taken', bound: 'members of one session' },
    { field: 'roles/cadre-watch.ts #goneSinceMs', bound: 'members of one cadre' },
    { field: 'roles/collect.ts #failures', bound: 'one a holder' },
    { field: 'roles/input-cache.ts #introduced', bound: 'workers of one plan' },
    { field: 'roles/input-cache.ts #pullers', bound: 'inputs of one plan' },
    {
      field: 'roles/input-cache.ts #segments',
      bound: "what the shards in hand read: 256 MiB, or a single shard's input",
    },
    { field: 'roles/input-cache.ts #small', bound: 'inputs of up to one leaf' },
    { field: 'roles/input-room.ts #reads', bound: 'ranges of the shards of one chunk' },
    {
      field: 'roles/input-spread.ts #intervals',
      bound: '65,536 shards; larger plans have no order',
    },
    {
      field: 'roles/local-judge.ts #executed',
      bound: 'records that had an effect: each changes a shard of the plan',
    },
    { field: 'roles/member-epochs.ts #toldMs', bound: "ranks of one plan's window" },
    { field: 'roles/overdue-watch.ts #awaited', bound: 'what one ledger waits for' },
    { field: 'roles/overdue-watch.ts #doubted', bound: 'workers of one plan' },
    { field: 'roles/overdue-watch.ts #marked', bound: 'what one ledger waits for' },
    { field: 'roles/overdue-watch.ts #probing', bound: 'workers of one plan' },
    { field: 'roles/overdue-watch.ts #waiting', bound: 'what one ledger waits for' },
    { field: 'roles/requester-job.ts #kernelMs', bound: 'workers of one plan' },
    { field: 'roles/sealed-work.ts #batches', bound: 'shards that this worker sealed' },
    {
      field: 'roles/sealed-work.ts #reveals',
      bound: 'one a seal and notice of its closed set, each shard once',
    },
    { field: 'roles/silence-watch.ts #heardMs', bound: 'seats of one cadre' },
    { field: 'roles/worker-job.ts #queue', bound: 'shards in reach of this worker, times waves' },
    {
      field: 'roles/worker-job.ts #taken',
      bound: 'shards in reach of this worker, times waves',
      test: 'unit/roles/worker: strangers cannot assign, and nobody gets shards outside the order',
    },
    { field: 'roles/worker-job.ts #unlogged', bound: 'assignments until the next seal' },
    { field: 'store/pins.ts #byOwner', bound: 'one a live plan or job' },
    { field: 'store/pins.ts #counts', bound: 'roots of live plans and jobs' },
  ],
  operator: [
    {
      field: 'node/api/job-table.ts #jobs',
      bound: '64 running, 256 ended and 2 GiB of results',
      test: 'unit/node/api-tables: running jobs are bounded, counting those that are still being planned',
    },
    {
      field: 'node/api/upload-table.ts #held',
      bound: '1,024 uploads and 4 GiB; the oldest make room',
      test: 'unit/node/api-tables: uploads are joined, named by their root, and the oldest make room',
    },
    {
      field: 'roles/job-records.ts #jobs',
      bound: '256 running; 1,024 ended and a day',
      test: 'unit/roles/job-records: of too many ended jobs the oldest give way',
    },
    { field: 'roles/job-records.ts #writing', bound: 'one a job' },
    { field: 'roles/requester.ts #byPlan', bound: 'as `#jobs`' },
    { field: 'roles/requester.ts #jobs', bound: '256 running; more are refused as OVERLOADED' },
    {
      field: 'store/linked-blobs.ts #links',
      bound: "this node's own input files; let go when unused",
    },
  ],
  node: [
    { field: 'base/lifecycle.ts #started', bound: 'the services of one node' },
    {
      field: 'consensus/driver.ts #inputs',
      bound: '1,024 before the log is read; drained in the same turn afterwards',
    },
    { field: 'consensus/driver.ts #listeners', bound: 'one per role that listens' },
    { field: 'consensus/driver.ts #timers', bound: 'the names of timers, a closed list' },
    { field: 'consensus/recovery.ts #commits', bound: 'blocks of the log that is being read' },
    {
      field: 'consensus/recovery.ts #parts',
      bound: 'parts of one snapshot in the log, each checked when it was written',
    },
    { field: 'consensus/round-trips.ts #askedMs', bound: '16 of our own proposals' },
    { field: 'net/kad-directory.ts #announced', bound: '64 classes' },
    { field: 'net/kad-directory.ts #extra', bound: '384 classes' },
    {
      field: 'net/libp2p-network.ts #bulkSlots',
      bound: 'one a peer that this node is reading from',
    },
    {
      field: 'net/libp2p-network.ts #channels',
      bound: 'one a peer and protocol that this node speaks to; closed when idle',
    },
    { field: 'net/libp2p-network.ts #disconnectListeners', bound: 'one a role' },
    { field: 'net/libp2p-network.ts #handlers', bound: 'the protocols, a closed list' },
    {
      field: 'net/outgoing-channel.ts #waiting',
      bound: "`REQUESTS_MAX` of this node's own requests; more are refused as OVERLOADED",
      test: 'unit/net/channels: queues from before the stream is open, in order, and refuses beyond its bounds',
    },
    { field: 'net/reachability.ts #listeners', bound: 'one a role' },
    { field: 'net/slots.ts #waiting', bound: "this node's own readers of one peer" },
    { field: 'roles/averaging/averager.ts #sessions', bound: "16 of this node's own" },
    {
      field: 'roles/ended-plans.ts #batches',
      bound: '16,384 plans and a day; the oldest batch goes',
    },
    { field: 'roles/ended-plans.ts #byComputation', bound: 'as `#batches`' },
    { field: 'roles/ended-plans.ts #byJob', bound: 'as `#batches`' },
    { field: 'roles/ended-plans.ts #byPlan', bound: 'as `#batches`' },
    { field: 'roles/training/training-desk.ts #trainings', bound: "this node's own trainings" },
    { field: 'roles/work-gate.ts #reasons', bound: 'a closed list' },
    { field: 'store/disk-blob-store.ts #writing', bound: 'writes under way' },
    {
      field: 'store/ended-plan-store.ts #batches',
      bound: 'for simulated nodes; as `roles/ended-plans.ts`',
    },
    { field: 'store/job-store.ts #jobs', bound: 'for simulated nodes; as `roles/job-records.ts`' },
    {
      field: 'store/wal.ts #waiting',
      bound: 'appends that are not durable yet; their writers wait',
    },
    { field: 'store/work-store.ts #works', bound: 'for simulated nodes; as `roles/worker.ts`' },
  ],
};
