/**
 * `catwalk cluster identity`: makes the one identity that all relays of a cluster have, outside of
 * any relay, as a Kubernetes Secret or as a folder. A key that replaces one in use cuts off the
 * relays that have that one, so it is only done when asked for. [CRE12]
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";
import { Option } from "commander";
import { stringify } from "yaml";

import { errorText } from "../../shared/lib/error-text.ts";
import { createJoinToken, getCluster } from "../../shared/api/clusters.ts";
import {
  KEY_FILE,
  keyText,
  makeKey,
  MEMBERSHIP_FILE,
  membershipText,
  openIdentity,
  writeMembership,
} from "../../relay/hub/identity.ts";
import type { RelayKey } from "../../relay/hub/identity.ts";
import { JoinError, joinMesh } from "../../relay/hub/join.ts";
import type { Membership } from "../../relay/hub/join.ts";
import { routeTo } from "../../relay/hub/route.ts";
import { Client } from "../admin/client.ts";
import { withExample, withServer } from "./command.ts";
import { renewIdentity } from "./identity-renew.ts";
import { print } from "../admin/terminal.ts";
import { loadConfig } from "../admin/config.ts";
import type { CliConfig, ServerFlags } from "../admin/config.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

/** Where `deploy/relay` looks for it. */
const SECRET_NAME = "catwalk-identity";
const NAMESPACE = "catwalk";
const NAMESPACE_RULE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

interface IdentityFlags extends ServerFlags {
  readonly joinToken?: string;
  readonly hubCaFile?: string;
  readonly namespace: string;
  readonly output?: "yaml" | "json";
  readonly out?: string;
  readonly replace?: true;
  readonly rotate?: true;
  readonly renew?: string;
}

export function registerIdentity(cluster: Command): void {
  withExample(
    withServer(
      cluster
        .command("identity <name>")
        .description("make the identity of all of a member's relays; prints a Kubernetes Secret"),
    )
      .option("--join-token <token>", "of `cluster add`, instead of the admin token")
      .option("--hub-ca-file <file>", "PEM: authorities to trust for the hub, beside the usual")
      .option("--namespace <name>", "of the Secret", NAMESPACE)
      .addOption(new Option("-o, --output <form>", "of the Secret").choices(["yaml", "json"]))
      .option("--out <dir>", "write it as a folder instead, for --identity")
      .option("--replace", "even if the cluster has joined: relays with its present key stop")
      .option(
        "--rotate",
        "another key, which retires the present one once a relay comes with it: nobody stops",
      )
      .option(
        "--renew <file>",
        "keep the key of this Secret, or folder, and have the hub sign its membership anew (-: stdin)",
      ),
    "catwalk cluster identity db | kubectl create -f -",
  ).action(async (name: string, flags: IdentityFlags) => {
    const { namespace, out, output, replace, rotate } = flags;
    if (replace === true && rotate === true)
      throw new UsageError(
        "--rotate: lets relays with the present key go on, --replace stops them: give one",
      );
    if (!NAMESPACE_RULE.test(namespace))
      throw new UsageError(`--namespace ${namespace}: must be a name of a Kubernetes namespace`);
    if (out !== undefined && output !== undefined)
      throw new UsageError("--out: writes a folder; -o is the form of the Secret: give one");
    if (out !== undefined && existsSync(join(out, MEMBERSHIP_FILE)))
      throw new UsageError(`--out ${out}: has an identity already (${MEMBERSHIP_FILE})`);
    const config = loadConfig(flags);
    if (flags.renew !== undefined) return renew(name, flags.renew, flags, config);
    const ticket = await ticketFor(name, flags, config);
    // In a folder the key is there before the hub knows of it: what breaks off goes on with the
    // same one.
    const key = out === undefined ? await makeKey() : (await openFolder(out)).key;
    const membership = await joinAs(name, ticket, key, flags);
    if (out === undefined) return print(secretOf(key, membership, namespace, output ?? "yaml"));
    try {
      writeMembership(out, membership);
    } catch (error) {
      throw new CommandError(`--out ${out}: ${errorText(error)}`, { cause: error });
    }
    print(`identity of cluster ${name} written to ${out}\n`);
  });
}

async function renew(
  name: string,
  from: string,
  flags: IdentityFlags,
  config: CliConfig,
): Promise<void> {
  const { replace, rotate, out, joinToken, hubCaFile, namespace, output } = flags;
  if (replace === true || rotate === true || out !== undefined || joinToken !== undefined)
    throw new UsageError("--renew: goes without --replace, --rotate, --out and --join-token");
  const renewed = await renewIdentity({ name, from, hubCaFile }, config);
  if (renewed === null) return print(`membership of cluster ${name} renewed in ${from}\n`);
  if (renewed.membership === null) throw new CommandError(`--renew ${from}: has no membership`);
  print(secretOf(renewed.key, renewed.membership, namespace, output ?? "yaml"));
}

interface Ticket {
  readonly server: string;
  readonly joinToken: string;
}

async function ticketFor(name: string, flags: IdentityFlags, config: CliConfig): Promise<Ticket> {
  const { joinToken, replace, rotate } = flags;
  if (joinToken !== undefined) {
    const { server } = config;
    if (server === undefined) throw new UsageError("which hub? give --server URL");
    if (!URL.canParse(server) || !/^https?:/.test(server))
      throw new UsageError(`--server ${server}: must be an http or https URL`);
    return { server, joinToken };
  }
  const client = new Client(config);
  const params = { mesh: client.mesh, cluster: name };
  const { joined } = await client.call(getCluster, { params });
  if (joined && replace !== true && rotate !== true)
    throw new CommandError(
      `cluster ${name} has joined already: a new identity stops the relays that have the present one; give --rotate for one that takes over from it, --replace if they are to stop`,
    );
  const made = await client.call(createJoinToken, { params });
  return { server: client.server, joinToken: made.joinToken };
}

async function joinAs(
  name: string,
  { server, joinToken }: Ticket,
  key: RelayKey,
  flags: IdentityFlags,
): Promise<Membership> {
  try {
    const route = routeTo(server, { caFile: flags.hubCaFile });
    const membership = await joinMesh(server, joinToken, key, route, flags.rotate === true);
    if (membership.cluster.name === name) return membership;
    throw new CommandError(
      `--join-token: is of cluster ${membership.cluster.name}, not of ${name}; it is used up now: \`catwalk cluster token ${membership.cluster.name}\` makes another`,
    );
  } catch (error) {
    if (error instanceof JoinError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

async function openFolder(folder: string) {
  return openIdentity(folder).catch((error: unknown) => {
    throw new CommandError(errorText(error), { cause: error });
  });
}

function secretOf(
  key: RelayKey,
  membership: Membership,
  namespace: string,
  output: "yaml" | "json",
): string {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: SECRET_NAME,
      namespace,
      labels: { "app.kubernetes.io/name": "catwalk-relay" },
    },
    type: "Opaque",
    stringData: { [KEY_FILE]: keyText(key), [MEMBERSHIP_FILE]: membershipText(membership) },
  };
  return output === "json" ? `${JSON.stringify(secret, null, 2)}\n` : stringify(secret);
}
