/**
 * `catwalk view` and `catwalk watch`: what a cluster may see, key by key; once, or as it changes.
 * [CLI10]
 */
import type { Command } from "commander";

import { felixValue, natPool } from "../../relay/felix/felix-values.ts";
import type { SeenRecord } from "../../relay/policy/world.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import { jsonText, print, say } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { SeenChange } from "./origin-reader.ts";
import { oneLine, renderList, screenWidth, wrapWords } from "./output.ts";
import { chosenOrigins, originsOf } from "./origin-choice.ts";
import { relayAsked, requireCluster, tellTruth, withReading, worldOf } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { labelText, nameOfKey } from "../../shared/record/key-name.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { idOf, viewLines } from "../admin/relay-view.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

const ORIGIN_HELP = "only this RCC or remote (or the cluster itself)";

type Flags = ReadingFlags & OutputFlags & { readonly origin?: string; readonly as?: string };

export const registerView: RegisterCommand = (program) => {
  registerOnce(program);
  registerWatch(program);
};

function registerOnce(program: Command): void {
  withExample(
    withOutput(
      withServer(
        withReading(program.command("view").description("every record that a cluster may see")),
      ),
    )
      .option("--origin <name>", ORIGIN_HELP)
      .option("--as <form>", "felix: Calico's keys and JSON as the cluster's Felix gets them"),
    "catwalk view --cluster app --origin db --as felix",
  ).action(async (flags: Flags) => {
    if (flags.as !== undefined && flags.as !== "felix") throw new UsageError("--as: must be felix");
    const world = await worldOf(flags, flags.origin);
    const records = world.records.toSorted((a, b) =>
      `${a.origin} ${a.key}` < `${b.origin} ${b.key}` ? -1 : 1,
    );
    tellTruth(world);
    if (flags.as === "felix") {
      const others = records.filter(({ isOwn }) => !isOwn);
      const relay = relayAsked(flags);
      print(
        relay === undefined
          ? others.map(felixLine).join("")
          : await asFelix(others, relay, flags.origin),
      );
    } else if (flags.output === "json")
      print(records.map((seen) => `${jsonText(line(seen))}\n`).join(""));
    else print(renderList(records.map(line), LIST, flags.output));
  });
}

function registerWatch(program: Command): void {
  withExample(
    withOutput(
      withServer(
        withReading(program.command("watch").description("what a cluster may see, as it changes")),
      ),
    ).option("--origin <name>", ORIGIN_HELP),
    "catwalk watch --cluster app",
  ).action(async (flags: Flags) => {
    const show = (change: SeenChange): string =>
      flags.output === "json"
        ? `${jsonText(changeLine(change, new Date()))}\n`
        : changeText(change, new Date());
    const relay = relayAsked(flags);
    if (relay !== undefined) {
      await followRelay(relay, flags.origin, (change) => print(show(change)));
      return;
    }
    const cluster = requireCluster(flags);
    const client = clientOf(flags);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
    const { followHub } = await import("./hub-follow.ts");
    await followHub(
      client,
      flags.origin === undefined ? { cluster } : { cluster, origin: flags.origin },
      {
        onListed: (records) => {
          say(`${cluster} sees ${records.length} records; changes follow, Ctrl-C ends`);
          if (flags.output === "json")
            print(records.map((seen) => `${jsonText(line(seen))}\n`).join(""));
        },
        onChange: (change) => print(show(change)),
        onNote: (text) => say(`${text}`),
      },
    );
  });
}

/**
 * Changes as a relay applies them, until it or this command ends.
 * @throws CommandError when the relay ends it.
 */
async function followRelay(
  url: string,
  origin: string | undefined,
  onChange: (change: SeenChange) => void,
): Promise<void> {
  const chosen =
    origin === undefined
      ? null
      : chosenOrigins(origin, originsOf(await readRelayStatus(url)), "its cluster");
  let isListed = false;
  const listed = new Set<string>();
  for await (const line of viewLines(url, "/view?follow=true"))
    if (line.kind === "listed") {
      isListed = true;
      say(`the relay at ${url} serves ${listed.size} records; changes follow, Ctrl-C ends`);
    } else if (chosen !== null && !chosen.has(line.seen.origin)) continue;
    else if (isListed)
      onChange({ ...line.seen, isOwn: false, ...(line.isDeleted ? { deleted: true } : {}) });
    else if (line.isDeleted) listed.delete(idOf(line.seen));
    else listed.add(idOf(line.seen));
  throw new CommandError(`the relay at ${url} has ended the stream`);
}

function line({ origin, key, revision, record }: SeenRecord) {
  return { origin, kind: record.kind, key, revision, record };
}

function changeLine(change: SeenChange, at: Date) {
  const seen = { at: at.toISOString(), ...line(change) };
  return change.deleted === true ? { ...seen, deleted: true } : seen;
}

/** With the pools that the relay has decided on, for all clusters together. [TYP27] */
async function asFelix(
  others: readonly SeenRecord[],
  relay: string,
  origin: string | undefined,
): Promise<string> {
  const { pools } = await readRelayStatus(relay);
  const chosen = pools.exempt.filter(
    ({ of }) => origin === undefined || of.some((whose) => whose.endsWith(` ${origin}`)),
  );
  return [
    ...others.filter(({ record }) => record.kind !== "IPPool").map(felixLine),
    ...chosen.map(({ cidr }) => `${jsonText(natPool(cidr))}\n`),
  ].join("");
}

function felixLine({ origin, record }: SeenRecord): string {
  const value = felixValue(origin, record);
  return value === null ? "" : `${jsonText(value)}\n`;
}

const LIST = {
  columns: [
    { title: "ORIGIN", of: (row: ReturnType<typeof line>) => row.origin },
    { title: "KIND", of: (row: ReturnType<typeof line>) => row.kind },
    { title: "NAME", of: (row: ReturnType<typeof line>) => nameOfKey(row.key) },
    { title: "KEY", of: (row: ReturnType<typeof line>) => row.key, wide: true },
    { title: "REVISION", of: (row: ReturnType<typeof line>) => String(row.revision), wide: true },
    {
      title: "ADDRESSES",
      wraps: true,
      of: (row: ReturnType<typeof line>) => ("ips" in row.record ? row.record.ips.join(" ") : ""),
    },
  ],
  name: (row: ReturnType<typeof line>) => row.key,
  empty: "nothing is visible",
};

/**
 * `12:30:01 + db WorkloadEndpoint shop/db-0 10.20.1.7 role=db`: the time here, what it is, its
 * addresses and labels; in more lines where a screen is narrower.
 */
export function changeText(change: SeenChange, at: Date): string {
  const { record } = change;
  const sign = change.deleted === true ? "-" : "+";
  const words = [
    at.toTimeString().slice(0, 8),
    sign,
    change.origin,
    record.kind,
    nameOfKey(change.key),
    ...("ips" in record ? record.ips : []),
    ...("labels" in record ? labelText(record.labels).split(",") : []),
  ].filter((word) => word !== "");
  const [first = "", ...rest] = wrapWords(oneLine(words.join(" ")), screenWidth() - INDENT.length);
  return `${[first, ...rest.map((text) => INDENT + text)].join("\n")}\n`;
}

const INDENT = " ".repeat("12:30:01 + ".length);
