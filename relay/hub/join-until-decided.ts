import { setTimeout as sleep } from "node:timers/promises";

import { backoffMs } from "../../shared/lib/backoff.ts";
import type { Logger } from "../lib/log.ts";
import type { Credentials } from "./credentials.ts";
import { JoinError } from "./join.ts";

const RETRY = { baseMs: 500, capMs: 15_000 };

export interface JoinPorts {
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told with each refusal, for people. */
  readonly onRefused: (message: string) => void;
}

/**
 * Until the hub says yes or, for good, no. A relay that is a member already goes on with what it
 * has when the token was used.
 * @returns Whether the relay is a member.
 */
export async function joinUntilDecided(
  credentials: Pick<Credentials, "membership" | "join">,
  hub: string,
  token: string,
  { log, signal, onRefused }: JoinPorts,
): Promise<boolean> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const membership = await credentials.join(hub, token);
      log.info({ cluster: membership.cluster.name, mesh: membership.mesh }, "joined");
      return true;
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
      onRefused(error.message);
      log.error(error.message);
      if (credentials.membership !== null) return true;
      if (error.isFinal) return false;
      await sleep(backoffMs(attempt, RETRY, Math.random), undefined, { signal }).catch(() => null);
    }
  }
  return false;
}
