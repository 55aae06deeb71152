/**
 * A Felix in nftables mode ends when two of its pools overlap: other clusters' pools must never be
 * the reason, whatever order local and remote ones come in.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { PoolOrder } from "../../relay/typha/splice/pool-order.ts";
import { NatPools } from "../../relay/view/nat-pools.ts";
import type { ServedChange } from "../../relay/view/serving.ts";
import { cidrsOverlap, parseCidr } from "../../shared/ip/cidr.ts";
import { must } from "../../shared/lib/assert.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { EncapMode } from "../../shared/record/record.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";
import { heard } from "../support/pool-messages.ts";
import { pool } from "../support/records.ts";

/** Nested, equal, split and joined, within a family and across the clusters. */
const LOCAL = [
  "10.65.0.0/16",
  "10.65.3.0/24",
  "10.64.0.0/15",
  "10.67.0.0/16",
  "fd00:65::/64",
  "fd00:65::/80",
];
const REMOTE = [
  "10.66.0.0/16",
  "10.66.8.0/24",
  "10.66.8.1/32",
  "10.64.0.0/14",
  "10.65.0.0/16",
  "10.65.3.0/24",
  "10.65.0.0/17",
  "10.65.128.0/17",
  "fd00::/32",
  "fd00:65::/64",
  "fd00:66::/64",
];

const overlap = (a: string, b: string): boolean =>
  cidrsOverlap(must(parseCidr(a), "a prefix"), must(parseCidr(b), "a prefix"));
const keyOfPool = (cidr: string): string => keyOf(pool(cidr));

function put(cidr: string, vxlan: EncapMode = ""): FelixUpdate {
  const value = { cidr, ipip_mode: "", vxlan_mode: vxlan, masquerade: true };
  return { key: keyOfPool(cidr), value: JSON.stringify(value) };
}
const gone = (cidr: string): FelixUpdate => ({ key: keyOfPool(cidr), value: null });

function started(...pools: readonly FelixUpdate[]): FelixModel {
  const felix = new FelixModel("node-a1");
  felix.apply(pools);
  felix.start();
  return felix;
}

const PANIC = {
  code: 2,
  reason: "panic: interval overlaps with an existing one: pool 10.66.8.0/24 and pool 10.66.0.0/16",
};

test("[ORA1] the model ends as Felix in nftables mode does: of nested pools, in either order, and at its start", () => {
  const [wide, narrow] = [put("10.66.0.0/16"), put("10.66.8.0/24")];
  for (const pools of [
    [wide, narrow],
    [narrow, wide],
  ]) {
    const felix = started();
    for (const update of pools) felix.apply([update]);
    expect(felix.exit).toEqual(PANIC);
    expect(started(...pools).exit).toEqual(PANIC);
  }
  const nested: readonly (readonly [string, string])[] = [
    ["fd00:66::/64", "fd00:66::/80"],
    ["10.66.0.0/16", "10.66.8.1/32"],
    ["0.0.0.0/0", "10.66.0.0/16"],
    ["::/0", "fd00:66::/64"],
  ];
  for (const [outer, inner] of nested)
    expect(started(put(outer), put(inner)).exit?.code, `${inner} in ${outer}`).toBe(2);
});

test("[ORA1] pools beside each other, of another family, equal ones, and one that went in the same message before, do not end it", () => {
  const felix = started(put("10.66.0.0/17"), put("10.66.128.0/17"), put("::/0"));
  felix.apply([put("10.66.0.0/17")]);
  felix.apply([gone("10.66.0.0/17"), gone("10.66.128.0/17"), put("10.66.0.0/16")]);
  expect(felix.exit).toBe(null);
});

interface Step {
  readonly side: "typha" | "source" | "remote" | "reader" | "restart";
  readonly cidr: number;
  readonly rcc: string;
  readonly isGone: boolean;
  readonly vxlan: EncapMode;
}

const steps = fc.array(
  fc.record<Step>({
    side: fc.constantFrom("typha", "typha", "source", "remote", "remote", "reader", "restart"),
    cidr: fc.nat(LOCAL.length * REMOTE.length - 1),
    rcc: fc.constantFrom("blue", "red"),
    isGone: fc.boolean(),
    vxlan: fc.constantFrom<EncapMode>("", "always"),
  }),
  { maxLength: 40 },
);

type Hear = (order: PoolOrder, local: readonly FelixUpdate[]) => readonly FelixUpdate[];

/** A cluster's datastore, its relay, one Felix behind it and one that has no relay before it. */
class Cluster {
  readonly #felix: () => FelixModel;
  readonly #version: string;
  readonly #hear: Hear;
  /** By CIDR. */
  readonly #own = new Map<string, FelixUpdate>();
  readonly #nat = new NatPools();
  readonly #served = new Set<string>();
  alone = new FelixModel("node-a1");
  both = new FelixModel("node-a1");
  #order: PoolOrder;

  constructor(version: string, programsRoutes: boolean, hear: Hear) {
    this.#version = version;
    this.#hear = hear;
    this.#felix = () => new FelixModel("node-a1", { programsRoutes });
    this.#order = this.#session();
    this.#nat.subscribe(() => this.both.apply(this.#hear(this.#order, [])));
    this.restart();
  }

  get delivered(): ReadonlySet<string> {
    return this.#nat.delivered;
  }

  /** What Felix has of other clusters' pools, as it was told. */
  get told(): string[] {
    return Object.values(this.both.outcome().pools)
      .map((held) => (held as { readonly cidr: string }).cidr)
      .filter((cidr) => !this.#own.has(cidr))
      .toSorted();
  }

  #session(): PoolOrder {
    const nat = this.#nat;
    const feed = {
      get delivered() {
        return nat.delivered;
      },
      isRouted: () => false,
      subscribe: () => () => undefined,
    };
    return new PoolOrder(feed, this.#version);
  }

  restart(): void {
    const local = [...this.#own.values()];
    [this.alone, this.both, this.#order] = [this.#felix(), this.#felix(), this.#session()];
    this.alone.apply(local);
    this.both.apply(this.#hear(this.#order, local));
    this.#order.complete();
    this.both.apply(this.#hear(this.#order, []));
    this.alone.start();
    this.both.start(this.alone);
  }

  take({ side, cidr: n, rcc, isGone, vxlan }: Step): void {
    if (side === "restart") this.restart();
    else if (side === "source") this.sourceCatchesUp();
    else if (side === "typha") this.#local(LOCAL[n % LOCAL.length] ?? "", isGone, vxlan);
    else if (side === "reader")
      this.#nat.setReaders(
        isGone
          ? []
          : [{ cluster: { uid: "r", name: "r" }, pools: [REMOTE[n % REMOTE.length] ?? ""] }],
      );
    else this.#remote(rcc, REMOTE[n % REMOTE.length] ?? "", isGone);
  }

  /** The relay hears of local pools elsewhere than Felix does, sooner or later. */
  sourceCatchesUp(): void {
    this.#nat.setLocal([...this.#own.keys()]);
  }

  #local(cidr: string, isGone: boolean, vxlan: EncapMode): void {
    const update = isGone ? gone(cidr) : put(cidr, vxlan);
    // Nested pools of its own end each of its Felix without us.
    const isNested = [...this.#own.keys()].some((own) => own !== cidr && overlap(own, cidr));
    if (!isGone && isNested) return;
    if (isGone) this.#own.delete(cidr);
    else this.#own.set(cidr, update);
    this.alone.apply([update]);
    this.both.apply(this.#hear(this.#order, [update]));
  }

  #remote(rcc: string, cidr: string, isGone: boolean): void {
    const id = `${rcc} ${cidr}`;
    if (isGone && !this.#served.delete(id)) return;
    if (!isGone) this.#served.add(id);
    const record = pool(cidr);
    const held = { key: keyOf(record), record, revision: 1 };
    const change: ServedChange = { rcc, op: isGone ? "delete" : "put", held, isNew: !isGone };
    this.#nat.onServed([change]);
  }
}

/** Runs the steps; answers how Felix ended where it would not have ended alone. */
function endOf(cluster: Cluster, run: readonly Step[]): string | null {
  for (const step of run) {
    // A cluster's own pools may change what its Felix was started with.
    if (cluster.alone.exit !== null) cluster.restart();
    cluster.take(step);
    if (cluster.alone.exit === null && cluster.both.exit !== null) return cluster.both.exit.reason;
  }
  return null;
}

test.each([
  ["v3.32.1", false],
  ["v3.33.0", false],
  ["v3.33.0", true],
  ["a build of ours", true],
] as const)(
  "[TYP27] [TYP32] [TYP42] no other cluster's pool ends a Felix %s (programs its routes: %s) in nftables mode, nested, equal, split or joined, in any order",
  (version, programsRoutes) => {
    let most = 0;
    fc.assert(
      fc.property(steps, (run) => {
        const cluster = new Cluster(version, programsRoutes, heard);
        expect(endOf(cluster, run)).toBe(null);
        cluster.sourceCatchesUp();
        if (cluster.alone.exit !== null) cluster.restart();
        cluster.restart();
        expect(cluster.both.exit).toEqual(cluster.alone.exit);
        if (version === "v3.32.1") expect(cluster.told).toEqual([...cluster.delivered].toSorted());
        most = Math.max(most, cluster.told.length);
      }),
      { numRuns: 300 },
    );
    // Not only one at a time, by which no order would matter.
    expect(most).toBeGreaterThan(1);
  },
);

test("[TYP32] the model finds a relay that passes a local pool on before it withdraws the other cluster's", () => {
  const wrong: Hear = (order, local) => [...heard(order, local)].reverse();
  const run: Step[] = [
    { side: "remote", cidr: 0, rcc: "blue", isGone: false, vxlan: "" },
    { side: "source", cidr: 0, rcc: "blue", isGone: false, vxlan: "" },
  ];
  const inside = LOCAL.indexOf("10.65.3.0/24");
  const around = REMOTE.indexOf("10.65.0.0/16");
  run.push(
    { side: "remote", cidr: around, rcc: "red", isGone: false, vxlan: "" },
    { side: "typha", cidr: inside, rcc: "", isGone: false, vxlan: "" },
  );
  expect(endOf(new Cluster("v3.32.1", false, heard), run)).toBe(null);
  expect(endOf(new Cluster("v3.32.1", false, wrong), run)).toMatch(/^panic: interval overlaps/);
});

test("[TYP42] the model finds a pool without a mode that is given to a Felix 3.33 which programs its routes", () => {
  const run: Step[] = [
    { side: "typha", cidr: 0, rcc: "", isGone: false, vxlan: "always" },
    { side: "restart", cidr: 0, rcc: "", isGone: false, vxlan: "" },
    { side: "remote", cidr: 0, rcc: "blue", isGone: false, vxlan: "" },
  ];
  expect(endOf(new Cluster("v3.33.0", true, heard), run)).toBe(null);
  // As to an older one, which does not count them.
  expect(endOf(new Cluster("v3.32.1", true, heard), run)).toBe("encapsulation changed");
});
