import { expect, test } from "vitest";

import { eventually } from "../../support/mesh-rig.ts";
import { spliceRig } from "../../support/splice-rig.ts";

test("[TYP46] a relay knows the nodes whose Felix is connected, once each, and forgets who has gone", async () => {
  const { client, splice } = await spliceRig({});
  expect(splice.felixes).toEqual([]);
  const clients = ["n2", "n1", "n1"].map((hostname) => client({ hostname }));
  // Others of calico-node are passed on as they are.
  client({ hostname: "n3", syncerType: "bgp" });
  const nodes = (): Promise<readonly string[]> => Promise.resolve(splice.felixes);
  await eventually(nodes, (named) => named.join() === "n1,n2" && splice.connections === 3);
  clients[0]?.close();
  await eventually(nodes, (named) => named.join() === "n1");
});
