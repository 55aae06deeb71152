/** What goes into the images of hub and relay, run from folders of its own, as an image has it. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, beforeAll, expect, test } from "vitest";

import { VERSION } from "../../shared/lib/version.ts";

const ROOT = join(import.meta.dirname, "../..");
const work = mkdtempSync(join(tmpdir(), "catwalk-images-"));
const dist = join(work, "context/.build/dist");
const RCC = `
apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata: { name: db }
spec: {}
`;
const BACKUP = readFileSync(join(ROOT, "deploy/hub/kubernetes/backup.yaml"), "utf8");
const children: ChildProcess[] = [];

beforeAll(() => {
  const bundle = spawnSync(process.execPath, [join(ROOT, "bin/bundle.js"), dist], {
    encoding: "utf8",
  });
  expect([bundle.status, bundle.stderr]).toEqual([0, ""]);
});

afterAll(async () => {
  for (const child of children) {
    const ended = new Promise((done) => child.once("close", done));
    if (child.exitCode === null && child.kill("SIGTERM")) await ended;
  }
  rmSync(work, { recursive: true, force: true });
});

interface Image {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly entry: readonly string[];
}

/** A folder with what the Dockerfile's instructions put there: they only copy. */
function made(name: "hub" | "relay"): Image {
  const folder = join(work, name);
  mkdirSync(folder);
  const text = readFileSync(join(ROOT, `deploy/${name}/Dockerfile`), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const of = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  expect(lines.filter((line) => /^(RUN|ADD)\b/.test(line))).toEqual([]);
  expect(of("USER")).toEqual(["1000:1000"]);
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  for (const copy of of("COPY")) {
    const words = copy.replaceAll("${TARGETARCH}", arch).split(" ");
    const to = words.pop() ?? "";
    for (const from of words) {
      const path = join(work, "context", from);
      const last =
        to === "./" && !statSync(path).isDirectory() ? (from.split("/").at(-1) ?? "") : to;
      cpSync(path, join(folder, last), { recursive: true });
    }
  }
  const pairs = of("ENV").flatMap((line) => line.split(" ").map((pair) => pair.split("=")));
  const env = Object.fromEntries(
    pairs.map(([key, value = ""]) => [key, value.replace(/^\/catwalk\//, `${folder}/`)]),
  );
  const [, ...entry] = JSON.parse(of("ENTRYPOINT")[0] ?? "[]") as string[];
  return { folder, entry, env: { PATH: process.env["PATH"], HOME: work, ...env } };
}

const run = ({ folder, env, entry }: Image, args: readonly string[], more = {}) => {
  const all = [...entry, ...args];
  const options = { cwd: folder, env: { ...env, ...more }, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, all, options);
  return { status, stdout, stderr };
};

/** The first line of a program that goes on, as it is read by who started it. */
function start(image: Image, args: readonly string[], more = {}): Promise<{ url?: string }> {
  const child = spawn(process.execPath, [...image.entry, ...args], {
    cwd: image.folder,
    env: { ...image.env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  return new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      if (/"event":"(listening|ready)"/.test(line)) resolve(JSON.parse(line) as { url?: string });
    });
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
}

const nothingElse = (image: Image): string[] =>
  readdirSync(image.folder).filter(
    (name) =>
      !/^(catwalk\.js|worker\.js|workerd|modules|package\.json|sbom\.cdx\.json|LICENSE(S\.txt)?)$/.test(
        name,
      ),
  );

test("[DEP4] the images' content is a hub and relays that come in sync, without node_modules", async () => {
  const [hub, relay] = [made("hub"), made("relay")];
  expect(sizeOf(relay.folder)).toBeLessThan(30e6);
  expect([nothingElse(hub), nothingElse(relay)]).toEqual([[], []]);
  expect(run(relay, ["--version"])).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: "" });

  const data = join(work, "data");
  const { url = "" } = await start(hub, ["hub", "--listen", "127.0.0.1:0", "--data", data]);
  const token = readFileSync(join(data, "admin-token"), "utf8").trim();
  const admin = { CATWALK_SERVER: url, CATWALK_MESH: "m", CATWALK_TOKEN: token };
  const catwalk = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = run(relay, args, admin);
    expect([args[0], status, status === 0 ? "" : stderr]).toEqual([args[0], 0, ""]);
    return stdout;
  };
  catwalk("mesh", "create", "m");
  for (const name of ["app", "db"]) {
    const CATWALK_JOIN_TOKEN = catwalk("cluster", "add", name).trim().split(/\s/).at(-1);
    const state = ["--state", join(work, `state-${name}`), "--http-listen", "127.0.0.1:0"];
    const source = ["--manifests", join(ROOT, "deploy/demo", name)];
    await start(relay, ["relay", ...state, "--hub", url, ...source], { CATWALK_JOIN_TOKEN });
  }
  const rcc = join(work, "rcc.yaml");
  writeFileSync(rcc, RCC);
  catwalk("rcc", "apply", "-f", rcc, "--cluster", "app");
  catwalk("grant", "create", "--cluster", "db", "--to", "app");
  catwalk("wait", "--for", "in-sync", "--cluster", "app", "--timeout", "200s");

  // The hub's CronJob, beside the hub that runs.
  const [, script = ""] = /\n {16}- \|\n((?: {18}.+\n)+)/.exec(BACKUP) ?? [];
  mkdirSync(join(work, "backup"));
  const command = script
    .replace("/var/lib/catwalk-hub/data", data)
    .replaceAll("/backup/hub-", `${join(work, "backup")}/hub-`);
  const PATH = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  const { status, stderr } = spawnSync("sh", ["-ec", command], {
    cwd: hub.folder,
    env: { ...hub.env, PATH },
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(readdirSync(join(work, "backup"))).toEqual([
    expect.stringMatching(/^hub-\d{8}T\d{6}\.backup$/),
  ]);
});

test("[DEP4] every module that a command loads late is in the image", () => {
  const folder = join(dist, "relay");
  const modules = readdirSync(join(folder, "modules")).map((name) => `./modules/${name}`);
  const loadAll = `for (const name of ${JSON.stringify(modules)}) await import(name);`;
  const args = ["--input-type=module", "-e", loadAll];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
});

test("[DEP4] [DIR24] the thread that lists an etcd has its program in the image", () => {
  const program = `
    import { Worker } from "node:worker_threads";
    const options = { workerData: "profiles", execArgv: [] };
    const worker = new Worker("./modules/list-thread.js", options);
    worker.on("message", ({ texts, records }) => {
      console.log("converted", texts.length, records.length);
      worker.terminate();
    });
    worker.postMessage(new Uint8Array(0));`;
  const args = ["--input-type=module", "-e", program];
  const options = { cwd: join(dist, "relay"), encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  expect([status, stdout, stderr]).toEqual([0, "converted 0 0\n", ""]);
});

test("[DEP7] each image has a bill of materials of what is bundled, with hashes and licences", () => {
  interface Bom {
    readonly bomFormat: string;
    readonly specVersion: string;
    readonly components: readonly {
      readonly name: string;
      readonly version: string;
      readonly purl: string;
      readonly hashes: readonly { readonly alg: string; readonly content: string }[];
      readonly licenses: readonly object[];
    }[];
  }
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const [name, expected] of [
    ["relay", ["ws", "@kubernetes/client-node", "pino"]],
    ["hub", ["ws", "hono", "workerd"]],
  ] as const) {
    const bom = JSON.parse(readFileSync(join(dist, name, "sbom.cdx.json"), "utf8")) as Bom;
    expect([bom.bomFormat, bom.specVersion]).toEqual(["CycloneDX", "1.6"]);
    for (const one of expected)
      expect(bom.components).toContainEqual(
        expect.objectContaining({ name: one, version: dependencies[one] }),
      );
    const names = bom.components.map((component) => component.name);
    expect(
      names.filter((one) => /^(vitest|typescript|esbuild|msgpackr-extract)$/.test(one)),
    ).toEqual([]);
    const texts = readFileSync(join(dist, name, "LICENSES.txt"), "utf8");
    for (const { name: one, version, purl, hashes, licenses } of bom.components) {
      expect(purl).toBe(`pkg:npm/${one.replace("@", "%40")}@${version}`);
      expect(hashes[0]?.alg).toBe("SHA-512");
      expect(hashes[0]?.content).toMatch(/^[0-9a-f]{128}$/);
      expect(licenses).toHaveLength(1);
      expect(texts).toContain(`${one} ${version} (`);
    }
  }
});
