import { expect, test } from "vitest";

import type { PathEars, PathNet } from "../../../relay/path/path-net.ts";
import { pathPlan } from "../../../relay/path/path-plan.ts";
import { PathProber } from "../../../relay/path/path-prober.ts";
import { newLogger } from "../../../relay/lib/log.ts";
import { ladder, PATH_PORT, TCP_BYTES } from "../../../shared/overlay/path-check.ts";
import type { PathOrder } from "../../../shared/overlay/path-check.ts";
import type { Vteps } from "../../../shared/overlay/route-plan.ts";
import { vtepId } from "../../../shared/overlay/route-plan.ts";
import type { Vtep } from "../../../shared/overlay/vtep.ts";
import { eventually } from "../../support/mesh-rig.ts";

const end = (node: string, n: number): Vtep => ({
  node,
  family: 4,
  outer: `192.0.2.${n}`,
  address: `10.66.${n}.0`,
  mac: `66:00:00:00:00:0${n}`,
});
const [A1, B1, B2] = [end("a1", 1), end("b1", 2), end("b2", 3)];
const admitted = (...vteps: readonly Vtep[]) =>
  new Map(vteps.map((vtep) => [vtepId(4, vtep.node), vtep]));
const order = (phase: PathOrder["phase"], pairs = [["a1", "b1"]] as const): PathOrder => ({
  id: 5,
  phase,
  pairs,
});

test("[OVL12] a node sends only to endpoints that were admitted of the node that is named", () => {
  const ends = { own: [A1], remote: admitted(B1) };
  expect(pathPlan(order("listen"), "a1", ends)?.targets).toEqual([
    { pair: 0, family: 4, own: A1, remote: B1 },
  ]);
  // Another node's part.
  expect(pathPlan(order("listen"), "a2", ends)).toBe(null);
  // Whatever the hub says: one that is not admitted, or of this very cluster.
  for (const name of ["b2", "a1", "10.0.0.1", "__proto__"])
    expect(pathPlan({ ...order("listen"), pairs: [["a1", name]] }, "a1", ends)).toEqual({
      targets: [],
      problem: `this relay has admitted no tunnel endpoint of node ${name}: it sends nothing there`,
    });
  expect(pathPlan(order("listen"), "a1", { ...ends, own: [] })?.problem).toContain(
    "has no tunnel endpoint",
  );
});

/** A network in memory: plain packets and streams arrive, frames up to a size. */
class FakeNet {
  readonly #ears = new Map<string, PathEars>();
  readonly sent: string[] = [];
  mtu: number | null = 1_450;
  largest = 1_350;
  learnt = false;

  readonly net: PathNet = {
    listen: async ({ outer, tunnel }, ears) => {
      const own = [...outer, ...tunnel];
      for (const address of own) this.#ears.set(address, ears);
      return Promise.resolve({ close: () => own.forEach((one) => this.#ears.delete(one)) });
    },
    socket: async (from, to, port) => {
      this.sent.push(`${from} ${to}:${port}`);
      let codes: string[] = [];
      return Promise.resolve({
        send: (bytes: Uint8Array) => {
          if (port === PATH_PORT) this.#ears.get(to)?.onDatagram(bytes, from);
          else if (bytes.length - 22 > this.largest && !this.learnt) {
            this.learnt = true;
            codes.push("EMSGSIZE");
          } else this.#ears.get(to)?.onDatagram(inner(bytes), from);
        },
        errors: () => {
          const known = codes;
          codes = [];
          return known;
        },
        close: () => undefined,
      });
    },
    stream: async (from, to, bytes) => {
      const ears = this.#ears.get(to);
      if (ears?.isExpected(from) !== true) return Promise.resolve(false);
      ears.onStream(Buffer.from(bytes.subarray(0, 1_000)));
      ears.onStream(Buffer.from(bytes));
      return Promise.resolve(true);
    },
    mtuOf: () => this.mtu,
  };

  get open(): number {
    return this.#ears.size;
  }
}

/** Without the headers of VXLAN, Ethernet, IPv4 and UDP. */
function inner(frame: Uint8Array): Uint8Array {
  return frame.subarray(8 + 14 + 20 + 8);
}

function world(
  net = new FakeNet(),
  own = A1,
  remote = B1,
  remotes = (): Vteps => admitted(remote),
) {
  const timers: { ms: number; run: () => void }[] = [];
  let nowMs = 0;
  const prober = new PathProber({
    node: own.node,
    ports: {
      now: () => nowMs,
      after: (ms, run) => {
        if (ms < 10_000) {
          nowMs += ms;
          const timer = setImmediate(run);
          return () => clearImmediate(timer);
        }
        const timer = { ms, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
    },
    net: net.net,
    log: newLogger("test", "silent"),
    ends: () => ({ own: [own], remote: remotes() }),
    vxlan: () => ({ port: 4_789, vni: 4_096 }),
    onReport: () => undefined,
  });
  const follow = (...orders: readonly PathOrder[]): void =>
    prober.follow(new Map(orders.map((one) => ["r", one])));
  const until = (phase: string) =>
    eventually(
      () => Promise.resolve(prober.report("r")?.nodes[0]),
      (node) => node !== undefined && (node.phase === phase || node.problem !== ""),
    );
  return { prober, follow, until, timers, later: (ms: number) => (nowMs += ms) };
}

test("[OVL12] two nodes listen, send once and end; each says what it sent and what came of the other", async () => {
  const net = new FakeNet();
  const a = world(net, A1, B1);
  const b = world(net, B1, A1);
  const both = async (phase: PathOrder["phase"]): Promise<void> => {
    a.follow(order(phase));
    b.follow({ ...order(phase), pairs: [["b1", "a1"]] });
    // Facts come again for other reasons.
    a.follow(order(phase));
    await a.until(phase);
    await b.until(phase);
  };
  await both("listen");
  expect(net.open).toBe(4);
  await both("send");
  await both("end");
  expect(net.open).toBe(0);
  const [flow] = b.prober.report("r")?.nodes[0]?.flows ?? [];
  expect(flow?.heard).toEqual({
    plain: 5,
    sources: [A1.outer],
    frames: expect.any(Number) as number,
    routed: 5,
    sizes: ladder(1_450).filter((size) => size <= 1_350),
    tcpBytes: TCP_BYTES,
    isAltered: false,
  });
  const [own] = a.prober.report("r")?.nodes[0]?.flows ?? [];
  expect(own?.sent).toEqual({
    mtu: 1_450,
    tooBig: 1_380,
    isRefused: false,
    isConnected: true,
    error: "",
  });
  // Only to the other node's addresses, each socket once.
  expect(net.sent.filter((one) => one.startsWith(`${A1.outer} `))).toEqual([
    `${A1.outer} ${B1.outer}:${PATH_PORT}`,
    `${A1.outer} ${B1.outer}:4789`,
  ]);
  // Linux cuts up what is too big from now on: it is remembered, for as long as Linux does.
  net.sent.length = 0;
  for (const [id, wanted] of [
    [6, 1_380],
    [7, 0],
  ] as const) {
    for (const phase of ["listen", "send"] as const) {
      a.follow({ ...order(phase), id });
      await a.until(phase);
    }
    expect(a.prober.report("r")?.nodes[0]?.flows[0]?.sent?.tooBig).toBe(wanted);
    a.later(600_001);
  }
});

test("[OVL12] what was opened is closed after two minutes, when routes go, and when the relay ends", async () => {
  for (const close of [
    ({ timers }: ReturnType<typeof world>) => timers.find(({ ms }) => ms === 120_000)?.run(),
    ({ follow }: ReturnType<typeof world>) => follow(),
    ({ prober }: ReturnType<typeof world>) => prober.stop(),
  ]) {
    const net = new FakeNet();
    const one = world(net);
    one.follow(order("listen"));
    await one.until("listen");
    expect(net.open).toBe(2);
    close(one);
    expect(net.open).toBe(0);
  }
});

test("[OVL12] a relay that has just started waits for the remote's nodes, and goes on with what was ordered meanwhile", async () => {
  const net = new FakeNet();
  const admittedLater: Vtep[] = [];
  const one = world(net, A1, B1, () => admitted(...admittedLater));
  one.follow(order("listen"));
  one.follow(order("send"));
  expect(one.prober.report("r")).toBe(undefined);
  admittedLater.push(B1);
  await one.until("send");
  expect(one.prober.report("r")?.nodes[0]?.flows[0]?.sent?.mtu).toBe(1_450);
  one.prober.stop();
});

test("[OVL12] a relay that starts in the middle of a check, or whose Felix has no tunnel, sends nothing", async () => {
  const net = new FakeNet();
  const late = world(net);
  late.follow(order("send"));
  expect(late.prober.report("r")).toBe(undefined);
  net.mtu = null;
  const bare = world(net);
  bare.follow(order("listen"));
  expect((await bare.until("listen"))?.problem).toContain("10.66.1.0 is on no device");
  bare.follow(order("send"));
  // What has not come after four seconds is not waited for.
  const far = world(new FakeNet(), A1, B2);
  far.follow(order("listen"));
  expect((await far.until("listen"))?.problem).toContain("no tunnel endpoint of node b1");
  far.follow(order("send"));
  expect(net.sent).toEqual([]);
  expect(net.open).toBe(0);
});
