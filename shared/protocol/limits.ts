/** Limits that the receiver enforces, each with its unit and the reason for its size. */
export const LIMITS = {
  /** Bytes of one message: a blob of 1.5 MB and its envelope. */
  messageBytes: 1_600_000,
  /**
   * Leaf digests in one `repair` or `reconcile`: an origin has at most 600,000 keys in a channel,
   * which are about 2,000 leaves.
   */
  partitions: 4_096,
  /** Bytes of a `repair` or `reconcile`: as many leaves, at 27 bytes. */
  leavesBytes: 128 * 1024,
  /**
   * Bytes of a `report`: 1,000 edges with names as long as they may be (360 bytes), and what is
   * said of the cluster.
   */
  reportBytes: 512 * 1024,
  /** Bytes of a hello: a position in each of 16 channels. */
  helloBytes: 8 * 1024,
  /** Bytes of any other message that only says something. */
  smallBytes: 512,
  /** Milliseconds that a relay's token may live. */
  tokenMs: 300_000,
  /** Milliseconds by which a relay's clock may differ from the hub's. */
  clockSkewMs: 30_000,
  /** Milliseconds from the upgrade to the hello. */
  helloMs: 10_000,
  /** Bytes in flight to one reader that did not say how much it takes. */
  defaultCreditBytes: 4 * 1024 * 1024,
  /**
   * Bytes in flight to all readers of one Origin beyond what each has for itself: a quarter of a
   * Durable Object's 128 MB.
   */
  inFlightBytes: 32 * 1024 * 1024,
  /**
   * Bytes in flight that each reader has for itself, so that stalled ones take nothing from the
   * others.
   */
  readerFloorBytes: 64 * 1024,
  /**
   * Bytes in flight at which nobody is sent anything: with one more message the object stays below
   * 96 MB of them.
   */
  inFlightCapBytes: 80 * 1024 * 1024,
  /**
   * Bytes in flight to all readers of one member, over all Origins of a process: more than one
   * Origin may have in flight to everybody.
   */
  memberBytes: 96 * 1024 * 1024,
  /**
   * Bytes in flight to all readers of a process: with what the Origins need themselves it stays
   * below 700 MB.
   */
  processBytes: 256 * 1024 * 1024,
  /** Bytes in flight that each member has for itself where the process is full. */
  memberFloorBytes: 1024 * 1024,
  /**
   * Bytes that a reader is sent which cannot prove that it takes them, before it must connect anew.
   */
  unprovenBytes: 16 * 1024 * 1024,
  /** Frames that a publisher sends before it waits for an acknowledgement. */
  unacknowledgedFrames: 2,
  /**
   * Bytes after which the hub sends a mark, which the reader acknowledges at once; of version 2:
   * that a reader takes in before it acknowledges.
   */
  ackBytes: 32 * 1024,
  /** Milliseconds after which a reader acknowledges what it has taken in. */
  ackMs: 30_000,
  /**
   * Relays of one cluster that are connected to one Origin: to its own one publishes and the others
   * stand by, of another all read. As many nodes as Kubernetes supports.
   */
  relaysOfCluster: 5_000,
} as const;
