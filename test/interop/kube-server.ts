/**
 * Builds and runs the control plane of test/interop/kube: a real API server and etcd on loopback,
 * in a folder of its own.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SOURCES = new URL("kube/", import.meta.url).pathname;
export const KUBE_BINARY = new URL("../../.build/kube", import.meta.url).pathname;
const KUBERNETES_VERSION = "v1.36.3";

export interface KubeServer {
  readonly kubeconfig: string;
  readonly folder: string;
  /** Seconds from the start of the process until the API server was ready. */
  readonly seconds: number;
  /**
   * See test/interop/kube/serve.go. Resolves when it is done and, unless stopped, the API server is
   * ready again.
   */
  control(action: "compact" | "restart" | "stop" | "start"): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Builds unless the binary is newer than its sources.
 * @throws when Go is absent, too old, or the build fails.
 */
export function buildKube(): void {
  const newest = Math.max(...readdirSync(SOURCES).map((f) => statSync(join(SOURCES, f)).mtimeMs));
  if (existsSync(KUBE_BINARY) && statSync(KUBE_BINARY).mtimeMs > newest) return;
  checkGo();
  mkdirSync(join(KUBE_BINARY, ".."), { recursive: true });
  process.stderr.write("building the test control plane (about 3 minutes the first time)\n");
  const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`;
  const built = spawnSync("go", ["build", "-trimpath", "-ldflags", flags, "-o", KUBE_BINARY, "."], {
    cwd: SOURCES,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (built.status !== 0) throw new Error("go build of test/interop/kube failed (above)");
}

/**
 * The module needs Go 1.26; from 1.24 on, Go fetches it by itself unless GOTOOLCHAIN forbids that.
 */
function checkGo(): void {
  const { stdout, error } = spawnSync("go", ["version"], { encoding: "utf8" });
  const hint = "install Go 1.24 or newer from https://go.dev/dl (distributions are often older)";
  if (error !== undefined) throw new Error(`Go is not installed: ${hint}`);
  const [, minor = "0"] = /go1\.(\d+)/.exec(stdout) ?? [];
  if (Number(minor) < 24) throw new Error(`${stdout.trim()} is too old: ${hint}`);
  const toolchain = spawnSync("go", ["env", "GOTOOLCHAIN"], { encoding: "utf8" }).stdout.trim();
  if (Number(minor) < 26 && toolchain === "local")
    throw new Error(`${stdout.trim()} may not fetch Go 1.26: unset GOTOOLCHAIN, or ${hint}`);
}

export async function startKube(): Promise<KubeServer> {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-kube-"));
  // It ends when its standard input closes, so it cannot outlive this process.
  const child = spawn(KUBE_BINARY, ["serve", "--dir", folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ready = await firstLine(child);
  const { kubeconfig, control, seconds } = JSON.parse(ready) as {
    readonly kubeconfig: string;
    readonly control: string;
    readonly seconds: number;
  };
  return {
    kubeconfig,
    folder,
    seconds,
    control: async (action) => {
      const response = await fetch(`${control}/${action}`, { method: "POST" });
      if (!response.ok) throw new Error(`${action}: ${await response.text()}`);
    },
    stop: async () => {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.stdin?.end();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("BUG: no pipe");
  const lines = createInterface(child.stdout);
  return await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the test control plane ended with ${code}`)));
  });
}

/** `kubectl`, with Debian's package where it is absent and may be installed. */
export function ensureKubectl(): void {
  if (spawnSync("kubectl", ["version", "--client"]).error === undefined) return;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot)
    throw new Error("kubectl is not installed (Debian: apt-get install kubernetes-client)");
  const args = ["install", "-y", "--no-install-recommends", "kubernetes-client"];
  spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" });
  const { status } = spawnSync("apt-get", args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("apt-get install kubernetes-client failed (above)");
}
