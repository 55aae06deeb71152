/**
 * `catwalk cluster identity NAME --renew FILE`: the same key, with a membership that the hub's
 * signing key of now has signed. Relays that have the key stay connected. [CRE29]
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createJoinToken } from "../../shared/api/clusters.ts";
import { syncOwn } from "../../shared/api/own.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { identityIn, KEY_FILE, MEMBERSHIP_FILE } from "../../relay/hub/identity.ts";
import type { Identity } from "../../relay/hub/identity.ts";
import { postJson } from "../../relay/hub/post-json.ts";
import { routeTo } from "../../relay/hub/route.ts";
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import { Client } from "../admin/client.ts";
import type { CliConfig } from "../admin/config.ts";
import { CommandError } from "../admin/usage-error.ts";
import { readObjects } from "./documents.ts";

const ANSWER_MS = 10_000;

export interface Renewal {
  readonly name: string;
  /** Folder of an identity, or a file with its Secret; `-` is stdin. */
  readonly from: string;
  readonly hubCaFile: string | undefined;
}

/**
 * @returns The identity; `null`: it was a folder's, and is written there.
 * @throws CommandError; the identity is then as it was.
 */
export async function renewIdentity(
  { name, from, hubCaFile }: Renewal,
  config: CliConfig,
): Promise<Identity | null> {
  const isFolder = from !== "-" && statSync(from, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === true) {
    await renewIn(from, name, hubCaFile, config);
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), "catwalk-renew-"));
  try {
    for (const [file, text] of secretData(from))
      writeFileSync(join(folder, file), text, { mode: 0o600 });
    await renewIn(folder, name, hubCaFile, config);
    return identityIn(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function renewIn(
  folder: string,
  name: string,
  caFile: string | undefined,
  config: CliConfig,
): Promise<void> {
  const client = new Client(config);
  const { server } = client;
  const route = routeTo(server, { caFile });
  try {
    // `open` would make a key where there is none.
    const { membership } = identityIn(folder);
    if (membership?.cluster.name !== name)
      throw new Error(`it is of ${membership?.cluster.name ?? "no cluster"}, not of ${name}`);
    const credentials = await Credentials.open(folder, { route });
    await requireInUse(credentials, server, route.agent);
    const params = { mesh: client.mesh, cluster: name };
    const { joinToken } = await client.call(createJoinToken, { params });
    await credentials.join(server, joinToken);
  } catch (error) {
    throw new CommandError(`--renew: ${errorText(error)}`, { cause: error });
  }
}

/** To join with a key that was replaced would retire the one that replaced it. */
async function requireInUse(
  credentials: Credentials,
  server: string,
  agent: ReturnType<typeof routeTo>["agent"],
): Promise<void> {
  const headers = await credentials.headers();
  const options = { agent, timeoutMs: ANSWER_MS, headers, maxAnswerBytes: 2 ** 26 };
  const { status, body } = await postJson(new URL(syncOwn.path, server), { writes: [] }, options);
  const { detail } = body;
  if (status !== 200)
    throw new Error(
      `the hub does not take it any more (${typeof detail === "string" ? detail : `HTTP ${status}`}): make a new identity with --replace`,
    );
}

/** @returns Its two files. @throws CommandError naming the file and the field. */
function secretData(file: string): readonly (readonly [name: string, text: string])[] {
  const secret = readObjects(file, "--renew").find(({ json }) => json["kind"] === "Secret")?.json;
  if (secret === undefined) throw new CommandError(`--renew ${file}: no Secret is in it`);
  const [data, plain] = [secret["data"], secret["stringData"]];
  return [KEY_FILE, MEMBERSHIP_FILE].map((name) => {
    const text = isJsonObject(plain) ? plain[name] : undefined;
    if (typeof text === "string") return [name, text];
    const encoded = isJsonObject(data) ? data[name] : undefined;
    if (typeof encoded === "string") return [name, Buffer.from(encoded, "base64").toString()];
    throw new CommandError(`--renew ${file}: data.${name}: is not there`);
  });
}
