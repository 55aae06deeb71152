/** Who a relay is towards its hub, and the way there; or that it has none. */
import type { RelayConfig } from "./config/relay-config.ts";
import type { RelayIdentity } from "./hub-session.ts";
import { Credentials } from "./hub/credentials.ts";
import { NODE_PORTS, nodePortsBy } from "./hub/relay-ports.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import { HubClock } from "./hub/hub-clock.ts";
import { getJson } from "./hub/post-json.ts";
import { routeTo } from "./hub/route.ts";
import type { HubRoute } from "./hub/route.ts";

/** For one answer that says the hub's time. */
const TIME_MS = 5_000;

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
  const ports = nodePortsBy(route);
  const hubTime = hubClockOf(config.hub ?? "", route, ports);
  return { identity: credentials, credentials, ports: { ...ports, hubTime } };
}

function hubClockOf(hub: string, { agent }: HubRoute, ports: RelayPorts): HubClock {
  const url = new URL("/v1/time", hub);
  url.protocol = url.protocol.replace("ws", "http");
  return new HubClock({
    now: () => ports.now(),
    ask: async () => {
      const { status, body } = await getJson(url, { agent, timeoutMs: TIME_MS, headers: {} });
      const { unixMs } = body;
      if (status !== 200 || typeof unixMs !== "number") throw new Error("no time in the answer");
      return unixMs;
    },
  });
}
