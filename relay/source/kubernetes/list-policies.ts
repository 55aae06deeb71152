/** The cluster's own policies, read once: they never leave it. */
import { errorText } from "../../../shared/lib/error-text.ts";
import type { CalicoGroup } from "../convert/converters.ts";
import { POLICY_KINDS } from "../../kube/policy-kinds.ts";
import { readPolicyObject } from "../policy-object.ts";
import type { ClusterPolicies, PolicyObject } from "../source.ts";
import { LIST_LIMIT } from "./reflector.ts";
import type { Transport } from "../../kube/transport.ts";
import { describeFailure, parseListPage } from "../../kube/watch-event.ts";

/**
 * @throws when a list of policies fails; a kind that the server does not have (404) is an empty
 *   list, and one beside policies that fails is told as such.
 */
export async function listPolicies(
  transport: Transport,
  group: CalicoGroup,
  signal: AbortSignal,
): Promise<ClusterPolicies> {
  const items: PolicyObject[] = [];
  const unread: { kind: string; message: string }[] = [];
  for (const { kind, plural, group: of, use } of POLICY_KINDS) {
    const apiVersion = of === "calico" ? group : of;
    try {
      items.push(...(await listKind(transport, apiVersion, kind, plural, signal)));
    } catch (error) {
      if (use === "policy" || signal.aborted) throw error;
      if (!unread.some((one) => one.kind === kind))
        unread.push({ kind, message: errorText(error) });
    }
  }
  return { items, unread };
}

async function listKind(
  transport: Transport,
  apiVersion: string,
  kind: string,
  plural: string,
  signal: AbortSignal,
): Promise<readonly PolicyObject[]> {
  const found: PolicyObject[] = [];
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
    // Items of a typed list carry neither apiVersion nor kind.
    found.push(
      ...page.items.flatMap((item) => readPolicyObject({ ...item, apiVersion, kind }) ?? []),
    );
    token = page.continueToken === "" ? null : page.continueToken;
  }
  return found;
}
