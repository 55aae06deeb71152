/** Findings about the relay of one node, by what it says of itself. [CLI97] */
import type { RelayStatusView } from "../../../shared/api/relay.ts";
import { CONNECTION_WORDS } from "../../../shared/visibility/connection-words.ts";
import { error, info, LEVELS, warning } from "./finding.ts";
import type { About, Finding } from "./finding.ts";

const IN_SYNC = 2;

/** The worst first. @param cli The version of this program. */
export function findingsOfRelay(relay: RelayStatusView, cli: string): Finding[] {
  const name = relay.cluster;
  const about: About = [name === null ? [] : [name], `relay of ${name ?? "no cluster yet"}`];
  const found = [
    ...ofVersion(relay, cli, about),
    ...ofHub(relay, about),
    ...ofSource(relay, about),
    ...ofPublishing(relay, about),
    ...relay.remotes.flatMap((remote) => ofRemote(remote, about)),
    ...ofDirect(relay.direct, about),
    ...ofFelix(relay, about),
  ];
  return found.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

function ofVersion({ version }: RelayStatusView, cli: string, about: About): Finding[] {
  if (version === undefined || version === cli) return [];
  return [
    info(...about, `its version is ${version}, this program's ${cli}`, "update the older one"),
  ];
}

function ofHub(relay: RelayStatusView, about: About): Finding[] {
  const found: Finding[] = [];
  const why = relay.message === null ? "" : `: ${relay.message}`;
  // One without a hub reads RCCs of a folder.
  if (relay.direct !== null && relay.cluster === null) return found;
  if (relay.hub === "not-joined")
    found.push(
      error(
        ...about,
        `it has joined no mesh${why}`,
        "give it a join token: catwalk cluster add, or catwalk cluster token",
      ),
    );
  else if (relay.hub === "down") {
    const heard =
      relay.hubAgeSeconds === null ? "not heard since its start" : `${relay.hubAgeSeconds} s ago`;
    found.push(
      error(
        ...about,
        `it has no connection to the hub (heard: ${heard})${why}`,
        "see that this node reaches the hub (name, port, proxy), and that its certificate is taken",
      ),
    );
  } else if (relay.message !== null)
    found.push(warning(...about, relay.message, "read its log: it says since when, and why"));
  if (relay.clockSkewSeconds !== 0)
    found.push(
      warning(
        ...about,
        `its node's clock is ${relay.clockSkewSeconds} s behind the hub's, corrected`,
        "set the clock of the node (NTP)",
      ),
    );
  if (relay.diskProblem !== null)
    found.push(
      error(
        ...about,
        `what it knows is not on its disk: ${relay.diskProblem}`,
        "make room in its state folder: it writes again by itself",
      ),
    );
  return found;
}

function ofSource({ source }: RelayStatusView, about: About): Finding[] {
  const found: Finding[] = [];
  const todo = "see its account's rights and the datastore: catwalk install --check";
  if (source.state !== "following")
    found.push(
      error(...about, `its source is ${source.state}: ${source.reason || "no reason given"}`, todo),
    );
  else if (!source.listed)
    found.push(warning(...about, "its source has not listed everything yet", todo));
  const [first] = source.problems;
  if (first !== undefined)
    found.push(
      warning(
        ...about,
        `not published, or a part of it: ${source.problems.length} objects, as ${first.object}: ${first.message}`,
        "mend them in the cluster; catwalk relay status -o json names them all",
      ),
    );
  return found;
}

function ofPublishing(relay: RelayStatusView, about: About): Finding[] {
  const { withdrawals, exports, resources, services, pools } = relay;
  const problem = exports?.problem ?? null;
  return [
    ...withdrawals.map(({ collection, keys, until }) =>
      warning(
        ...about,
        `it holds ${keys} withdrawals of ${collection} back, ${until === null ? "until they are confirmed" : `until ${until}`}`,
        "catwalk relay withdrawal list, then confirm or reject",
      ),
    ),
    ...(problem === null
      ? []
      : [error(...about, `its export policy: ${problem}`, "mend the file of --export-policy")]),
    ...(resources?.problems ?? []).map((text) =>
      warning(...about, `custom resources: ${text}`, "kubectl describe says more of the object"),
    ),
    ...(services?.problems ?? []).map((text) =>
      warning(...about, `Services: ${text}`, "catwalk install --check; apply the manifests again"),
    ),
    ...pools.withheld.map(({ cidr, reason }) =>
      info(...about, `pods have NAT on the way to ${cidr}: ${reason}`, "catwalk preflight"),
    ),
  ];
}

function ofRemote(remote: RelayStatusView["remotes"][number], about: About): Finding[] {
  const { rcc, connectionStatus, refused, overLimit } = remote;
  const found: Finding[] = [];
  if (connectionStatus !== IN_SYNC)
    found.push(
      warning(
        ...about,
        `RCC ${rcc} is ${CONNECTION_WORDS[connectionStatus] ?? "Unknown"}; what it had is served meanwhile`,
        `catwalk status --cluster ${remote.origin.name} says what is in the way`,
      ),
    );
  if (refused > 0)
    found.push(
      warning(
        ...about,
        `it refuses ${refused} records of RCC ${rcc}`,
        "its log says which rule refuses each",
      ),
    );
  if (overLimit !== undefined)
    found.push(
      error(...about, `RCC ${rcc}: ${overLimit}`, "narrow the grant: catwalk grant apply --help"),
    );
  return found;
}

function ofDirect(direct: RelayStatusView["direct"], about: About): Finding[] {
  if (direct === null) return [];
  const todo =
    "mend the RCC's file or its Secret; docs/two-clusters-without-a-hub.md has the fields";
  return [
    ...(direct.problem === null ? [] : [error(...about, direct.problem, todo)]),
    ...direct.refused.map(({ where, message }) => error(...about, `${where}: ${message}`, todo)),
    ...direct.remotes.flatMap(({ rcc, conditions }) =>
      conditions
        .filter(({ status }) => status !== "True")
        .map(({ type, reason, message }) =>
          warning(...about, `RCC ${rcc} is not ${type} (${reason}): ${message}`, todo),
        ),
    ),
  ];
}

function ofFelix({ felix }: RelayStatusView, about: About): Finding[] {
  if (felix === null || felix.length > 0) return [];
  return [
    warning(
      ...about,
      "no Felix is connected to it, so no policy has remote endpoints here",
      "catwalk felix status says where each node's Felix looks; catwalk felix point turns it",
    ),
  ];
}
