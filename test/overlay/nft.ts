/** nftables for tests: the machine's, or Debian's package unpacked into `.build`, not installed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../.build/nftables");
/** It and the libraries that a small machine lacks. */
const PACKAGES = [
  "nftables",
  "libnftables1",
  "libnftnl11",
  "libmnl0",
  "libjansson4",
  "libxtables12",
  "libedit2",
  "libbsd0",
  "libmd0",
];

/** A program and what goes before its own arguments. */
export type Nft = readonly [program: string, args: readonly string[]];

/** @returns What is missing, where there is none and none can be had. */
export function findNft(): Nft | string {
  if (spawnSync("nft", ["--version"]).status === 0) return ["nft", []];
  const path = join(FOLDER, "usr/sbin/nft");
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true });
    spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" });
    spawnSync("apt-get", ["download", "-q", ...PACKAGES], { cwd: FOLDER, stdio: "ignore" });
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".deb")))
      spawnSync("dpkg-deb", ["-x", file, "."], { cwd: FOLDER, stdio: "ignore" });
  }
  const library = join(FOLDER, "usr/lib");
  const folders = existsSync(library)
    ? readdirSync(library).map((name) => join(library, name))
    : [];
  const found: Nft = ["env", [`LD_LIBRARY_PATH=${folders.join(":")}`, path]];
  return spawnSync(found[0], [...found[1], "--version"]).status === 0
    ? found
    : "the program nft (Debian: apt-get install nftables)";
}
