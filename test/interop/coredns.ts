/** Builds and runs CoreDNS beside an API server, and asks it for names. */
import { spawn, spawnSync } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { createSocket } from "node:dgram";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCES = new URL("coredns/", import.meta.url).pathname;
const BINARY = new URL("../../.build/coredns", import.meta.url).pathname;

/** Unless it is newer than its sources. @throws when Go is absent or the build fails. */
export function buildCoreDns(): void {
  const newest = Math.max(...readdirSync(SOURCES).map((f) => statSync(join(SOURCES, f)).mtimeMs));
  if (existsSync(BINARY) && statSync(BINARY).mtimeMs > newest) return;
  mkdirSync(join(BINARY, ".."), { recursive: true });
  const built = spawnSync("go", ["build", "-trimpath", "-ldflags", "-s -w", "-o", BINARY, "."], {
    cwd: SOURCES,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (built.status !== 0) throw new Error("go build of test/interop/coredns failed (above)");
}

/** Folder of the standard's own CRDs, as its Go module has them. */
export function standardCrds(): string {
  const args = ["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/mcs-api"];
  const { stdout, status } = spawnSync("go", args, { cwd: SOURCES, encoding: "utf8" });
  if (status !== 0) throw new Error("the Go module sigs.k8s.io/mcs-api is not there");
  return join(stdout.trim(), "config/crd");
}

export interface CoreDns {
  /** Addresses of a name, sorted; none where there is no such name. */
  addresses(name: string): Promise<readonly string[]>;
  /** `name:port` of SRV records, sorted. */
  services(name: string): Promise<readonly string[]>;
  stop(): void;
}

export async function startCoreDns(kubeconfig: string): Promise<CoreDns> {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-dns-"));
  const port = await freePort();
  const corefile = join(folder, "Corefile");
  const zones = "cluster.local clusterset.local";
  writeFileSync(
    corefile,
    `.:${port} {
  bind 127.0.0.1
  errors
  kubernetes ${zones} {
    kubeconfig ${kubeconfig}
    multicluster clusterset.local
    ttl 0
  }
}
`,
  );
  const child = spawn(BINARY, ["-conf", corefile], { stdio: ["ignore", "ignore", "inherit"] });
  let ended: string | null = null;
  child.once("exit", (code) => (ended = `CoreDNS ended with ${code}`));
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${port}`]);
  const found = async <T>(asked: Promise<readonly T[]>): Promise<readonly T[]> => {
    if (ended !== null) throw new Error(ended);
    return asked.catch(() => []);
  };
  return {
    addresses: async (name) => {
      const lists = [found(resolver.resolve4(name)), found(resolver.resolve6(name))];
      return (await Promise.all(lists)).flat().toSorted();
    },
    services: async (name) => {
      const records = await found(resolver.resolveSrv(name));
      return records.map((one) => `${one.name}:${one.port}`).toSorted();
    },
    stop: () => {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address() as AddressInfo;
  socket.close();
  return port;
}
