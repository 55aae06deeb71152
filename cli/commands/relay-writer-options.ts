/** What a relay does in its cluster besides. */
import type { Command } from "commander";

export function withWriterOptions(command: Command): Command {
  return command
    .option("--path-probes", "send packets when `doctor path` asks for them (needs --node-name)")
    .option("--webhooks <file>", "YAML: whom to tell of remotes that this relay reads itself")
    .option("--webhooks-lease <namespace/name>", "one relay of the cluster tells, by this Lease")
    .option("--allow-private-webhooks", "to private addresses too, and by http")
    .option("--services", "write the EndpointSlices of federated Services, one relay at a time")
    .option("--services-lease <namespace/name>", "by this Lease (catwalk/catwalk-services)")
    .option("--custom-resources", "mirror RCCs and grants of the cluster, one relay at a time")
    .option(
      "--custom-resources-lease <namespace/name>",
      "by this Lease (catwalk/catwalk-custom-resources)",
    );
}
