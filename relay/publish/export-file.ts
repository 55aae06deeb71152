/**
 * The file of the export policy, followed as it changes. Without a policy that can be read nothing
 * starts; one that cannot be read later leaves the last one in force. [EXP1] [EXP4]
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { parseDocument } from "yaml";

import { errorText } from "../../shared/lib/error-text.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import { parseExportPolicy } from "./export-policy.ts";
import type { ExportPolicy, ParsedPolicy } from "./export-policy.ts";

/** A mounted ConfigMap changes by a link that is set anew, which no watch of a file sees. */
const LOOK_MS = 1_000;
const MAX_CHARS = 256 * 1024;

export class ExportFile {
  readonly #path: string;
  readonly #ports: Pick<RelayPorts, "after">;
  readonly #log: Pick<Logger, "warn" | "info">;
  #text: string;
  #cancel: (() => void) | null = null;
  #isStopped = false;
  policy: ExportPolicy;
  /** Why the file does not count as it is now; `null`: it does. */
  problem: string | null = null;

  /** @throws Error that names the file, the field and the rule. */
  constructor(path: string, ports: Pick<RelayPorts, "after">, log: Pick<Logger, "warn" | "info">) {
    this.#path = path;
    this.#ports = ports;
    this.#log = log;
    this.#text = readText(path);
    const parsed = parseText(this.#text);
    if (!parsed.ok) throw new Error(`--export-policy ${path}: ${parsed.problem}`);
    this.policy = parsed.policy;
  }

  follow(onPolicy: (policy: ExportPolicy) => void): void {
    this.#cancel = this.#ports.after(LOOK_MS, () => {
      void this.#look(onPolicy).finally(() => {
        if (!this.#isStopped) this.follow(onPolicy);
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #look(onPolicy: (policy: ExportPolicy) => void): Promise<void> {
    let parsed: ParsedPolicy;
    try {
      const text = await readFile(this.#path, "utf8");
      if (this.#isStopped || (text === this.#text && this.problem === null)) return;
      this.#text = text;
      parsed = parseText(text);
    } catch (error) {
      parsed = { ok: false, problem: errorText(error) };
    }
    if (!parsed.ok) {
      const problem = `--export-policy ${this.#path}: ${parsed.problem}; the last one stays in force`;
      if (problem !== this.problem) this.#log.warn(problem);
      this.problem = problem;
      return;
    }
    this.problem = null;
    this.policy = parsed.policy;
    this.#log.info("the export policy has changed");
    onPolicy(parsed.policy);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`--export-policy ${path}: ${errorText(error)}`, { cause: error });
  }
}

function parseText(text: string): ParsedPolicy {
  if (text.length > MAX_CHARS)
    return { ok: false, problem: `must have at most ${MAX_CHARS} characters` };
  const document = parseDocument(text);
  const [error] = document.errors;
  return error === undefined
    ? parseExportPolicy(document.toJS())
    : { ok: false, problem: error.message.split("\n")[0] ?? "is not YAML" };
}
