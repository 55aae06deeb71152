/**
 * Felix ends itself when the encapsulation that follows from the pools of its stream is not the one
 * it began with: a remote pool must never be the reason.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { felixValue } from "../../relay/felix/felix-values.ts";
import { NO_POOLS, PoolOrder } from "../../relay/typha/splice/pool-order.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import { pool } from "../support/records.ts";
import type { EncapMode, IPPool } from "../../shared/record/record.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";
import { heard } from "../support/pool-messages.ts";

const MODES = fc.constantFrom<EncapMode>("", "always", "cross-subnet");
const LOCAL = ["10.65.0.0/16", "10.64.0.0/16", "fd00:65::/64"];
const REMOTE = ["10.66.0.0/16", "10.67.0.0/16", "fd00:66::/64"];

interface Step {
  readonly side: "local" | "remote" | "restart";
  readonly cidr: number;
  readonly isGone: boolean;
  readonly vxlan: EncapMode;
  readonly ipip: EncapMode;
}

const steps = fc.array(
  fc.record<Step>({
    side: fc.constantFrom("local", "remote", "restart"),
    cidr: fc.nat(2),
    isGone: fc.boolean(),
    vxlan: MODES,
    ipip: MODES,
  }),
  { maxLength: 30 },
);

function localUpdate({ cidr, isGone, vxlan, ipip }: Step): FelixUpdate {
  const text = LOCAL[cidr] ?? "";
  const value = { cidr: text, ipip_mode: ipip, vxlan_mode: vxlan, masquerade: true };
  return {
    key: `/calico/v1/ipam/v${text.includes(":") ? 6 : 4}/pool/${text.replace("/", "-")}`,
    value: isGone ? null : JSON.stringify(value),
  };
}

function remoteUpdate({ cidr, isGone, vxlan, ipip }: Step): FelixUpdate {
  const record: IPPool = {
    kind: "IPPool",
    cidr: REMOTE[cidr] ?? "",
    ipipMode: ipip,
    vxlanMode: vxlan,
    natOutgoing: true,
    disabled: false,
    allowedUses: [],
  };
  const felix = felixValue("blue", record);
  return { key: felix?.key ?? "", value: isGone ? null : JSON.stringify(felix?.value) };
}

test("[TYP20] remote pools never change the encapsulation flags, in any order of local and remote pool changes and restarts of Felix", () => {
  fc.assert(
    fc.property(steps, (run) => {
      const state = new Map<string, FelixUpdate>();
      const own = new Map<string, FelixUpdate>();
      let [alone, both] = [new FelixModel("node-a1"), new FelixModel("node-a1")];
      const restart = () => {
        [alone, both] = [new FelixModel("node-a1"), new FelixModel("node-a1")];
        alone.apply([...own.values()]);
        both.apply([...state.values()]);
        alone.start();
        // What the datastore holds is local only; the stream has both.
        both.start(alone);
      };
      restart();
      for (const step of run) {
        if (step.side === "restart" || alone.exit !== null) restart();
        if (step.side === "restart") continue;
        const update = step.side === "local" ? localUpdate(step) : remoteUpdate(step);
        state.set(update.key, update);
        if (step.side === "local") {
          own.set(update.key, update);
          alone.apply([update]);
        }
        both.apply([update]);
        expect(both.exit).toEqual(alone.exit);
        if (both.exit === null)
          expect(both.outcome().encapsulation).toEqual(alone.outcome().encapsulation);
      }
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["v3.32.1", false, true],
  ["v3.33.0", false, true],
  ["v3.33.0", true, true],
  ["a build of ours", true, true],
  ["v3.32.1", false, false],
  ["v3.33.0", false, false],
  ["v3.33.0", true, false],
  ["v3.34.0-0.dev-12-gabcdef", true, false],
  ["a build of ours", true, false],
  ["a build of ours", false, false],
] as const)(
  "[TYP42] [TYP43] in a Felix %s (programs its routes: %s) other clusters' pools, with routes to them: %s, change no flag, in any order of pools and restarts",
  (version, programs, isRouted) => {
    let delivered = 0;
    fc.assert(
      fc.property(steps, (run) => {
        const own = new Map<string, FelixUpdate>();
        const pools = {
          delivered: new Set<string>(),
          isRouted: () => isRouted,
          subscribe: () => () => {},
        };
        const felix = () => new FelixModel("node-a1", { programsRoutes: programs });
        let [alone, both, order] = [felix(), felix(), new PoolOrder(pools, version)];
        const restart = () => {
          [alone, both, order] = [felix(), felix(), new PoolOrder(pools, version)];
          const local = [...own.values()];
          alone.apply(local);
          both.apply(heard(order, local));
          order.complete();
          both.apply(heard(order, []));
          alone.start();
          both.start(alone);
        };
        restart();
        for (const step of run) {
          if (step.side === "restart" || alone.exit !== null) restart();
          if (step.side === "restart") continue;
          const text = REMOTE[step.cidr] ?? "";
          if (step.side === "remote")
            if (step.isGone) pools.delivered.delete(text);
            else pools.delivered.add(text);
          const local = step.side === "local" ? [localUpdate(step)] : [];
          for (const update of local) {
            if (update.value === null) own.delete(update.key);
            else own.set(update.key, update);
          }
          alone.apply(local);
          both.apply(heard(order, local));
          expect(both.exit).toEqual(alone.exit);
          delivered += pools.delivered.size;
        }
        // A restart at the end shows what a flag that hides until then would do.
        restart();
        expect(both.exit).toEqual(null);
      }),
      { numRuns: 300 },
    );
    expect(delivered).toBeGreaterThan(300);
  },
);

test("[TYP42] a pool that no mode makes harmless is not sent; one that comes to fit is, in the message of the local change", () => {
  const pools = {
    ...NO_POOLS,
    delivered: new Set(["10.66.0.0/16", "fd00:66::/64"]),
    subscribe: () => () => {},
  };
  const order = new PoolOrder(pools, "v3.33.0");
  order.complete();
  expect(heard(order, [])).toEqual([]);
  const vxlan = { side: "local", cidr: 0, isGone: false, vxlan: "always", ipip: "" } as const;
  const modes = (updates: readonly FelixUpdate[]) =>
    updates.map(({ key, value }) => [key.split("/").at(-1), value && JSON.parse(value).vxlan_mode]);
  expect(modes(heard(order, [localUpdate(vxlan)]))).toEqual([
    ["10.65.0.0-16", "always"],
    ["10.66.0.0-16", "always"],
  ]);
  // The last encapsulated one goes: nothing may stand for it.
  expect(modes(heard(order, [localUpdate({ ...vxlan, isGone: true })]))).toEqual([
    ["10.66.0.0-16", null],
    ["10.65.0.0-16", null],
  ]);
  // A plain one: all pools may be plain.
  expect(modes(heard(order, [localUpdate({ ...vxlan, vxlan: "" })]))).toEqual([
    ["10.65.0.0-16", ""],
    ["10.66.0.0-16", ""],
    ["fd00:66::-64", ""],
  ]);
});

test("[TYP20] a pool that is, holds or lies in a range of the cluster's own is not delivered, whoever published it", () => {
  const own = new OwnAddresses({ pods: ["10.65.0.0/16"], nodes: ["192.0.2.11/32"] }, []);
  const refusal = (cidr: string) => {
    const served = own.served(pool(cidr));
    return served.kind === "nothing" ? served.reason : null;
  };
  expect(refusal("10.66.0.0/16")).toBe(null);
  for (const cidr of ["10.65.0.0/16", "10.65.3.0/24", "10.0.0.0/8", "0.0.0.0/0", "192.0.2.0/24"])
    expect(refusal(cidr)).toBe(`pool ${cidr} overlaps this cluster's own addresses`);
});

test("[TYP43] a pool with routes has a mode while a local pool of its family has VXLAN, and loses it in the message in which that goes", () => {
  const pools = { ...NO_POOLS, delivered: new Set(["10.66.0.0/16"]), isRouted: () => true };
  const order = new PoolOrder(pools, "v3.32.1");
  order.complete();
  const modes = (updates: readonly FelixUpdate[]) =>
    updates.map(({ key, value }) => [
      key.split("/").at(-1),
      value && (JSON.parse(value) as { vxlan_mode: string }).vxlan_mode,
    ]);
  expect(modes(heard(order, []))).toEqual([["10.66.0.0-16", ""]]);
  const local = { side: "local", cidr: 0, isGone: false, vxlan: "always", ipip: "" } as const;
  expect(modes(heard(order, [localUpdate(local)]))).toEqual([
    ["10.66.0.0-16", null],
    ["10.65.0.0-16", "always"],
    ["10.66.0.0-16", "always"],
  ]);
  const gone = localUpdate({ ...local, vxlan: "" });
  expect(modes(heard(order, [gone]))).toEqual([
    ["10.66.0.0-16", null],
    ["10.65.0.0-16", ""],
    ["10.66.0.0-16", ""],
  ]);
});
