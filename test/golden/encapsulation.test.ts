/**
 * Felix ends itself when the encapsulation that follows from the pools of its stream is not the one
 * it began with: a remote pool must never be the reason.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { felixValue } from "../../relay/felix/felix-values.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import { pool } from "../support/records.ts";
import type { EncapMode, IPPool } from "../../shared/record/record.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";

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
