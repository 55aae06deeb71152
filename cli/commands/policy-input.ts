/**
 * Where `catwalk policy` has its policies from: a file, or a relay of the cluster; with the network
 * sets that go with them. [CLI12]
 */
import { policyKindOf } from "../../relay/kube/policy-kinds.ts";
import { sortPolicies, titleOf } from "../../relay/policy/kinds.ts";
import type { NetworkSet } from "../../relay/policy/kinds.ts";
import { FieldProblem, readKubeObject } from "../../relay/kube/kube-object.ts";
import type { PolicyObject } from "../../relay/source/source.ts";
import { readObjects } from "./documents.ts";
import { policiesOf, relayUrl } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

export interface PolicyInput {
  readonly policies: readonly PolicyObject[];
  readonly networkSets: readonly NetworkSet[];
  /** Of kinds that are not worked out. */
  readonly leftOut: readonly PolicyObject[];
  /** What the answer lacks, for people. */
  readonly notes: readonly string[];
}

/**
 * @throws UsageError naming file, line, field and rule; CommandError where the relay cannot be
 *   asked.
 */
export async function readPolicyInput(
  flags: ReadingFlags & { readonly file?: string },
): Promise<PolicyInput> {
  const { file } = flags;
  const own = file === undefined ? null : sortPolicies(readPolicyFile(file));
  // Network sets of the cluster go with policies of a file too, where a relay is known to ask.
  const isRelayKnown = relayUrl(flags) !== null;
  if (own !== null && !isRelayKnown)
    return {
      ...own,
      notes: [
        ...own.problems,
        "network sets are counted from the file only: no relay of the cluster is known (--relay URL)",
      ],
    };
  const { items, unread } = await policiesOf(flags);
  const cluster = sortPolicies(items);
  return {
    policies: own?.policies ?? cluster.policies,
    networkSets: [...(own?.networkSets ?? []), ...cluster.networkSets],
    leftOut: own?.leftOut ?? cluster.leftOut,
    notes: [
      ...(own?.problems ?? []),
      ...cluster.problems,
      ...unread.map(({ kind, message }) => `objects of kind ${kind} are not counted: ${message}`),
    ],
  };
}

/** One line for objects that are left out; none where there are none. */
export function describeLeftOut(leftOut: readonly PolicyObject[]): readonly string[] {
  if (leftOut.length === 0) return [];
  const named = leftOut.slice(0, 5).map(titleOf).join(", ");
  const more = leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : "";
  return [`left out, because rules of their kind are not worked out: ${named}${more}`];
}

function readPolicyFile(file: string): PolicyObject[] {
  const named = file === "-" ? "stdin" : file;
  try {
    return readObjects(file, "--file").map(({ json, line }) => {
      const at = (message: string) => new UsageError(`${named}:${line}: ${message}`);
      try {
        const { apiVersion, kind, metadata } = readKubeObject(json);
        const known = policyKindOf(apiVersion, kind);
        if (known === undefined)
          throw at(
            `kind: ${kind} of ${apiVersion} is not a NetworkPolicy or GlobalNetworkPolicy, nor what goes with them`,
          );
        const { name } = metadata;
        const namespace = metadata.namespace || "default";
        return {
          ...json,
          apiVersion,
          kind,
          metadata: { name, labels: metadata.labels, ...(known.isNamespaced && { namespace }) },
        };
      } catch (error) {
        if (error instanceof FieldProblem) throw at(error.message);
        throw error;
      }
    });
  } catch (error) {
    if (error instanceof CommandError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
