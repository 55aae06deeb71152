import { expect, test } from "vitest";

import { ClusterServices } from "../../../relay/cluster-services.ts";
import type { ServicesHost } from "../../../relay/cluster-services.ts";
import type { ImportWriter } from "../../../relay/services/mcs/import-writer.ts";
import type { SliceWriter } from "../../../relay/services/slice-writer.ts";
import { NODE_PORTS } from "../../../relay/hub/relay-ports.ts";
import { accessFacts } from "../../support/stored-view.ts";

const NAMED = { kinds: ["WorkloadEndpoint", "Service"] } as const;

/** Of a relay whose services of remotes have all come, and of its own cluster too. */
function servicesOf(
  live: { facts: ReturnType<typeof accessFacts>; isHeard: boolean },
  isComplete: () => boolean = () => true,
) {
  const nothing = (): void => undefined;
  const host = {
    source: {},
    own: { areServicesListed: true, subscribe: () => nothing },
    remotes: { subscribe: () => nothing, namesOf: () => [], isComplete },
    config: { services: true, hub: "http://hub" },
    directs: null,
    clusterName: "app",
  } as unknown as ServicesHost;
  return new ClusterServices(host, NODE_PORTS, {
    access: live,
    publisher: () => null,
  });
}

test("[SVC24] facts of a disk take nothing out: they may be older than what was shown since", () => {
  const live = { facts: accessFacts(3, []), isHeard: false };
  const services = servicesOf(live);
  expect(services.services.isIncomplete("db")).toBe(true);
  expect(services.areAllTold).toBe(false);
  live.isHeard = true;
  expect(services.services.isIncomplete("db")).toBe(false);
  live.facts = accessFacts(4, [{ scope: NAMED }]);
  expect(services.services.isIncomplete("db")).toBe(false);
  expect(services.areAllTold).toBe(true);
});

test("[SVC28] who has told everything now is looked at, also where no record has changed with it", () => {
  const told = { isAll: false };
  const live = { facts: accessFacts(3, [{ scope: NAMED }]), isHeard: true };
  const services = servicesOf(live, () => told.isAll);
  const woken: string[] = [];
  services.writer = { wake: () => woken.push("slices") } as unknown as SliceWriter;
  services.imports = { wake: () => woken.push("imports") } as unknown as ImportWriter;
  services.look();
  woken.length = 0;
  // Each acknowledged digest of any remote comes here.
  services.look();
  expect(woken).toEqual([]);
  told.isAll = true;
  services.look();
  services.look();
  expect(woken).toEqual(["slices", "imports"]);
});
