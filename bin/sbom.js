/**
 * What is in a bundle, from esbuild's own list of the files that it read: a bill of materials
 * (CycloneDX 1.6) and the licences' texts. Plain JavaScript for Node 20.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {{ name: string, version: string, integrity: string | null, license: string | null,
 *   folder: string }} Component `folder` within the root; `integrity` as the lock file has it.
 */

/**
 * @param {string} root Where package-lock.json and node_modules are.
 * @param {Iterable<string>} files Paths within the root, of all bundles.
 * @returns {readonly Component[]} One a package and version, by name.
 */
export function componentsOf(root, files) {
  /** @type {Set<string>} */
  const folders = new Set();
  for (const file of files) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return [...folders].map((folder) => componentAt(root, folder, packages)).toSorted(byName);
}

/** @param {Component} a @param {Component} b */
function byName(a, b) {
  return a.name < b.name || (a.name === b.name && a.version < b.version) ? -1 : 1;
}

/**
 * @param {string} root
 * @param {string} folder
 * @param {Record<string, { version: string, integrity?: string }>} packages
 * @returns {Component}
 */
function componentAt(root, folder, packages) {
  const locked = packages[folder];
  if (locked === undefined) throw new Error(`${folder} is bundled and not in package-lock.json`);
  const { name, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  return {
    name,
    version: locked.version,
    integrity: locked.integrity ?? null,
    license: typeof license === "string" ? license : null,
    folder,
  };
}

/**
 * The same bytes for the same packages: no date and no serial number, which the format allows.
 * @param {{ name: string, version: string }} image
 * @param {readonly Component[]} components
 */
export function cycloneDx({ name, version }, components) {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: { type: "application", "bom-ref": name, name, version },
    },
    components: components.map((component) => ({
      type: "library",
      "bom-ref": purlOf(component),
      name: component.name,
      version: component.version,
      purl: purlOf(component),
      ...(component.integrity === null ? {} : { hashes: [hashOf(component.integrity)] }),
      ...(component.license === null ? {} : { licenses: [licenseOf(component.license)] }),
    })),
  };
}

/** @param {Component} component https://github.com/package-url/purl-spec */
function purlOf({ name, version }) {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** @param {string} integrity `sha512-BASE64`. */
function hashOf(integrity) {
  const [algorithm = "", base64 = ""] = integrity.split("-");
  return {
    alg: algorithm.toUpperCase().replace("SHA", "SHA-"),
    content: Buffer.from(base64, "base64").toString("hex"),
  };
}

/** @param {string} license One name of SPDX's, or an expression of several. */
function licenseOf(license) {
  return /^[\w.+-]+$/.test(license) ? { license: { id: license } } : { expression: license };
}

/**
 * @param {string} root
 * @param {readonly Component[]} components
 * @returns {string} Each package's notice, or what its package.json says where it brings none.
 */
export function licenseTexts(root, components) {
  const parts = components.map(({ name, version, license, folder }) => {
    const files = readdirSync(join(root, folder)).filter((file) =>
      /^(licen[cs]e|notice|copying)\b/i.test(file),
    );
    const texts = files
      .map((file) => join(root, folder, file))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, "utf8").trim());
    return [`${name} ${version} (${license ?? "licence not named"})`, ...texts].join("\n\n");
  });
  return `${parts.join(`\n\n${"=".repeat(80)}\n\n`)}\n`;
}
