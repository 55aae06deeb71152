/**
 * `catwalk hub`: a self-hosted hub on plain workerd; `hub backup` and `hub restore`: its state as a
 * file.
 */
import type { Command } from "commander";

import { errorText } from "../../shared/lib/error-text.ts";
import { backupHub } from "../launch/backup.ts";
import { startHub } from "../launch/hub.ts";
import { forgetOlderKeys, rotateHubKey } from "../launch/hub-key-file.ts";
import type { HubOptions } from "../launch/hub.ts";
import { restoreHub } from "../launch/restore.ts";
import { SOFTWARE } from "../../relay/lib/version.ts";
import { withExample } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { RegisterCommand } from "./command.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

interface DataFlags {
  readonly data?: string;
}

interface HubFlags extends DataFlags {
  readonly listen: string;
  readonly adminTokenFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecureHttp?: true;
  readonly allowPrivateWebhooks?: true;
}

export const registerHub: RegisterCommand = (program) => {
  const hub = withExample(
    program
      .command("hub")
      .description("run a hub; prints one JSON line when it is ready")
      .option("--listen <host:port>", "where to listen; port 0 picks one", "127.0.0.1:8787")
      .option("--data <dir>", "folder with the hub's state")
      .option("--admin-token-file <file>", "used if it exists, else written (0600)")
      .option("--tls-cert <file>", "PEM: serve https with this certificate and its chain")
      .option("--tls-key <file>", "PEM: its key")
      .option("--insecure-http", "serve plain http off loopback: tokens can be heard on the way")
      .option(
        "--allow-private-webhooks",
        "webhooks may go to private and loopback addresses, by http too",
      ),
    "catwalk hub --listen 127.0.0.1:8787 --data ./hub",
  ).action((flags: HubFlags) => runHub(flags));
  withExample(
    hub
      .command("backup <file>")
      .description(
        "copy the state of a hub, running or not, into a new file (it holds the hub's key)",
      )
      .addHelpText(
        "after",
        "\n--data <dir> is the hub's folder. Run it on the hub's machine, as its user.",
      ),
    "catwalk hub backup --data ./hub hub-2026-11-21.backup",
  ).action((file: string, _flags: unknown, command: Command) => {
    const data = dataOf("backup", command.optsWithGlobals());
    const made = tried(() => backupHub(data, file, SOFTWARE));
    print(`${made.file}: ${made.objects} databases, ${made.bytes} bytes\n`);
  });
  withExample(
    hub
      .command("restore <file>")
      .description("make the data folder of a hub from a backup; the folder is empty or not there")
      .addHelpText(
        "after",
        "\n--data <dir> is the folder to make. Start the hub with it afterwards.",
      ),
    "catwalk hub restore --data ./hub hub-2026-11-21.backup",
  ).action(async (file: string, _flags: unknown, command: Command) => {
    const data = dataOf("restore", command.optsWithGlobals());
    const restored = await restoreHub(file, data, Date.now()).catch(failed);
    print(
      `${restored.dataDir}: ${restored.objects} databases of ${restored.madeAt}, by ${restored.software}\n`,
    );
    process.stderr.write(
      `access is as it was at ${restored.madeAt}: RCCs, grants and clusters that were made or removed since are not known. What was narrowed since stays narrow: look through \`catwalk status\`, then end that with \`catwalk mesh confirm-restore\`\n`,
    );
  });
  registerRotateKey(hub);
};

function registerRotateKey(hub: Command): void {
  withExample(
    hub
      .command("rotate-key")
      .description("give a hub another signing key; what the older ones signed is still taken")
      .option("--forget-older", "instead: memberships by the older keys are void")
      .addHelpText(
        "after",
        "\n--data <dir> is the hub's folder. It holds from the hub's next start on.",
      ),
    "catwalk hub rotate-key --data ./hub",
  ).action((flags: { readonly forgetOlder?: true }, command: Command) => {
    const data = dataOf("rotate-key", command.optsWithGlobals());
    if (flags.forgetOlder === true) {
      const count = tried(() => forgetOlderKeys(data));
      return print(`older keys forgotten: ${count}; restart the hub\n`);
    }
    const older = tried(() => rotateHubKey(data));
    print(
      `a new key signs, and ${older} before it ${older === 1 ? "is" : "are"} still taken; restart the hub, then for each cluster: catwalk cluster identity NAME --renew FILE\n`,
    );
  });
}

/**
 * Not commander's required option: it would be asked of the sub-commands' parent, and be its word
 * about another command.
 */
function dataOf(command: string, flags: DataFlags): string {
  if (flags.data === undefined || flags.data === "")
    throw new UsageError(`${command}: --data DIR is needed: the folder with the hub's state`);
  return flags.data;
}

function tried<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): never {
  throw new CommandError(errorText(error), { cause: error });
}

function tlsOf({ tlsCert, tlsKey }: HubFlags): Pick<HubOptions, "tls"> {
  if (tlsCert === undefined && tlsKey === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined)
    throw new UsageError("--tls-cert and --tls-key: give both");
  return { tls: { certFile: tlsCert, keyFile: tlsKey } };
}

async function runHub(flags: HubFlags): Promise<void> {
  const dataDir = dataOf("hub", flags);
  const stopped = new Promise<void>((resolve) => {
    // Not once: npm and shells may pass a signal on that came already, and the second would end
    // this in the middle of stopping.
    process.on("SIGTERM", resolve);
    process.on("SIGINT", resolve);
  });
  const hub = await startHub({
    listen: flags.listen,
    dataDir,
    ...(flags.adminTokenFile === undefined ? {} : { adminTokenFile: flags.adminTokenFile }),
    ...tlsOf(flags),
    insecureHttp: flags.insecureHttp === true,
    allowPrivateWebhooks: flags.allowPrivateWebhooks === true,
  }).catch(failed);
  process.stdout.write(
    `${JSON.stringify({ event: "listening", url: hub.url, adminTokenFile: hub.adminTokenFile, maxSockets: hub.maxSockets, ...hub.disk })}\n`,
  );
  await stopped;
  await hub.stop();
}
