/** `catwalk services`: what fills the federated Services of a cluster. [SVC40] */
import { servicesSchema } from "../../shared/api/services.ts";
import { loadConfig } from "../admin/config.ts";
import { readRelayJson } from "../admin/relay-client.ts";
import { print } from "../admin/terminal.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";
import { withExample, withOutput } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { narrowed, renderServices } from "./services-text.ts";

interface Flags extends OutputFlags {
  readonly relay?: string;
  readonly cluster?: string;
}

export const registerServices: RegisterCommand = (program) => {
  withExample(
    withOutput(
      program
        .command("services")
        .description("what fills the federated Services of a cluster, by source cluster")
        .argument("[namespace/name]", "only this one, with its slices"),
    )
      .option("--relay <url>", "the relay's HTTP address; default: of .catwalk/config.yaml")
      .option("--cluster <name>", "the cluster's relay in .catwalk/config.yaml"),
    "catwalk services --cluster app shop/db",
  ).action(async (only: string | undefined, flags: Flags) => {
    const answer = await readRelayJson(relayUrl(flags), "/services", servicesSchema);
    const { items, exports, notImported } = narrowed(answer, only);
    if (only !== undefined && items.length + exports.length + notImported.length === 0)
      throw new CommandError(`${only} is not a Service there that others may fill`);
    print(renderServices(answer, { only, output: flags.output }));
  });
};

/** @throws UsageError where no relay is known. */
function relayUrl({ relay, cluster }: Flags): string {
  if (relay !== undefined) return relay;
  const { relays } = loadConfig({});
  const names = Object.keys(relays);
  const name = cluster ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) throw new UsageError("which relay? give --cluster NAME, or --relay URL");
  const url = relays[name];
  if (url !== undefined) return url;
  throw new UsageError(`no relay of ${name} is known here: give --relay URL`);
}
