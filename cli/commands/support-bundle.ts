/**
 * `catwalk support-bundle`: what somebody who helps needs to see, in one file without secrets: the
 * admin API shows none, and what looks like one is struck out all the same. [CLI93]
 */
import { writeFileSync } from "node:fs";

import { listEvents } from "../../shared/api/events.ts";
import { listAudit } from "../../shared/api/meshes.ts";
import { getPreflight } from "../../shared/api/preflight.ts";
import { listAllRccs } from "../../shared/api/rccs.ts";
import { listQuarantine } from "../../shared/api/status.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { loadConfig } from "../admin/config.ts";
import type { ServerFlags } from "../admin/config.ts";
import { withoutSecrets } from "../admin/secrets.ts";
import { tarGz } from "../admin/tar.ts";
import type { TarFile } from "../admin/tar.ts";
import { jsonText, print } from "../admin/terminal.ts";
import { UsageError } from "../admin/usage-error.ts";
import { clientOf, withExample, withServer } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { examine, findingsText } from "./doctor.ts";

const NEWEST = "1000";

type Flags = ServerFlags & { readonly file: string };

export const registerSupportBundle: RegisterCommand = (program) => {
  withExample(
    withServer(
      program
        .command("support-bundle")
        .description("status, findings, events, audit, metrics and versions in one file"),
    ).option("-f, --file <file>", "where to", "catwalk-support.tar.gz"),
    "catwalk support-bundle -f /tmp/mesh.tar.gz",
  ).action(async (flags: Flags) => {
    const files = await gather(flags);
    try {
      writeFileSync(flags.file, tarGz(files, Date.now()), { mode: 0o600 });
    } catch (error) {
      throw new UsageError(`--file ${flags.file}: ${errorText(error)}`);
    }
    print(`${flags.file}: ${files.map(({ name }) => name).join(", ")}\n`);
  });
};

async function gather(flags: ServerFlags): Promise<TarFile[]> {
  const client = clientOf(flags);
  const params = { mesh: client.mesh };
  const input = await examine(client);
  const { status, clusters, grants, tokens, webhooks, ...about } = input;
  const parts: [string, () => Promise<unknown>][] = [
    ["about.json", async () => about],
    ["status.json", async () => status],
    ["registry.json", async () => ({ clusters, grants, tokens, webhooks: webhooks?.map(bare) })],
    ["rccs.json", () => client.call(listAllRccs, { params })],
    ["preflight.json", () => client.call(getPreflight, { params, query: {} })],
    ["events.json", () => client.call(listEvents, { params, query: { limit: NEWEST } })],
    ["audit.json", () => client.call(listAudit, { params, query: { limit: NEWEST } })],
    ["quarantine.json", () => client.call(listQuarantine, { params, query: { limit: NEWEST } })],
    ["findings.jsonl", async () => findingsText(input)],
    ["metrics.txt", () => client.text(`/v1/meshes/${encodeURIComponent(client.mesh)}/metrics`)],
    ...Object.entries(loadConfig(flags).relays).map(
      ([name, url]): [string, () => Promise<unknown>] => [
        `relay-${name.replaceAll(/[^a-z0-9-]/g, "_").slice(0, 63)}.json`,
        () => readRelayStatus(url),
      ],
    ),
  ];
  const files: TarFile[] = [];
  for (const [name, read] of parts) files.push({ name, text: await textOf(read) });
  return files;
}

/** What cannot be read says why in its file: the rest is there all the same. */
async function textOf(read: () => Promise<unknown>): Promise<string> {
  try {
    const value = await read();
    return typeof value === "string"
      ? withoutSecrets(value)
      : `${jsonText(withoutSecrets(value), 2)}\n`;
  } catch (error) {
    return `not read: ${withoutSecrets(errorText(error))}\n`;
  }
}

/** Paths and queries of receivers hold their tokens (Slack's do). */
function bare<T extends { readonly url: string }>(webhook: T): T {
  return { ...webhook, url: URL.canParse(webhook.url) ? new URL(webhook.url).origin : "" };
}
