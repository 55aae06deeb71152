/** What a relay is answered whose Origin does not let its request pass. */
import type { DialPermit } from "../ports.ts";
import { HttpProblem } from "./problem.ts";

export function refusalOf(permit: Exclude<DialPermit, "yes">): HttpProblem {
  const [status, detail] = REFUSALS[permit];
  return new HttpProblem(status, permit, detail);
}

/** What the text of an Origin's 401 says. */
export function refusalIn(text: string): Exclude<DialPermit, "yes"> {
  return isRefusal(text) ? text : "token-used";
}

function isRefusal(text: string): text is keyof typeof REFUSALS {
  return Object.hasOwn(REFUSALS, text);
}

const REFUSALS = {
  "token-used": [401, "the token has opened a connection already: make one for each"],
  "clock-skew": [401, "the token was issued too long ago for this hub to know that it is new"],
  "access-denied": [403, "no RCC of this cluster names an origin of this UID"],
  unauthenticated: [401, "the cluster's key was replaced by a newer one: join again"],
  removed: [410, "the cluster was removed from the mesh"],
  "not-ready": [503, "the mesh has not said yet what this cluster may see: try again"],
} as const satisfies Readonly<Record<Exclude<DialPermit, "yes">, readonly [number, string]>>;
