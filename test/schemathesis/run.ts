/**
 * The admin API against its own OpenAPI document: schemathesis makes requests from the document,
 * right ones and wrong ones, and checks every answer by it. `node test/schemathesis/run.ts [--seed
 * N] [--examples N]`. Needs Python 3 with venv; installs schemathesis into `.build`. About a
 * minute. [API3] [API10]
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { startHub } from "../../cli/launch/hub.ts";
import { Suite } from "../interop/suite.ts";

const VERSION = "4.32.5";
/** Of one run, which takes 15 to 40 s on an idle machine; what takes longer hangs. */
const RUN_MS = 240_000;
const HERE = import.meta.dirname;
const VENV = join(HERE, "../../.build/schemathesis");
const ST = join(VENV, "bin/st");

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    examples: { type: "string", default: "40" },
  },
});

function sh(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
}

function install(): void {
  if (existsSync(ST) && sh(ST, "--version").includes(VERSION)) return;
  rmSync(VENV, { recursive: true, force: true });
  try {
    sh("python3", "-m", "venv", VENV);
  } catch {
    // Debian has venv in a package of its own.
    spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" });
    sh("apt-get", "install", "-y", "-q", "python3", "python3-venv");
    sh("python3", "-m", "venv", "--clear", VENV);
  }
  sh(join(VENV, "bin/pip"), "install", "--quiet", `schemathesis==${VERSION}`);
}

/** A mesh with two members, an RCC and a grant, so that not everything is 404. */
async function makeMesh(url: string, token: string): Promise<void> {
  const post = async (path: string, body: unknown): Promise<void> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(new URL(path, url), {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (answer.status !== 201) throw new Error(`POST ${path}: ${await answer.text()}`);
  };
  await post("/v1/meshes", { name: "demo" });
  for (const name of ["app", "db"]) await post("/v1/meshes/demo/clusters", { name });
  await post("/v1/meshes/demo/clusters/app/rccs", {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name: "db" },
  });
  await post("/v1/meshes/demo/grants", { origin: "db", reader: "app" });
}

/** @throws Error unless every check of every request holds. */
async function checkApi(url: string, token: string, config: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-schemathesis-"));
  const child = spawn(
    ST,
    [
      `--config-file=${join(HERE, config)}`,
      "run",
      `${url}/v1/openapi.json`,
      `--header=Authorization: Bearer ${token}`,
      `--max-examples=${values.examples}`,
      `--seed=${values.seed}`,
      "--continue-on-failure",
    ],
    // It keeps a database of examples in its folder.
    { cwd: folder, stdio: ["ignore", "pipe", "pipe"], timeout: RUN_MS, killSignal: "SIGKILL" },
  );
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => (printed += text.toString()));
  const status = await new Promise((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code)),
  );
  rmSync(folder, { recursive: true, force: true });
  const cases = /^ *(\d+) generated/m.exec(printed)?.[1];
  process.stdout.write(`     ${cases ?? "no"} requests\n`);
  if (status !== 0 || cases === undefined)
    throw new Error(`schemathesis ended with ${String(status)}:\n${tailOf(printed)}`);
}

/** Requests may have a MiB. */
function tailOf(printed: string): string {
  const lines = printed.split("\n").map((line) => line.slice(0, 1_000));
  return lines.slice(-150).join("\n");
}

const began = performance.now();
const suite = new Suite();
await suite.check(`schemathesis ${VERSION} is installed`, install);
if (suite.failed === 0)
  for (const [name, config] of [
    ["names that the hub does not know", "schemathesis.toml"],
    ["names of a mesh that is there", "known-names.toml"],
  ] as const) {
    const dataDir = mkdtempSync(join(tmpdir(), "catwalk-hub-"));
    const hub = await startHub({ listen: "127.0.0.1:0", dataDir, log: () => undefined });
    await suite.check(`the API answers as its document says: ${name}`, async () => {
      await makeMesh(hub.url, hub.adminToken);
      await checkApi(hub.url, hub.adminToken, config);
    });
    await hub.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
process.stdout.write(`${suite.passed} passed, ${suite.failed} failed (${minutes} min)\n`);
process.exitCode = suite.failed === 0 ? 0 : 1;
