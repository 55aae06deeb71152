/**
 * What happened, in order: all that validators judge. Keys and hashes are lower-case hex; clusters
 * are UIDs, `home` the place that a cluster runs at.
 */
import type { Message } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { OverlayPhase } from "../../shared/visibility/overlay-order.ts";

/** Key hash to record hash; `null` for a delete. */
export type Entries = ReadonlyMap<string, string | null>;

export interface LoggedFrame {
  readonly revision: number;
  /** Chain before it, and after it. */
  readonly previous: string;
  readonly chain: string;
  readonly entries: Entries;
}

export interface LoggedLog {
  readonly epoch: string;
  readonly frames: readonly LoggedFrame[];
}

export interface StoredAccess {
  readonly version: number;
  readonly readers: ReadonlySet<string>;
  /** Of readers whose grant has a scope: its id. */
  readonly scopes?: ReadonlyMap<string, string>;
}

/** A projection as it is stored. */
export interface StoredProjection {
  /** Of its scope. */
  readonly id: string;
  readonly logs: ReadonlyMap<Channel, LoggedLog>;
}

/** What a place's source has under a key. */
export interface SourceState {
  readonly hash: string;
  /** Its addresses are the cluster's own, so that it is to be admitted. */
  readonly isOwn: boolean;
  readonly ips: readonly string[];
  /** Addresses that it makes the cluster's own: of a pool or node. */
  readonly owns: readonly string[];
  readonly channel: Channel;
  /** Of Services. */
  readonly record?: CalicoRecord;
  /** Hash of what a scope shows of it, by the scope's id; `null`: nothing. */
  readonly shown?: (id: string) => string | null;
}

export interface Served {
  readonly hash: string;
  readonly isEndpoint: boolean;
  /** It says something of Services, which Felix knows nothing of. */
  readonly isOfServices?: boolean;
  readonly ips: readonly string[];
  /** Its labels are given to rules under keys with the RCC's name. */
  readonly isPrefixed?: boolean;
  /** Whether a scope may show a record like this, by the scope's id. */
  readonly fits?: (id: string) => boolean;
}

/** What a relay says of one remote, and what it holds of it. */
export interface SeenRemote {
  readonly rcc: string;
  readonly origin: string;
  readonly status: number;
  readonly endpoints: number;
  readonly revision: number;
  readonly digest: string | null;
  /** Served records by key hash; those that the relay refuses are in `refused`. */
  readonly served: ReadonlyMap<string, Served>;
  readonly refused: ReadonlySet<string>;
  /** Position of each channel, as the messages that it was sent say. */
  readonly positions: ReadonlyMap<Channel, { readonly epoch: string; readonly revision: number }>;
  readonly isOpen: boolean;
}

export type Happening =
  /**
   * The operator has changed who sees whom: `reader origin` pairs that are effective from now on,
   * with the RCC's name.
   */
  | {
      readonly what: "edges";
      readonly effective: ReadonlyMap<string, string>;
      /** Those whose RCC asks for prefixed labels. */
      readonly prefixed?: ReadonlySet<string>;
      /** The scope's id of those whose grant has one. */
      readonly scopes?: ReadonlyMap<string, string>;
      /** Those whose RCC asks for routes. */
      readonly routed?: ReadonlySet<string>;
    }
  /**
   * The whole hub was put back as it was when a backup was made; its storages and the edges follow.
   */
  | { readonly what: "restored" }
  /** What the Mesh that was restored has of its clusters' health, by UID. */
  | { readonly what: "remembered"; readonly told: ReadonlyMap<string, ToldHealth> }
  /** Nothing happens in this run but restarts, one after the other. */
  | { readonly what: "calm" }
  /**
   * The Mesh has taken note of another state of a cluster, of which the hub had heard nothing for
   * `silentMs`, or until a moment ago.
   */
  | {
      readonly what: "health";
      readonly uid: string;
      readonly told: ToldHealth;
      readonly silentMs: number;
    }
  /** All relays of a cluster have been gone since then, and the hub was there. */
  | { readonly what: "dark"; readonly uid: string; readonly sinceMs: number }
  /** Each place has made so many changes since then, and nothing else has happened. */
  | {
      readonly what: "probed";
      readonly sinceMs: number;
      readonly probes: number;
      readonly told: readonly ToldLatency[];
    }
  /** All Origins know that this cluster is suspended, or it is suspended no more. */
  | { readonly what: "suspended"; readonly uid: string; readonly isSuspended: boolean }
  /** A place is this member from now on. */
  | { readonly what: "member"; readonly place: string; readonly uid: string }
  | {
      readonly what: "source";
      readonly place: string;
      readonly key: string;
      readonly state: SourceState | null;
    }
  /** An Origin's storage is this, all of it: new, put back to an older copy, or lost. */
  | {
      readonly what: "storage";
      readonly origin: string;
      readonly logs: ReadonlyMap<Channel, LoggedLog>;
      readonly kept: ReadonlyMap<string, string>;
      /** Who may read, as it is stored; `null`: not known. */
      readonly access: StoredAccess | null;
      /** By slot. */
      readonly projections?: ReadonlyMap<number, StoredProjection>;
      readonly why: "new" | "rolled back" | "lost" | "wiped";
    }
  | {
      readonly what: "commit";
      readonly origin: string;
      /** Of a projection. */
      readonly slot?: number;
      readonly channel: Channel;
      readonly epoch: string;
      readonly frame: LoggedFrame;
    }
  /** Quarantined, or released (`null`). */
  | {
      readonly what: "kept";
      readonly origin: string;
      readonly key: string;
      readonly hash: string | null;
    }
  /** An instance of an Origin starts; the Mesh then had this version for it. */
  | { readonly what: "instance"; readonly origin: string; readonly meshVersion: number }
  | ({ readonly what: "access"; readonly origin: string } & StoredAccess)
  /** The projections that an Origin has from now on: scope ids by slot. */
  | {
      readonly what: "projections";
      readonly origin: string;
      readonly slots: ReadonlyMap<number, string>;
    }
  /** An Origin has sent a message to a relay of cluster `to`. */
  | {
      readonly what: "sent";
      readonly origin: string;
      readonly socket: string;
      readonly role: "home" | "watch" | "admin";
      readonly to: string;
      readonly message: Message;
    }
  /** An Origin takes a message in. */
  | {
      readonly what: "received";
      readonly origin: string;
      readonly socket: string;
      readonly message: Message;
    }
  /** A relay has sent `reconciled`. */
  | { readonly what: "reconciled"; readonly origin: string; readonly channel: Channel }
  | {
      readonly what: "relay";
      readonly relay: string;
      readonly place: string;
      readonly uid: string;
      readonly state: "started" | "killed" | "put back" | "torn";
    }
  /** A relay was told what it may see: RCC name to origin, of those that are granted. */
  | {
      readonly what: "heard";
      readonly relay: string;
      readonly version: number;
      readonly granted: ReadonlyMap<string, string>;
      /** Scope ids, by RCC name. */
      readonly scopes?: ReadonlyMap<string, string>;
      /** Of a hub that was put back, and that nobody has confirmed. */
      readonly isUnconfirmed?: boolean;
      /** Phases of what is ordered about routes, by RCC name. */
      readonly orders?: ReadonlyMap<string, OverlayPhase>;
      /** The cluster that this is said to, whose relay it may be no more. */
      readonly cluster?: string;
      /** Pools of clusters that read its own, by their UIDs. */
      readonly readerPools?: ReadonlyMap<string, readonly string[]>;
    }
  /** What a relay tells its Felix; `key` is `<rcc> <key hash>`. */
  | {
      readonly what: "told";
      readonly relay: string;
      readonly place: string;
      readonly uid: string;
      readonly origin: string;
      readonly op: "put" | "delete";
      readonly key: string;
      readonly served: Served;
      readonly isNew: boolean;
    }
  /** What a relay tells its Felix for routes: nodes and blocks, by RCC and name. */
  | {
      readonly what: "routes";
      readonly relay: string;
      readonly uid: string;
      readonly changes: readonly {
        readonly rcc: string;
        readonly kind: "node" | "block";
        readonly op: "put" | "delete";
        readonly name: string;
      }[];
    }
  /** Pools of other clusters that Felix has, with their modes, beside those of its own cluster. */
  | {
      readonly what: "pools";
      readonly relay: string;
      readonly uid: string;
      readonly modes: ReadonlyMap<string, "none" | "vxlan">;
      /** Whether a pool of its own has VXLAN: else one with a mode ends Felix. */
      readonly hasVxlan: boolean;
    }
  /** A Felix ended of other clusters' pools: with its own alone it had not. */
  | { readonly what: "felix ended"; readonly relay: string; readonly reason: string }
  /** A relay tells the hub that it has obeyed an order about routes. */
  | {
      readonly what: "obeyed";
      readonly relay: string;
      readonly rcc: string;
      /** Of the routing channel, as the messages that it was sent say; `null`: of none. */
      readonly epoch: string | null;
    }
  /** A cluster's `shop/db` asks to be filled, or does not. */
  | { readonly what: "asking"; readonly place: string; readonly isAsking: boolean }
  /** A relay has written a slice of one of its cluster's Services. */
  | {
      readonly what: "slices";
      readonly relay: string;
      readonly place: string;
      readonly uid: string;
      /** `namespace/name` of the Service. */
      readonly service: string;
      /** All that its slices have now. */
      readonly endpoints: ReadonlyMap<string, InSlices>;
    }
  /** A Felix has connected anew; once the relay is loaded it drops what it was not told again. */
  | {
      readonly what: "felix";
      readonly relay: string;
      readonly place: string;
      readonly uid: string;
      readonly isLoaded: boolean;
      readonly dropped: ReadonlyMap<string, { readonly origin: string; readonly served: Served }>;
    }
  | ({ readonly what: "moved" } & FelixMove)
  /** A relay's own word and its view, at some moment. */
  | {
      readonly what: "seen";
      readonly relay: string;
      readonly place: string;
      readonly uid: string;
      readonly remotes: readonly SeenRemote[];
    }
  /** Everything is healed and quiet. */
  | {
      readonly what: "quiet";
      readonly relays: readonly QuietRelay[];
      readonly origins: readonly QuietOrigin[];
      readonly unacknowledged: number;
      /** Slices by place and Service, of places that show each other Services. */
      readonly slices?: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, InSlices>>>;
      /** Of RCCs that name members, as the admin API tells them. */
      readonly edges?: readonly QuietEdge[];
    }
  /** An event of the product threw. */
  | { readonly what: "thrown"; readonly where: string; readonly error: string }
  | { readonly what: "action"; readonly name: string }
  /**
   * Something of the surroundings went wrong, or came otherwise than it was sent; no validator
   * needs to know.
   */
  | { readonly what: "trouble"; readonly name: string };

/** An endpoint in slices: by the cluster that it is of, as slices name it, and its address. */
export interface InSlices {
  readonly isReady: boolean;
  /** How many slices have it. */
  readonly times: number;
}

export type SeenPositions = ReadonlyMap<
  Channel,
  { readonly epoch: string; readonly revision: number }
>;

/** A relay may tell a Felix in-sync that came from another one of its cluster. */
export interface FelixMove {
  readonly relay: string;
  readonly from: string;
  readonly uid: string;
  /** When the Felix came. */
  readonly sinceMs: number;
  /** Of the facts that the other relay had then, and this one has now. */
  readonly hadVersion: number;
  readonly hasVersion: number;
  /**
   * By origin, of what the facts show: where the other relay was then, and this one is now, in no
   * repair.
   */
  readonly had: ReadonlyMap<string, SeenPositions>;
  readonly has: ReadonlyMap<string, SeenPositions>;
}

export interface QuietRelay {
  readonly relay: string;
  readonly place: string;
  readonly uid: string;
  /** By RCC name and key hash, as Felix has it. */
  readonly felix: ReadonlyMap<string, Served>;
  readonly remotes: readonly SeenRemote[];
  /** CIDRs of pools that Felix has besides its cluster's own. */
  readonly pools: readonly string[];
  /** Another relay of the cluster publishes, and is told what may be seen. */
  readonly isSuperseded: boolean;
}

export interface ToldHealth {
  readonly state: "ok" | "degraded" | "lost";
  /** Of the reasons. */
  readonly codes: readonly string[];
}

export interface QuietOrigin {
  readonly origin: string;
  readonly isPublisherConnected: boolean;
  readonly admitted: ReadonlyMap<string, number>;
  readonly digest: ReadonlyMap<string, string>;
  /** Digests of its projections' identity channels, by scope id. */
  readonly scopes?: ReadonlyMap<string, string>;
  readonly quarantined: number;
  /** As the Mesh has it; absent: in this run it is told of none. */
  readonly health?: ToldHealth;
  readonly edges: readonly {
    readonly rcc: string;
    readonly status: number;
    readonly endpoints: number;
  }[];
}

/** What the hub tells of an edge's last minute. */
export interface ToldLatency {
  /** UIDs. */
  readonly reader: string;
  readonly origin: string;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of both relays' readings of the hub's clock. */
  readonly errorMs: number;
}

export interface QuietEdge {
  /** UIDs. */
  readonly reader: string;
  readonly origin: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
  }[];
}

export interface Moment {
  readonly atMs: number;
  readonly it: Happening;
}

export class History {
  readonly moments: Moment[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(it: Happening): void {
    this.moments.push({ atMs: this.#now(), it });
  }
}
