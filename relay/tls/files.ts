/**
 * The certificate files of one side, read again when they change: certificates are rotated without
 * a restart, and connections that there are stay. What does not load keeps what did. [TYP24]
 */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

import { errorText } from "../../shared/lib/error-text.ts";
import type { TlsSettings } from "./settings.ts";

/** Mounted secrets change by renaming a link, which file events miss. */
const LOOK_MS = 10_000;

export interface TlsPems {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class TlsFiles {
  readonly settings: TlsSettings;
  readonly #log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(pems: TlsPems) => void>();
  #pems: TlsPems;
  #problem: string | null = null;

  /** @throws Error that names the file. */
  constructor(
    settings: TlsSettings,
    log: (message: string, fields: Readonly<Record<string, unknown>>) => void,
    lookMs = LOOK_MS,
  ) {
    this.settings = settings;
    this.#log = log;
    this.#pems = load(settings);
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  /** What new handshakes use. */
  get pems(): TlsPems {
    return this.#pems;
  }

  onChange(listener: (pems: TlsPems) => void): void {
    this.#listeners.add(listener);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    let pems: TlsPems;
    try {
      pems = load(this.settings);
    } catch (error) {
      const problem = errorText(error);
      if (problem !== this.#problem)
        this.#log("new certificates cannot be used: those from before stay", { problem });
      this.#problem = problem;
      return;
    }
    this.#problem = null;
    const isSame = (["ca", "cert", "key"] as const).every((name) =>
      pems[name].equals(this.#pems[name]),
    );
    if (isSame) return;
    this.#pems = pems;
    for (const listener of this.#listeners) listener(pems);
    this.#log("certificates were renewed", { file: this.settings.certFile });
  }
}

function load({ caFile, certFile, keyFile }: TlsSettings): TlsPems {
  const pems = { ca: read(caFile), cert: read(certFile), key: read(keyFile) };
  try {
    // Also refuses a key that is not the certificate's.
    createSecureContext(pems);
  } catch (error) {
    throw new Error(`${certFile}, ${keyFile} and ${caFile}: ${errorText(error)}`, {
      cause: error,
    });
  }
  if (!pems.ca.includes("-----BEGIN CERTIFICATE-----"))
    throw new Error(`${caFile}: there is no certificate in it`);
  return pems;
}

function read(path: string): Buffer {
  return readFileSync(path);
}
