/**
 * Connections between the relays of one cluster: each direction in order, with its own delays; cut
 * now and then, and when one of the two is killed.
 */
import { decodeFeedFrame, encodeFeedFrame } from "../../relay/feed/frames.ts";
import type { FeedFrame, FeedNet, FeedPipe, FeedPipeHandlers } from "../../relay/feed/frames.ts";
import type { World } from "./world.ts";

/** In this many milliseconds a connection is cut, of every third. */
const CUT_WITHIN_MS = 20_000;

/** A relay as the others reach it; `null`: it does not run. */
type Accept = (name: string, pipe: FeedPipe) => FeedPipeHandlers | null;

type OnFollowed = (pipe: object, frame: FeedFrame) => (() => void) | null;

export class SimFeedNet {
  readonly #world: World;
  readonly #relays = new Map<string, Accept>();
  readonly #pipes = new Set<SimPipes>();

  constructor(world: World) {
    this.#world = world;
  }

  add(name: string, accept: Accept): void {
    this.#relays.set(name, accept);
  }

  /** The relay's process has ended. */
  leave(name: string): void {
    for (const pipes of this.#pipes) if (pipes.has(name)) pipes.cut();
  }

  /**
   * As one relay sees it.
   * @param onFollowed Hears each frame first; answers who is to hear that it was taken.
   */
  of(name: string, onFollowed: OnFollowed): FeedNet {
    return {
      self: name,
      addresses: () => [...this.#relays.keys()],
      connect: (address, handlers) => this.#connect(name, address, handlers, onFollowed),
    };
  }

  #connect(from: string, to: string, handlers: FeedPipeHandlers, onFollowed: OnFollowed): FeedPipe {
    const pipes = new SimPipes(this.#world, from, to, {
      onFrame: (frame) => {
        const taken = onFollowed(handlers, frame);
        handlers.onFrame(frame);
        taken?.();
      },
      onClosed: (message) => handlers.onClosed(message),
    });
    this.#pipes.add(pipes);
    this.#world.after(1 + this.#world.rng.below(20), () => {
      const accepted = this.#relays.get(to)?.(from, pipes.toFollower);
      if (accepted === undefined || accepted === null) pipes.cut();
      else pipes.accepted(accepted);
    });
    if (this.#world.rng.chance(1 / 3))
      this.#world.after(this.#world.rng.below(CUT_WITHIN_MS), () => pipes.cut());
    return {
      ...pipes.toFeeder,
      send: (frame) => {
        onFollowed(handlers, frame);
        pipes.toFeeder.send(frame);
      },
      backlogBytes: 0,
    };
  }
}

class SimPipes {
  readonly #world: World;
  readonly #ends: readonly [string, string];
  readonly #follower: FeedPipeHandlers;
  #feeder: FeedPipeHandlers | null = null;
  #isCut = false;
  #lastMs = [0, 0];
  readonly toFollower: FeedPipe;
  readonly toFeeder: FeedPipe;

  constructor(world: World, from: string, to: string, follower: FeedPipeHandlers) {
    this.#world = world;
    this.#ends = [from, to];
    this.#follower = follower;
    this.toFollower = this.#pipe(0, () => this.#follower);
    this.toFeeder = this.#pipe(1, () => this.#feeder);
  }

  has(name: string): boolean {
    return this.#ends.includes(name);
  }

  accepted(feeder: FeedPipeHandlers): void {
    if (this.#isCut) feeder.onClosed("cut");
    else this.#feeder = feeder;
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const end of [() => this.#follower, () => this.#feeder])
      this.#world.after(this.#world.rng.below(3_000), () => end()?.onClosed("cut"));
  }

  #pipe(way: 0 | 1, to: () => FeedPipeHandlers | null): FeedPipe {
    return {
      send: (sent) => {
        const bytes = encodeFeedFrame(sent);
        const { rng, now } = this.#world;
        const delay = rng.chance(0.05) ? rng.below(200) : 1 + rng.below(5);
        const atMs = Math.max(this.#lastMs[way] ?? 0, now + delay);
        this.#lastMs[way] = atMs;
        this.#world.after(atMs - now, () => {
          if (this.#isCut) return;
          const frame = decodeFeedFrame(bytes);
          if (frame === null) throw new Error("a relay sent a frame that is none");
          to()?.onFrame(frame);
        });
      },
      backlogBytes: 0,
      close: () => this.cut(),
    };
  }
}
