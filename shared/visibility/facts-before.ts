/** Access facts for relays of a version that knows no Services. [SVC2] */
import type { AccessFacts, Remote } from "./facts.ts";

/**
 * The kind is left out of scopes; a grant of nothing else shows such a relay nothing, so it is none
 * to it.
 */
export function withoutServices(facts: AccessFacts): AccessFacts {
  const { asked: _services, ...known } = facts;
  return { ...known, remotes: facts.remotes.map(remoteWithout) };
}

function remoteWithout(remote: Remote): Remote {
  const { scope, ...rest } = remote;
  if (scope?.kinds?.includes("Service") !== true) return remote;
  const kinds = scope.kinds.filter((kind) => kind !== "Service");
  return kinds.length === 0
    ? { ...rest, state: "not-granted" }
    : { ...rest, scope: { ...scope, kinds } };
}
