/**
 * The labels of a remote's endpoints and profiles as this cluster's rules see them. [TYP22] [TYP23]
 *
 * As they are, rules that were written for local pods match remote ones of a same-named namespace.
 * An RCC may ask for `prefixed`: then each label has the remote's name in its key, and only rules
 * that were written for it match. A key keeps the form of a Kubernetes label, because Felix refuses
 * a profile with any other: what stands before the slash is a DNS name, so the remote's name goes
 * to its end.
 */
import { isReservedLabel, LABEL_DOMAIN } from "../../shared/record/label-domain.ts";
import type { Labels } from "../../shared/record/record.ts";
import type { LabelMode } from "../../shared/visibility/facts.ts";

/**
 * Label on every remote endpoint: the RCC's name, so that a rule can ask for or exclude a cluster.
 */
export const CLUSTER_LABEL = "catwalk.dev/cluster";

/**
 * Calico's selectors name labels of at most 512 characters; Kubernetes' keys have at most 253
 * before the slash.
 */
const MAX_KEY = 512;
const MAX_DOMAIN = 253;
/**
 * What namespaced rules ask for: with them, every rule without a namespace selector would match.
 */
const LEFT_OUT = new Set(["projectcalico.org/namespace", "projectcalico.org/orchestrator"]);

/** Own or inherited labels of a remote, without the cluster label. */
export function remoteLabels(rcc: string, mode: LabelMode, labels: Labels): Labels {
  const entries = Object.entries(labels);
  if (mode === "prefixed")
    return Object.fromEntries(
      entries.flatMap(([key, value]) => {
        const prefixed = prefixedKey(rcc, key);
        return prefixed === null ? [] : [[prefixed, value] as const];
      }),
    );
  // Nobody may speak for another remote, or for us.
  return entries.some(([key]) => isReservedLabel(key))
    ? Object.fromEntries(entries.filter(([key]) => !isReservedLabel(key)))
    : labels;
}

/**
 * `app` → `<rcc>.catwalk.dev/app`, `app.kubernetes.io/name` →
 * `app.kubernetes.io.<rcc>.catwalk.dev/name`: one to one, and never a key that another remote's
 * label could have, because an RCC's name has no dot. `null` for what is left out: the namespace
 * and the orchestrator, and keys that would be too long.
 */
export function prefixedKey(rcc: string, key: string): string | null {
  if (LEFT_OUT.has(key)) return null;
  const slash = key.lastIndexOf("/");
  const domain = `${slash < 0 ? "" : `${key.slice(0, slash)}.`}${rcc}.${LABEL_DOMAIN}`;
  const prefixed = `${domain}/${key.slice(slash + 1)}`;
  return domain.length > MAX_DOMAIN || prefixed.length > MAX_KEY ? null : prefixed;
}
