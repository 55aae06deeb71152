/**
 * `catwalk eval SELECTOR`: the endpoints that a rule's selector matches, in `calicoq eval`'s form.
 * [CLI11]
 */
import { parseSelector } from "../../shared/selector/parse.ts";
import { endpointName, labelsSeen, matchEndpoints } from "../../relay/policy/world.ts";
import type { MatchedEndpoint, SeenLabels } from "../../relay/policy/world.ts";
import { withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderList } from "./output.ts";
import { labelText } from "../../shared/record/key-name.ts";
import { tellTruth, withReading, worldOf } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { UsageError } from "../admin/usage-error.ts";

interface Row extends SeenLabels {
  readonly kind: string;
  readonly name: string;
  readonly origin: string;
  readonly node: string;
  /** Of pods. */
  readonly namespace?: string;
  readonly pod?: string;
  readonly ips: readonly string[];
}

function podOf({ endpoint }: MatchedEndpoint): Pick<Row, "namespace" | "pod"> {
  if (endpoint.kind !== "WorkloadEndpoint") return {};
  return { namespace: endpoint.namespace, pod: endpoint.name };
}

export const registerEval: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        withReading(
          program
            .command("eval")
            .description("endpoints, own and remote, that a selector matches")
            .argument("<selector>", "Calico selector"),
        ),
      ),
    ),
    `catwalk eval "role == 'postgres'" --cluster app`,
  ).action(async (text: string, flags: ReadingFlags & OutputFlags) => {
    const parsed = parseSelector(text);
    if (!parsed.ok) throw new UsageError(`selector: ${parsed.error}`);
    const world = await worldOf(flags);
    const found = matchEndpoints(world, parsed.selector);
    const labels = labelsSeen(world, found);
    const rows = found.map((matched, i): Row => ({
      kind: matched.endpoint.kind,
      name: endpointName(matched),
      origin: matched.seen.origin,
      node: matched.endpoint.node,
      ...podOf(matched),
      ips: matched.endpoint.ips,
      ...(labels[i] ?? { labels: {}, inherited: {} }),
    }));
    tellTruth(world);
    if (flags.output === undefined) {
      const line = (row: Row) =>
        `  ${row.kind === "HostEndpoint" ? "Host" : "Workload"} endpoint ${row.name}\n`;
      print(`Endpoints matching selector ${text}:\n${rows.map(line).join("")}`);
      return;
    }
    print(
      renderList(
        rows,
        {
          columns: [
            { title: "KIND", of: (row) => row.kind },
            { title: "ENDPOINT", of: (row) => row.name },
            { title: "ORIGIN", of: (row) => row.origin },
            { title: "IPS", of: (row) => row.ips.join(" ") },
            { title: "LABELS", of: (row) => labelText(row.labels) },
            { title: "INHERITED", of: (row) => labelText(row.inherited) },
          ],
          name: (row) => row.name,
          empty: "no endpoint matches",
        },
        flags.output,
      ),
    );
  });
};
