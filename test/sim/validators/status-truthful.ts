/** What status says is the case: of a relay at any time, of the hub when all is quiet. */
import type { Happening, QuietEdge, SeenRemote } from "../history.ts";
import { atQuiet, expected } from "./converged.ts";
import { judgeLatency } from "./latency-truthful.ts";
import type { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

const [DOWN, IN_SYNC, NOT_GRANTED] = [0, 2, 5];

/** Why a relay's word is untrue, or `null`. */
function judgeSeen({ rcc, status, isOpen, endpoints, served }: SeenRemote): string | null {
  if (!isOpen && status !== DOWN && status !== NOT_GRANTED)
    return `says ${status} of ${rcc}, to which it has no connection`;
  const count = [...served.values()].filter(({ isEndpoint }) => isEndpoint).length;
  return endpoints === count ? null : `says ${endpoints} endpoints of ${rcc}, and serves ${count}`;
}

/** Why conditions that an RCC is told to have are untrue, or `null`. */
function judgeConditions(
  truth: Truth,
  quiet: Extract<Happening, { what: "quiet" }>,
  { reader, origin, conditions }: QuietEdge,
): string | null {
  const isSeen = truth.edges.has(`${reader} ${origin}`) ? "True" : "False";
  for (const type of ["Accepted", "Granted", "Connected", "InSync"]) {
    const told = conditions.find((condition) => condition.type === type);
    const wanted = type === "Accepted" ? "True" : isSeen;
    if (told?.status === wanted) continue;
    // Of what is refused more than is seen hides what "in sync" would say.
    const refused = quiet.relays.flatMap(({ uid, remotes }) =>
      uid === reader ? remotes.filter((remote) => remote.origin === origin) : [],
    );
    if (told?.reason === "Quarantined" && truth.has(origin, false).size > 0) continue;
    // Sources say how they are where the Mesh is told of health.
    const tellsHealth = quiet.origins.some(({ health }) => health !== undefined);
    if (told?.reason === "SourceListing" && !tellsHealth) continue;
    if (told?.reason === "Refused" && refused.some((remote) => remote.refused.size > 0)) continue;
    return `is told ${type} ${told?.status ?? "nothing"} (${told?.reason ?? ""}), and that is ${wanted}`;
  }
  return null;
}

function judgeQuiet(truth: Truth, quiet: Extract<Happening, { what: "quiet" }>): string | null {
  for (const relay of quiet.relays) {
    const wanted = [...expected(truth, relay).keys()];
    for (const [pair, rcc] of truth.edges) {
      const [reader = "", origin = ""] = pair.split(" ");
      if (reader !== relay.uid) continue;
      const remote = relay.remotes.find((candidate) => candidate.rcc === rcc);
      if (remote?.status !== IN_SYNC)
        return `${relay.relay} says ${remote?.status ?? "nothing"} of ${rcc}, which has ${wanted.length} records and is reachable`;
      const told = quiet.origins.find((candidate) => candidate.origin === origin);
      const scope = truth.scopes.get(pair);
      const digest = scope === undefined ? told?.digest.get("identity") : told?.scopes?.get(scope);
      if (remote.digest !== digest)
        return `${relay.relay} is in sync with ${rcc} and has another digest than its origin`;
      if (relay.isSuperseded) continue;
      const edges = quiet.origins.find((candidate) => candidate.origin === relay.uid)?.edges;
      const edge = edges?.find((candidate) => candidate.rcc === rcc);
      if (edge?.status !== remote.status || edge.endpoints !== remote.endpoints)
        return `the hub says ${edge?.status ?? "nothing"} and ${edge?.endpoints ?? 0} endpoints of ${rcc} of ${relay.relay}, which says ${remote.status} and ${remote.endpoints}`;
    }
  }
  for (const edge of quiet.edges ?? []) {
    const wrong = judgeConditions(truth, quiet, edge);
    if (wrong !== null) return `the RCC of ${edge.reader} to ${edge.origin} ${wrong}`;
  }
  for (const { origin, isPublisherConnected, quarantined } of quiet.origins) {
    if (!isPublisherConnected) return `Origin ${origin} says that its publisher is absent`;
    const kept = [...truth.has(origin, false).values()];
    const refused = kept.filter(({ channel }) => channel !== "services").length;
    // Of Services that nobody asks for what was refused stays as it was.
    const isRight = truth.isAsked(origin)
      ? quarantined === kept.length
      : quarantined === refused || (quarantined > refused && truth.wasAsked(origin));
    if (!isRight)
      return `Origin ${origin} says ${quarantined} refused records, its source has ${refused}`;
  }
  return null;
}

export const statusTruthful: Validator = {
  name: "StatusTruthful",
  validate: (history) => {
    for (const { atMs, it } of history) {
      if (it.what !== "seen") continue;
      for (const remote of it.remotes) {
        const wrong = judgeSeen(remote);
        if (wrong !== null) return { atMs, message: `${it.relay} ${wrong}` };
      }
    }
    return judgeLatency(history) ?? atQuiet(history, judgeQuiet);
  },
};
