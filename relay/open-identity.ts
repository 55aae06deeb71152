/** Who a relay is towards its hub, and the way there; or that it has none. */
import type { RelayConfig } from "./config/relay-config.ts";
import type { RelayIdentity } from "./hub-session.ts";
import { Credentials } from "./hub/credentials.ts";
import { NODE_PORTS, nodePortsBy } from "./hub/relay-ports.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import { routeTo } from "./hub/route.ts";

export interface OpenedIdentity {
  readonly identity: RelayIdentity;
  /** `null`: there is no hub. */
  readonly credentials: Credentials | null;
  readonly ports: RelayPorts;
}

/** A relay that reads its remotes itself publishes nothing, and is a member of nothing. [DIR1] */
const NO_HUB: RelayIdentity = {
  membership: null,
  headers: () => Promise.resolve({}),
  join: () => Promise.reject(new Error("there is no hub to join")),
  correctClock: () => null,
};

/** @throws Error that says what to do when there is neither a membership nor a join token. */
export async function openIdentity(config: RelayConfig): Promise<OpenedIdentity> {
  if (config.hub === undefined && config.rccDir !== undefined)
    return { identity: NO_HUB, credentials: null, ports: NODE_PORTS };
  const route = config.hub === undefined ? null : routeTo(config.hub, { caFile: config.hubCaFile });
  const credentials = await Credentials.open(
    config.identity ?? config.state,
    route === null ? {} : { route },
  );
  if (credentials.membership === null && config.joinToken === undefined)
    throw new Error(
      "this relay has not joined a mesh and has no join token: make one with `catwalk cluster add NAME` (or `catwalk cluster token NAME` for a cluster that exists) and start with --join-token; without a hub, give --rcc-dir",
    );
  if (route === null) throw new Error("hub: --hub URL is needed (or CATWALK_HUB), or --rcc-dir");
  return { identity: credentials, credentials, ports: nodePortsBy(route) };
}
