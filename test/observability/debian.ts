/** Programs of Prometheus for tests: the machine's, or Debian's, unpacked into `.build`. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../.build/prometheus");
const PACKAGES = ["prometheus", "prometheus-alertmanager"];

/**
 * @param unpacked Its name in Debian's package.
 * @throws Error where there is none and none can be had.
 */
export function findProgram(name: string, unpacked = name): string {
  if (spawnSync(name, ["--version"]).status === 0) return name;
  const path = join(FOLDER, "usr/bin", unpacked);
  if (existsSync(path)) return path;
  mkdirSync(FOLDER, { recursive: true });
  spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" });
  spawnSync("apt-get", ["download", "-q", ...PACKAGES], { cwd: FOLDER, stdio: "ignore" });
  for (const file of readdirSync(FOLDER).filter((one) => one.endsWith(".deb")))
    spawnSync("dpkg-deb", ["-x", file, "."], { cwd: FOLDER, stdio: "ignore" });
  if (!existsSync(path)) throw new Error(`${name} is not here, and Debian's cannot be had`);
  return path;
}

/**
 * Program and first arguments. Debian's reads its templates at `/usr/share`: unpacked, it sees them
 * there in a mount namespace of its own.
 */
export function alertmanager(): readonly [string, ...string[]] {
  const path = findProgram("alertmanager", "prometheus-alertmanager");
  if (!path.startsWith(FOLDER)) return [path];
  const shares = `lowerdir=${join(FOLDER, "usr/share")}:/usr/share`;
  const script = `mount -t overlay overlay -o ${shares} /usr/share && exec ${path} "$@"`;
  return ["unshare", "-rm", "sh", "-c", script, "sh"];
}
