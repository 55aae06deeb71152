/**
 * Network namespaces of one run, by its process: nothing in them reaches the machine's own
 * interfaces. What a run that was killed has left is taken away by the next.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";

const PREFIX = "catwalk";
const FOLDER = "/run/netns";

/** What the machine lacks for namespaces with VXLAN, in one line; `null`: nothing. */
export function missing(): string | null {
  if (process.platform !== "linux") return "Linux: there are no network namespaces here";
  if (process.getuid?.() !== 0) return "root: only root may make network namespaces";
  for (const program of ["ip", "bridge"])
    if (spawnSync(program, ["-V"]).error !== undefined)
      return `the program ${program} (Debian: apt-get install iproute2)`;
  const test = `${PREFIX}${process.pid}-test`;
  if (spawnSync("ip", ["netns", "add", test]).status !== 0)
    return "network namespaces: `ip netns add` is refused (in a container: --privileged)";
  try {
    for (const [kind, args] of [
      ["veth", ["type", "veth"]],
      ["vxlan", ["type", "vxlan", "id", "1", "dstport", "4789"]],
    ] as const)
      if (spawnSync("ip", ["-n", test, "link", "add", "x0", ...args]).status !== 0)
        return `the kernel's module ${kind}: \`ip link add type ${kind}\` is refused`;
      else spawnSync("ip", ["-n", test, "link", "del", "x0"]);
  } finally {
    spawnSync("ip", ["netns", "del", test]);
  }
  return null;
}

/** @throws Error with what the command said. */
export async function command(
  program: string,
  args: readonly string[],
  input = "",
): Promise<string> {
  const child = spawn(program, args, { stdio: "pipe" });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (data: Buffer) => out.push(data));
  child.stderr.on("data", (data: Buffer) => err.push(data));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [status] = (await once(child, "close")) as [number | null];
  if (status === 0) return Buffer.concat(out).toString();
  throw new Error(
    `${program} ${args.join(" ")}: ${Buffer.concat(err).toString().trim()}\n${input}`,
  );
}

export class Namespaces {
  readonly #made = new Set<string>();

  /** Of the namespace, outside. */
  name(short: string): string {
    return `${PREFIX}${process.pid}-${short}`;
  }

  async add(short: string): Promise<void> {
    const name = this.name(short);
    await command("ip", ["netns", "add", name]);
    this.#made.add(name);
    await this.ip(short, ["link set lo up"]);
  }

  /** Lines of `ip -batch`. */
  async ip(short: string, lines: readonly string[]): Promise<void> {
    if (lines.length > 0)
      await command("ip", ["-n", this.name(short), "-batch", "-"], `${lines.join("\n")}\n`);
  }

  async bridge(short: string, lines: readonly string[]): Promise<void> {
    if (lines.length > 0)
      await command("bridge", ["-n", this.name(short), "-batch", "-"], `${lines.join("\n")}\n`);
  }

  /** A program inside of it. */
  exec(short: string, program: string, args: readonly string[], input = ""): Promise<string> {
    return command("ip", ["netns", "exec", this.name(short), program, ...args], input);
  }

  /** @param settings By path below `/proc/sys`. */
  async sysctl(short: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(settings).map(
      ([path, text]) => `echo ${text} > /proc/sys/${path}`,
    );
    await this.exec(short, "sh", ["-e"], `${lines.join("\n")}\n`);
  }

  async remove(): Promise<void> {
    for (const name of this.#made) await command("ip", ["netns", "del", name]);
    this.#made.clear();
  }

  /** Takes away those of processes that are gone. */
  static async sweep(): Promise<void> {
    if (!existsSync(FOLDER)) return;
    for (const name of readdirSync(FOLDER)) {
      const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`))
        await command("ip", ["netns", "del", name]);
    }
  }
}
