/** One relay that follows a feeder, as the feeder knows it. */
import type { Heads } from "../../shared/protocol/head-messages.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import type { HeadQuestion } from "../hub/head-questions.ts";
import type { FeedPipe } from "./frames.ts";
import type { WatchStream } from "./watch-stream.ts";

/** `remote_cluster_connection_status` of a view that equals its log. */
const IN_SYNC = 2;

/** In the place of one socket at the hub. */
export interface Stream {
  readonly target: string;
  isOpened: boolean;
  /** `null`: home, or not opened. */
  watch: WatchStream | null;
  /** How far the hub is, asked last and not answered; `question`: of this relay, once it may. */
  asked: { readonly token: number; question: HeadQuestion | null } | null;
}

/** The answer to what was asked, once the hub has given it. [FEE11] */
export function answerOf(stream: Stream, ask: () => HeadQuestion | null): Heads | null {
  const { asked } = stream;
  if (asked === null) return null;
  if (asked.question === null || asked.question.isLost) asked.question = ask();
  const heads = asked.question?.answer ?? null;
  if (heads === null) return null;
  stream.asked = null;
  return { type: "heads", token: asked.token, heads };
}

export interface Follower {
  readonly name: string;
  readonly pipe: FeedPipe;
  readonly streams: Map<number, Stream>;
  /** As it reported them last. */
  edges: readonly EdgeReport[];
}

/** As `/status` tells of it. [FEE7] */
export interface FollowerStatus {
  readonly relay: string;
  readonly streams: number;
  /** Of its own reports, remotes that are not in sync. */
  readonly lagging: readonly string[];
}

export function statusOf({ name, streams, edges }: Follower): FollowerStatus {
  const lagging = edges.filter(({ connectionStatus }) => connectionStatus !== IN_SYNC);
  return { relay: name, streams: streams.size, lagging: lagging.map(({ rcc }) => rcc) };
}
