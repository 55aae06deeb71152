/** The other end of a socket. */

/** Identity of an open socket; never reused while the Origin lives. */
export type SocketId = string;

/** The peer as the Worker has authenticated it. */
export interface Peer {
  /**
   * `home`: the cluster's own relay. `watch`: a reading cluster's relay. `admin`: the admin API
   * reads as `clusterUid` may.
   */
  readonly role: "home" | "watch" | "admin";
  readonly clusterUid: string;
  readonly keyGeneration: number;
  /** Unix ms at which its socket opened; absent of sockets that a version before has accepted. */
  readonly openedMs?: number;
}
