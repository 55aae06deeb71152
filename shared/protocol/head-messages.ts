/** The question how far a log is, and its answer. [PRO11] */
import type { Channel } from "../record/channel.ts";

/**
 * Reader or relay → hub, on a watch or home socket: how far is it now? One question at a time.
 * Since version 6. [PRO11]
 */
export interface AskHeads {
  readonly type: "ask-heads";
  readonly token: number;
}

/** Position of a channel that was committed last. */
export interface Head {
  readonly channel: Channel;
  readonly epoch: string;
  readonly revision: number;
}

/**
 * The answer: where the reader's logs were when the question was handled. Of a home socket there
 * are none: all access facts that the Origin knew then were sent before. Since version 6.
 */
export interface Heads {
  readonly type: "heads";
  readonly token: number;
  readonly heads: readonly Head[];
}
