/** The cluster's own policies, read once: they never leave it. */
import type { CalicoGroup } from "../convert/converters.ts";
import { isJsonObject } from "../convert/kube-object.ts";
import type { PolicyObject } from "../source.ts";
import { LIST_LIMIT } from "./reflector.ts";
import { describeFailure } from "./run-reflector.ts";
import type { Transport } from "./transport.ts";
import { parseListPage } from "./watch-event.ts";

/** @throws when a list fails; a kind that the server does not have (404) is an empty list. */
export async function listPolicies(
  transport: Transport,
  group: CalicoGroup,
  signal: AbortSignal,
): Promise<readonly PolicyObject[]> {
  const wanted = [
    { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", plural: "networkpolicies" },
    { apiVersion: group, kind: "NetworkPolicy", plural: "networkpolicies" },
    { apiVersion: group, kind: "GlobalNetworkPolicy", plural: "globalnetworkpolicies" },
  ];
  const policies: PolicyObject[] = [];
  for (const { apiVersion, kind, plural } of wanted) {
    for (let token: string | null = ""; token !== null;) {
      const query = new URLSearchParams({
        limit: String(LIST_LIMIT),
        ...(token !== "" && { continue: token }),
      });
      const path = `/apis/${apiVersion}/${plural}`;
      const { status, body } = await transport.get(`${path}?${query.toString()}`, signal);
      if (status === 404) break;
      if (status !== 200) throw new Error(`GET ${path}: ${describeFailure(status, body)}`);
      const page = parseListPage(body);
      if (!page.ok) throw new Error(`GET ${path}: ${page.message}`);
      for (const item of page.items) {
        const { metadata } = item;
        if (!isJsonObject(metadata) || typeof metadata["name"] !== "string") continue;
        // Items of a typed list carry neither apiVersion nor kind.
        policies.push({ ...item, apiVersion, kind } as unknown as PolicyObject);
      }
      token = page.continueToken === "" ? null : page.continueToken;
    }
  }
  return policies;
}
