/** `catwalk eval SELECTOR`: the endpoints that a rule's selector matches, in `calicoq eval`'s form. [CLI11] */
import { parseSelector } from "../../shared/selector/parse.ts";
import { endpointName, matchEndpoints } from "../policy/world.ts";
import { print, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderList } from "./output.ts";
import { tellTruth, withReading, worldOf } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { UsageError } from "./usage-error.ts";

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly origin: string;
  readonly ips: readonly string[];
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
    const rows = matchEndpoints(world, parsed.selector).map((matched): Row => ({
      kind: matched.endpoint.kind,
      name: endpointName(matched),
      origin: matched.seen.origin,
      ips: matched.endpoint.ips,
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
          ],
          name: (row) => row.name,
          empty: "no endpoint matches",
        },
        flags.output,
      ),
    );
  });
};
