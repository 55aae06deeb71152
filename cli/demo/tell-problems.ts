/**
 * What the relays cannot read of their clusters, told in the terminal that started them: a typo in
 * a file must not be looked for in a log. [CLI46]
 */
import { readRelayStatus } from "../admin/relay-client.ts";
import type { RelayProcess } from "./relay-process.ts";

const LOOK_MS = 500;

export interface ToldProblems {
  stop(): Promise<void>;
}

/**
 * The lines that a new look adds to what was told before: what is new or reads otherwise, and what
 * is over.
 */
export function problemLines(
  cluster: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const news = [...after].filter(([object, message]) => before.get(object) !== message);
  const solved = [...before.keys()].filter((object) => !after.has(object));
  return [
    ...news.map(([object, message]) => `${cluster}: ${object}: ${message}`),
    ...solved.map((object) => `${cluster}: ${object}: read again`),
  ];
}

/** Looks twice a second, until it is stopped. A relay that does not answer tells nothing. */
export function tellProblems(
  relays: readonly RelayProcess[],
  tell: (line: string) => void,
): ToldProblems {
  const told = new Map<string, ReadonlyMap<string, string>>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const look = async (): Promise<void> => {
    for (const { cluster, url } of relays) {
      const problems = await problemsAt(url);
      if (problems === null || isStopped) continue;
      for (const line of problemLines(cluster, told.get(cluster) ?? new Map(), problems))
        tell(line);
      told.set(cluster, problems);
    }
    if (!isStopped) timer = setTimeout(() => (looking = look()), LOOK_MS);
  };
  let looking = look();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

async function problemsAt(url: string): Promise<ReadonlyMap<string, string> | null> {
  try {
    const { source } = await readRelayStatus(url, 2_000);
    return new Map(source.problems.map(({ object, message }) => [object, message]));
  } catch {
    // It is restarting, or ending with us.
    return null;
  }
}
