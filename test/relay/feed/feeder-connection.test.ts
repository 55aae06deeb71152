/** [FEE6] [FEE12] When a follower calls a feeder lost, in virtual time. */
import { expect, test } from "vitest";

import { FeederConnection } from "../../../relay/feed/feeder-connection.ts";
import type { FeedPipeHandlers } from "../../../relay/feed/frames.ts";
import type { RelayPorts } from "../../../relay/hub/relay-ports.ts";

/** A clock whose timers may come late, as those of a process that stood still. */
class LateClock {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  readonly ports: RelayPorts = {
    dial: () => {
      throw new Error("nothing dials a hub here");
    },
    now: () => this.nowMs,
    random: () => 0.5,
    after: (ms, run) => {
      const timer = { atMs: this.nowMs + ms, run };
      this.#timers.push(timer);
      return () => (this.#timers = this.#timers.filter((one) => one !== timer));
    },
  };

  /** Each timer in time. */
  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#timers = this.#timers.filter((one) => one !== next);
      next.run();
    }
    this.nowMs = endMs;
  }

  /** No timer comes for so long. */
  stall(ms: number): void {
    this.nowMs += ms;
  }
}

function connected(clock: LateClock) {
  const pipes: FeedPipeHandlers[] = [];
  const connection = new FeederConnection(
    "10.0.0.7:9190",
    {
      self: "10.0.0.8:9190",
      addresses: () => [],
      connect: (_address, handlers) => {
        pipes.push(handlers);
        return { backlogBytes: 0, send: () => undefined, close: () => undefined };
      },
    },
    clock.ports,
    { onChange: () => undefined, onFacts: () => undefined },
  );
  const say = (): void => pipes.at(-1)?.onFrame({ type: "state", feeds: true, hub: true });
  say();
  return { connection, say, pipes };
}

test("[FEE6] a feeder that is silent for 2.5 s is lost, and followed again 10 s after it is back", () => {
  const clock = new LateClock();
  const { connection, say, pipes } = connected(clock);
  clock.run(2_400);
  expect(connection.candidate.state).toBe("alive");
  clock.run(700);
  expect(connection.candidate.state).toBe("dead");
  clock.run(1_000);
  expect(pipes.length).toBe(2);
  for (let ms = 0; ms < 9_500; ms += 500) {
    say();
    clock.run(500);
  }
  expect(connection.candidate.state).toBe("returning");
  for (let ms = 0; ms < 1_000; ms += 500) {
    say();
    clock.run(500);
  }
  expect(connection.candidate.state).toBe("alive");
});

test("[FEE12] a feeder is not lost because the follower's own process stood still", () => {
  const clock = new LateClock();
  const { connection, say } = connected(clock);
  for (const stallMs of [3_000, 12_000]) {
    clock.run(400);
    clock.stall(stallMs);
    // Timers come before what is still to be read.
    clock.run(0);
    expect(connection.candidate.state).toBe("alive");
    say();
  }
  // It is lost as ever when it says nothing, however late the timers came before.
  clock.stall(5_000);
  clock.run(3_500);
  expect(connection.candidate.state).toBe("dead");
});
