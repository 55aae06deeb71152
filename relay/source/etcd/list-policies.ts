/** The policies of a cluster whose datastore is etcd, read now. */
import { parseJson } from "../../../shared/lib/parse-json.ts";
import { isJsonObject } from "../../kube/kube-object.ts";
import { readPolicyObject } from "../policy-object.ts";
import type { ClusterPolicies, PolicyObject } from "../source.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import { RESOURCES } from "./etcd-keys.ts";
import { GrpcError } from "./grpc-channel.ts";
import { fromUtf8 } from "./text.ts";

const KINDS = [
  ["NetworkPolicy", "networkpolicies"],
  ["GlobalNetworkPolicy", "globalnetworkpolicies"],
  ["Tier", "tiers"],
  ["NetworkSet", "networksets"],
  ["GlobalNetworkSet", "globalnetworksets"],
] as const;

export async function listEtcdPolicies(connection: EtcdConnection): Promise<ClusterPolicies> {
  const items: PolicyObject[] = [];
  const unread: { kind: string; message: string }[] = [];
  for (const [kind, plural] of KINDS)
    try {
      items.push(...(await listKind(connection, kind, `${RESOURCES}${plural}/`)));
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      unread.push({ kind, message: error.message });
    }
  return { items, unread };
}

async function listKind(
  connection: EtcdConnection,
  kind: string,
  prefix: string,
): Promise<PolicyObject[]> {
  const found: PolicyObject[] = [];
  let [after, revision] = ["", 0];
  for (;;) {
    const page = await connection.range(prefix, after, revision);
    if (revision === 0) revision = page.revision;
    for (const { value } of page.kvs) found.push(...policyIn(kind, value));
    const last = page.kvs.at(-1);
    if (!page.hasMore || last === undefined) return found;
    after = last.key;
  }
}

function policyIn(kind: string, value: Uint8Array): PolicyObject[] {
  const parsed = parseJson(fromUtf8(value));
  if (!parsed.ok || !isJsonObject(parsed.value)) return [];
  const policy = readPolicyObject({ ...parsed.value, kind });
  return policy === null ? [] : [policy];
}
