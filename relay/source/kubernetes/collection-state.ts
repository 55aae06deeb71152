/**
 * A reflector's state in the words of people: a retry that is under way is still a failure, until
 * one has worked. [SRC88]
 */
import type { SourceState } from "../source-health.ts";
import { HEALTHY_MS } from "./reflector.ts";
import type { ReflectorState } from "./reflector-state.ts";

export function collectionState(
  { phase, failure, isListed }: ReflectorState,
  nowMs: number,
): { readonly state: SourceState; readonly reason: string } {
  if (phase.kind === "absent")
    return { state: "absent", reason: "the API server does not have this kind" };
  const works = phase.kind === "watching" && (phase.hasNews || nowMs - phase.sinceMs >= HEALTHY_MS);
  if (failure !== "" && !works) return { state: "failing", reason: failure };
  return { state: isListed ? "following" : "listing", reason: "" };
}
