/** `catwalk relay`: its options, and the commands below it. */
import { readFileSync } from "node:fs";

import { parse } from "yaml";

import { errorText } from "../../shared/lib/error-text.ts";
import { readConfig } from "../../relay/config/relay-config.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { withSourceOptions } from "./relay-source-options.ts";
import { withWriterOptions } from "./relay-writer-options.ts";
import { registerRelayStatus } from "./relay-status.ts";
import { UsageError } from "../admin/usage-error.ts";
import { addWithdrawal } from "./withdrawal.ts";

export const registerRelay: RegisterCommand = (program) => {
  const relay = withExample(
    withWriterOptions(
      withSourceOptions(
        program
          .command("relay")
          .description("run a cluster's relay (every option also as CATWALK_*, or in --config)"),
      ),
    )
      .option("--state <dir>", "folder with the relay's views, and its key without --identity")
      .option("--identity <dir>", "folder with the key and membership of all the cluster's relays")
      .option("--join-token <token>", "joins the mesh with it")
      .option("--hub <url>", "the hub")
      .option("--insecure-http", "take a hub without TLS off loopback: tokens can be heard")
      .option("--hub-ca-file <file>", "PEM: authorities to trust for it, beside the usual ones")
      .option("--typha-upstream <host:port>", "the cluster's Typha")
      .option("--typha-service <namespace/name>", "the cluster's Typha as a Kubernetes service")
      .option("--node-name <name>", "this relay's node: a Typha on it is preferred")
      .option("--typha-listen <host:port>", "where Felix connects instead")
      .option("--typha-compress", "ask Typha for compressed snapshots (a slow network to it)")
      .option("--typha-ca-file <file>", "PEM: TLS to Typha, as Felix's FELIX_TYPHACAFILE")
      .option("--typha-cert-file <file>", "PEM: the certificate that Typha is shown")
      .option("--typha-key-file <file>", "PEM: its key")
      .option("--typha-cn <name>", "common name of Typha's certificate")
      .option("--typha-uri-san <uri>", "or a URI among its alternative names")
      .option("--listen-ca-file <file>", "PEM: TLS from Felix; authorities of its certificate")
      .option("--listen-cert-file <file>", "PEM: the certificate that Felix is shown")
      .option("--listen-key-file <file>", "PEM: its key")
      .option("--listen-client-cn <name>", "common name of Felix's certificate")
      .option("--listen-client-uri-san <uri>", "or a URI among its alternative names")
      .option("--typha-max-connections <n>", "served at once (10000)")
      .option("--typha-max-per-address <n>", "of one address at once (100)")
      .option("--drain-seconds <n>", "longest slow end of Felix connections on SIGTERM (300)")
      .option("--peers <host:port,…>", "other relays of the cluster: asked for views lacking here")
      .option("--peers-service <namespace/name>", "the same as a Kubernetes service")
      .option("--peers-listen <host:port>", "where they ask this one")
      .option("--http-listen <host:port>", "health, status, metrics, view")
      .option("--service-ranges <cidrs>", "ranges of the cluster's Services, by commas")
      .option("--http-token-file <file>", "token that other machines show for status and view")
      .option("--remote-max-records <n>", "taken of one remote at most (600000)")
      .option("--remote-max-bytes <n>", "the same in bytes of records (536870912)")
      .option(
        "--withdrawal-hold-seconds <n>",
        "how long what lists suddenly lack in mass stays published (600; 0: not at all)",
      )
      .option("--in-sync-wait-seconds <n>", "longest wait for the remote views (30)")
      .option("--config <file>", "YAML with these options in camelCase"),
    "catwalk relay --state ./state --hub http://127.0.0.1:8787 --join-token cwj_… --manifests deploy/demo/db",
  );
  addWithdrawal(relay);
  relay.action(async ({ config: file, ...flags }: Record<string, string>) => {
    const read = readConfig(flags, process.env, file === undefined ? null : readFile(file));
    if (!read.ok) throw new UsageError(`relay: ${read.message}`);
    // Loaded only here: help, and the commands below this one, need none of it. [CLI52]
    const { runRelay } = await import("./run-relay.ts");
    await runRelay(read.config);
  });
  registerRelayStatus(relay);
};

function readFile(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8")) as unknown;
  } catch (error) {
    throw new UsageError(`--config ${path}: ${errorText(error)}`);
  }
}
