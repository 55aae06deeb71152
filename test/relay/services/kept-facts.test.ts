import { expect, test } from "vitest";

import { ClusterServices } from "../../../relay/cluster-services.ts";
import type { ServicesHost } from "../../../relay/cluster-services.ts";
import { NODE_PORTS } from "../../../relay/hub/relay-ports.ts";
import { accessFacts } from "../../support/stored-view.ts";

const NAMED = { kinds: ["WorkloadEndpoint", "Service"] } as const;

/** Of a relay whose services of remotes have all come, and of its own cluster too. */
function servicesOf(live: { facts: ReturnType<typeof accessFacts>; isHeard: boolean }) {
  const nothing = (): void => undefined;
  const host = {
    source: {},
    own: { areServicesListed: true, subscribe: () => nothing },
    remotes: { subscribe: () => nothing, namesOf: () => [], isComplete: () => true },
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
