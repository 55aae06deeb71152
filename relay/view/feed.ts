/**
 * Whoever fills the view of one remote: a socket to its log in the hub, or a direct reader of its
 * datastore. [DIR5]
 */
import type { Channel } from "../../shared/record/channel.ts";
import type { HeadQuestion } from "../hub/head-questions.ts";
import type { DownReason } from "../hub/link.ts";
import type { ViewChange } from "./held-records.ts";
import type { RemoteView } from "./remote-view.ts";

export interface Feed {
  /** It hears the remote now. */
  readonly isOpen: boolean;
  /** What the view holds was compared with all that the remote has, on this connection. */
  readonly isTold: boolean;
  /**
   * Whether the view held all of a channel at some time since this feed began. Absent: what
   * `isComplete` of the channel says comes of this feed alone.
   */
  wasTold?(channel: Channel): boolean;
  /** The remote, or what says how it is reached, is not accepted. */
  readonly isRefused: boolean;
  /** Since when it does not hear the remote, in the relay's ms; `null`: it does. */
  readonly lostMs: number | null;
  readonly transferred: { readonly changes: number; readonly bytes: number };
  /** How far the remote's log is now; `null`: cannot be asked. Missing where there is no log. */
  askHeads?(): HeadQuestion | null;
  start(): void;
  stop(): void;
}

export interface FeedHandlers {
  onChanges(changes: readonly ViewChange[]): void;
  /** Connection or sync state may have changed. */
  onState(): void;
  /** Changes are applied that were seen at their source at that time by the hub's clock. */
  onSeen?(seenMs: number): void;
  onDown(reason: DownReason | null, message: string): void;
  /** Of a view with bounds: more came than it may hold, and was not taken. [VIE25] */
  onExcess?(): void;
}

/** Makes the feeds of remotes that are read directly. */
export interface DirectFeeds {
  feedOf(rcc: string, view: RemoteView, handlers: FeedHandlers): Feed;
}

/** The mesh that views of direct remotes are of. */
export const DIRECT_MESH = "direct";
