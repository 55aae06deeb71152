/** What people read, on a screen of 80 columns. */
import { Command } from "commander";
import stringWidth from "string-width";
import { expect, test } from "vitest";

import { registerCompletion } from "../../cli/commands/completion.ts";
import { renderList, wrapWords } from "../../cli/commands/output.ts";
import { suggestions } from "../../cli/demo/describe.ts";
import { kubeconfigPlan } from "../../cli/demo/plan.ts";
import { nameOfKey } from "../../shared/record/key-name.ts";
import { skewOf } from "../../cli/commands/version.ts";
import { changeText } from "../../cli/commands/view.ts";
import { problemLines } from "../../cli/demo/tell-problems.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { keyOf } from "../../shared/record/key.ts";
import { pod } from "../support/records.ts";

test("[CLI41] records are called by their names instead of their key paths, whatever the kind", () => {
  const record = (part: object): string => nameOfKey(keyOf(part as CalicoRecord));
  const web = pod("web", "10.0.0.1");
  for (const [name, given] of [
    ["shop/web", web],
    ["shop/web (eth1)", { ...web, endpoint: "eth1" }],
    ["web", { ...web, namespace: "" }],
    ["100%/a", { ...web, namespace: "100%", name: "a" }],
    ["eth0-of-n", { kind: "HostEndpoint", node: "n", name: "eth0-of-n" }],
    ["kns.shop", { kind: "Profile", name: "kns.shop" }],
    ["10.0.0.0/8", { kind: "IPPool", cidr: "10.0.0.0/8" }],
    ["fd00:20::/64", { kind: "IPPool", cidr: "fd00:20::/64" }],
    ["10.0.1.0/26", { kind: "IPAMBlock", cidr: "10.0.1.0/26" }],
    ["node-1", { kind: "Node", name: "node-1" }],
    ["settings", { kind: "ClusterConfig" }],
  ] as const)
    expect([given.kind, record(given)]).toEqual([given.kind, name]);
  for (const odd of ["", "/", "nothing", "/calico/x/y"]) expect(nameOfKey(odd)).toBe(odd);
});

test("[CLI41] a change has its time and labels, and goes on in further lines where the screen ends", () => {
  const at = new Date(2026, 10, 29, 7, 5, 3);
  const record = { ...pod("web", "10.0.0.1"), labels: { b: "2", a: "1" } };
  const change = { origin: "db", isOwn: false, key: keyOf(record), revision: 1, record };
  expect(changeText(change, at)).toBe("07:05:03 + db WorkloadEndpoint shop/web 10.0.0.1 a=1 b=2\n");
  const labels = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`label-${i}`, "value"]));
  const long = changeText({ ...change, record: { ...record, labels }, deleted: true }, at);
  const [first, second, ...rest] = long.trimEnd().split("\n");
  expect(first).toMatch(/^07:05:03 - db WorkloadEndpoint shop\/web 10\.0\.0\.1 label-0=value/);
  expect(second).toMatch(/^ {11}label-/);
  for (const line of [first, second, ...rest])
    expect(stringWidth(line ?? "")).toBeLessThanOrEqual(80);
  const control = changeText({ ...change, origin: "d\u001b[31mb" }, at);
  expect(control).not.toContain("\u001b");
});

test("[CLI41] a last column that wraps stays below its title, and is one line with -o wide", () => {
  const shape = {
    columns: [
      { title: "NAME", of: (row: string) => row },
      { title: "WHY", of: () => "word ".repeat(40).trim(), wraps: true },
    ],
    name: (row: string) => row,
    empty: "",
  };
  const lines = renderList(["a"], shape, undefined).trimEnd().split("\n");
  expect(lines.length).toBe(4);
  expect(lines.slice(2).every((line) => line.startsWith("      word"))).toBe(true);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(renderList(["a"], shape, "wide").split("\n").length).toBe(3);
  expect(wrapWords(`a ${"x".repeat(100)} b`, 80)).toEqual(["a", "x".repeat(100), "b"]);
});

test("[CLI43] what does not go together is said: no common protocol, or versions that differ", () => {
  const now = { version: "0.2.0", protocols: [3, 2] };
  expect(skewOf(now, [now])).toBe("none");
  expect(skewOf(now, [])).toBe("none");
  expect(skewOf(now, [{ version: "0.1.0", protocols: [2, 1] }])).toBe(
    "differs from 0.1.0, works together",
  );
  expect(skewOf(now, [{ version: "0.0.1", protocols: [1] }])).toBe("no common protocol with 0.0.1");
});

test("[CLI46] problems are told once, again where they read otherwise, and when they are over", () => {
  const of = (...entries: [string, string][]) => new Map(entries);
  expect(problemLines("db", of(), of(["pods.yaml:3", "bad"]))).toEqual(["db: pods.yaml:3: bad"]);
  expect(problemLines("db", of(["a", "bad"]), of(["a", "bad"]))).toEqual([]);
  expect(problemLines("db", of(["a", "bad"]), of(["a", "worse"]))).toEqual(["db: a: worse"]);
  expect(problemLines("db", of(["a", "bad"]), of())).toEqual(["db: a: read again"]);
});

async function completionOf(shell: string): Promise<string> {
  const program = new Command("catwalk");
  const rcc = program.command("rcc").description("it's RCCs");
  rcc
    .command("apply")
    .option("-f, --file <file>", "a file")
    .requiredOption("--cluster <name>", "it");
  rcc.command("list").option("-o, --output <form>", "form");
  registerCompletion(program);
  let printed = "";
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((text: string) => ((printed += text), true)) as typeof write;
  try {
    await program.parseAsync(["completion", shell], { from: "user" });
  } finally {
    process.stdout.write = write;
  }
  return printed;
}

test("[CLI45] completion scripts have every command, flag and choice", async () => {
  const bash = await completionOf("bash");
  expect(bash).toContain('"rcc") words="apply list --help"');
  expect(bash).toContain('"rcc apply") words="--file -f --cluster --help"');
  expect(bash).toContain('"completion") words="bash zsh fish --help"');
  expect(bash).toContain('--file|-f) COMPREPLY=($(compgen -f -- "$cur")); return ;;');
  expect(await completionOf("zsh")).toContain("bashcompinit");
  const fish = await completionOf("fish");
  expect(fish).toContain("-a rcc -d 'it\\'s RCCs'");
  expect(fish).toContain(
    "complete -c catwalk -n '__fish_seen_subcommand_from rcc; and __fish_seen_subcommand_from apply' -l file -s f -r -F -d 'a file'",
  );
});

test("[CLI41] what a start suggests can be typed as it is: no empty names with one cluster, other state with its configuration", () => {
  const one = kubeconfigPlan(["/k/east.yaml"]);
  const lines = suggestions(one, "/tmp/my state/config.yaml").join("\n");
  expect(lines).toContain("export CATWALK_CONFIG='/tmp/my state/config.yaml'");
  expect(lines).toContain("One cluster sees nobody");
  expect(lines).toContain('catwalk eval "all()" --cluster east\n');
  expect(lines).not.toMatch(/--(?:cluster|to) *(?:$|\n|--)|undefined|watch|grant/);
  const two = suggestions(kubeconfigPlan(["/k/east.yaml", "/k/west.yaml"]), null).join("\n");
  expect(two).toContain("grant delete --cluster west --to east");
  expect(two).not.toContain("CATWALK_CONFIG");
  expect(Math.max(...two.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});
