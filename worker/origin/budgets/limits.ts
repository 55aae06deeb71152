/**
 * Every budget and limit of the hub's Origins, in one record: what one event may do, what one
 * origin, cluster or member may have, and how much is kept. A name ends with its unit; the comment
 * says what the value protects and names the rule of SPEC.md whose tests show it. Limits that peers
 * keep to are in `shared/protocol/limits.ts`. The simulation runs with smaller values.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export const BUDGETS = {
  // Work of one event, so that the other objects of the thread have their turns.

  /** Bytes read and sent to readers in one event: about 4 ms. [LOG18] */
  eventBytes: 768 * KIB,
  /** Cost of one message in `eventBytes`, beside its own length. [LOG18] */
  eventMessageBytes: 12 * KIB,
  /** Trie leaves hashed for digests in one event: about 2 ms. [LOG18] */
  eventDigestLeaves: 128,
  /** Trie leaves hashed in one event for the digests that a `home-welcome` carries. [LOG18] */
  welcomeDigestLeaves: 32,
  /** Deflated bytes of the frames of one commit. [LOG16] */
  commitBytes: 32 * KIB,
  /** Frames of one commit. [LOG16] */
  commitFrames: 64,
  /** Changes that one commit takes in; the rest of a larger frame is next. [LOG16] */
  commitChanges: 400,
  /** Inflated bytes of records that one commit takes in. [LOG61] */
  commitRecordBytes: 256 * KIB,
  /** Blobs that one step of folding rewrites. [LOG60] */
  foldStepBlobs: 2,
  /** `commitBytes` while other publishers are at work in the same thread. [LOG22] */
  sharedCommitBytes: 4 * KIB,
  /** `commitChanges` while other publishers are at work in the same thread. [LOG22] */
  sharedCommitChanges: 250,
  /** `commitRecordBytes` while other publishers are at work in the same thread. [LOG22] */
  sharedCommitRecordBytes: 128 * KIB,
  /** `foldStepBlobs` while other publishers are at work in the same thread. [LOG60] */
  sharedFoldStepBlobs: 1,
  /** Refused records judged again in one event. [LOG22] */
  rejudgeRecords: 100,
  /** Inflated bytes of records judged again in one event. [LOG22] */
  rejudgeBytes: 256 * KIB,
  /** Frames or blobs read in one event to judge admitted records again. [ADM9] */
  reviewReads: 8,
  /** Records read in one event for a dry run: below 1 ms, after some 3 ms for a blob. [API51] */
  effectStepRecords: 200,
  /** Records projected in one event while a projection is built: about 5 ms. [SCP6] */
  projectionStepRecords: 400,
  /** Inflated bytes of records projected in one event. [SCP6] */
  projectionStepBytes: 256 * KIB,
  /** Frames or blobs read in one event for a projection: a small frame costs 0.1 ms. [SCP6] */
  projectionStepReads: 32,
  /** Leaves compared in one event of an answer to `reconcile`: about 2 ms. [LOG18] */
  reconcileLeaves: 512,
  /** Messages of an answer to `reconcile` in one event. [LOG18] */
  reconcileMessages: 12,
  /** Bytes of pairs in an answer to `reconcile` in one event. [LOG18] */
  reconcilePairBytes: 96 * KIB,
  /** Rows of a removed log, or of a projection nobody needs, deleted in one event. [VIS7] */
  wipedRows: 40,
  /** Log entries read between two turns of others when an Origin starts: a few ms. [LOG18] */
  loadEntries: 2_000,
  /** Refused records whose hashes are read at once when an Origin starts. [LOG18] */
  loadRecords: 500,

  // Messages to a reader that is behind.

  /** Bytes of records after which a `catch-up` is full. [LOG15] */
  catchUpBytes: 256 * KIB,
  /** Stored frames inflated for one `catch-up`. [LOG15] */
  catchUpFrames: 128,
  /** Changes read for one `catch-up`, newest of their key or not. [LOG15] */
  catchUpChanges: 1_000,
  /** Changes read in one turn for all `catch-up` messages that are not cached. [LOG15] */
  catchUpTurnChanges: 1_000,
  /** Bytes of `catch-up` messages kept for the next reader at the same position. [LOG15] */
  catchUpCacheBytes: 2 * MIB,

  // Digests that go with their commits: 1.5 ms a second.

  /** Leaves hashed for them over time. [LOG20] */
  digestLeavesPerSecond: 100,
  /** Leaves hashed for one of them. [LOG20] */
  digestLeavesAtOnce: 16,

  // Publications of one origin.

  /** Changes over time: 10,000 pods that all restart within a minute make about 500. [LOG19] */
  changesPerSecond: 10_000,
  /** Changes at once: a first publication of a large cluster. [LOG19] */
  burstChanges: 600_000,
  /** Work over time beside other publishers, in changes: a fifth of the thread. [LOG22] */
  sharedChangesPerSecond: 10_000,
  /** Work at once beside other publishers: a pod that changes now and then never waits. [LOG22] */
  sharedBurstChanges: 300,
  /** Keys of one channel, admitted or refused. [LOG57] */
  channelKeys: 600_000,
  /** Refused records that are kept with the rule that refused them. [LOG57] */
  quarantinedRecords: 50_000,
  /** Bytes of a channel's records as stored: four times what 600,000 pods have. [LOG68] */
  admittedBytes: 256 * MIB,
  /** Bytes of a channel's refused records, as they are kept. [LOG68] */
  refusedBytes: 32 * MIB,
  /** Bytes of frames that wait: a publisher that keeps to two under way has fewer. [LOG19] */
  waitingBytes: 8 * MIB,
  /** Frames that wait. [LOG19] */
  waitingFrames: 512,
  /** Time between two looks whether folding has made room for what waits. [LOG61] */
  foldWaitMs: 2,
  /** Records of all projections of an origin: about 32 MB of its memory. [SCP7] */
  projectionRecords: 250_000,
  /** Claims over time: a claim costs the Mesh a decision and all relays new facts. [LOG29] */
  claimsPerSecond: 1,
  /** Questions for claims at once: a cluster has a few pools. [LOG29] */
  claimsAtOnce: 8,
  /** Claims of one question. [LOG29] */
  questionClaims: 256,
  /** Time between two notes to the Mesh about the cluster's pools. [VIS32] */
  noteMs: 5_000,
  /** Time that relays have to obey an order about routes, before it goes on without them. [OVL7] */
  orderMs: 10_000,

  // Messages of a cluster's relays, and the work of the process for a member.

  /** Messages of a cluster over time that neither publish nor acknowledge. [LOG23] */
  messagesPerSecond: 1_000,
  /** Such messages at once: 500 relays that all come back say a few thousand. [LOG23] */
  burstMessages: 5_000,
  /** Bytes of an acknowledgement that was paid for by the messages before it. [LOG23] */
  acknowledgedBytes: 64,
  /** µs of the thread that a member may use, a second: a tenth of it. [LOG28] */
  memberUsPerSecond: 100_000,
  /** µs of the thread that a member may use at once. [LOG28] */
  memberBurstUs: 20_000,
  /** µs that a member can owe: work done alone is not held against it for long. [LOG28] */
  memberDebtUs: 200_000,
  /** µs of a message from which on it waits for a timer, where others work. [LOG28] */
  longMessageUs: 1_000,
  /** Time from one such message of an Origin to the next: that of two of the longest. [LOG28] */
  turnMs: 6,
  /** µs charged for a broken message: ten times what 8 MiB inflated in vain take. [LOG28] */
  brokenMessageUs: 100_000,
  /** Messages of one socket that wait for its member's share. [LOG28] */
  heldMessages: 64,
  /** Bytes of messages of one member that wait at one Origin. [LOG28] */
  heldBytes: 2 * MIB,

  /** Characters of a report that is read at once: about 1 ms. [LOG74] */
  smallReportChars: 32 * KIB,
  /** Larger reports that wait to be read: beside others their price lets fewer come. [LOG74] */
  waitingReports: 4,
  /** Edges that all relays of a cluster report, as they are kept: about 60 MB. [LOG75] */
  reportedEdges: 100_000,

  /** Connections that a member may open over time: a quarter of the thread. [API37] */
  dialsPerSecond: 500,
  /** Connections that a member may open at once: those of 5,000 relays that come back. [API37] */
  dialsAtOnce: 5_000,
  /** Bytes of a member over time, before it dials after it went over its share. [LOG77] */
  memberBytesPerSecond: 4 * MIB,
  /** Bytes as which a message counts besides its own: it takes as long to be read. [LOG77] */
  messageCountBytes: 4 * KIB,
  /** Such bytes at once: what is on its way to a socket that is closed. [LOG77] */
  memberBytesAtOnce: 2 * MIB,
  /** Such bytes that a member can owe: half a minute. [LOG77] */
  memberDebtBytes: 120 * MIB,
  /** Time for which a member opens nothing after a flood into a closed socket. [LOG71] */
  dialPauseMs: 60_000,
  /** Messages of a closed socket that may have been on their way. [LOG71] */
  closedMessages: 1_000,
  /** Memory outside of V8's heap that may be left behind before it is collected. [LOG73] */
  unseenBytes: 160 * MIB,
  /** What a connection leaves of it: 20 to 87 KiB were measured. [LOG73] */
  socketUnseenBytes: 64 * KIB,
  /** What a request leaves of it. [LOG73] */
  requestUnseenBytes: 4 * KIB,
  /** What a message that has a price [LOG28] leaves, for each of its bytes. [LOG73] */
  messageUnseenShare: 3,
  /** Warnings of an Origin in the hub's log over time: members cause them. [LOG72] */
  warningsPerSecond: 0.1,
  /** Such warnings at once. [LOG72] */
  warningsAtOnce: 20,
  /** Life of a socket, after which its peer shows a new token: a credential has no end. [CRE26] */
  socketLifeMs: 24 * 3_600_000,
  /** By so much at most it ends earlier, so that all do not end together. [CRE26] */
  socketLifeJitterMs: 3_600_000,
  /** Tokens of a cluster that are remembered: of 5,000 relays with 12 views each. [CRE22] */
  usedTokens: 65_536,

  // Shares of the process.

  /** Part of the disk's time that publishers get: the rest is for folding and readers. [LOG21] */
  diskShare: 0.5,
  /** A publisher is at work when it was heard within this time. [LOG21] */
  diskWindowMs: 1_000,
  /** Longest pace that the disk's share asks for. [LOG21] */
  longestPaceMs: 5_000,
  /** Shortest pace: smaller frames cost a ms each and gain little. [LOG17] */
  shortestPaceMs: 3,
  /** A member has at most so many times as many sockets as are left. [API14] */
  socketsPerFreeSocket: 4,
  /** Time for which a socket that went still counts: its file is closed later. [API64] */
  goneMs: 500,
  /** Sockets with those that went, of the bound: the files that are left are more. [API64] */
  withGoneShare: 7 / 6,
  /** Closed sockets whose other end has not gone, before the object restarts. [LOG48] */
  halfClosedSockets: 16,
  /** Time after which a closed socket counts as one that does not go. [LOG48] */
  halfClosedMs: 60_000,
  /** Time after which a reader that acknowledges nothing is stalled, where others wait. [LOG9] */
  stalledMs: 60_000,

  // Rows and memory of a log.

  /** Frames kept a channel; an older one is overwritten once it is folded. [LOG4] */
  ringFrames: 2_048,
  /** Keys changed since the last fold, or as many as there are, before the next. [LOG4] */
  foldChanges: 2_000,
  /** Bytes of frames since the last fold, before the next. [LOG4] */
  foldBytes: 4 * MIB,
  /** Frames since the last fold, before the next: five eighths of the ring. [LOG4] */
  foldFrames: (2_048 * 5) / 8,
  /** Frames since the last fold at which nothing more is taken in. [LOG61] */
  fullFrames: (2_048 * 7) / 8,
  /** Undeflated bytes of a blob's records: to rewrite as much takes 3 ms. [LOG60] */
  blobRecordBytes: 256 * KIB,
  /** Memory that one fold holds; the rest is for the next. [LOG18] */
  foldHeldBytes: 12_000_000,
  /** Frames remembered beyond their rows, at 18 bytes. [LOG15] */
  recentFrames: 16_384,
  /** Deletes remembered; with more the memory begins later. [LOG15] */
  recentDeletes: 65_536,
  /** Changes of a frame that is kept for the next fold: larger ones are read again. [LOG18] */
  keptFrameChanges: 64,
  /** Bytes of a frame that is kept for the next fold. [LOG18] */
  keptFrameBytes: 8 * KIB,
  /** Pieces of memory for such frames, of all logs of an origin together. [LOG18] */
  keptPieces: 384,
  /** Bytes of a piece. [LOG18] */
  pieceBytes: 32 * KIB,
  /** Bytes of a log's first piece: most logs of a large hub have few changes. [LOG18] */
  firstPieceBytes: 4 * KIB,
} as const;
