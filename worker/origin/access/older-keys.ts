/**
 * Which clusters came with a membership that an older signing key of the hub has signed: each is
 * named in the log once in the life of a process, so that an operator knows who keeps the older key
 * in use. [CRE29]
 */

/** Clusters that are remembered; those behind them are told again. */
const MOST = 10_000;

export class OlderKeys {
  readonly #told = new Set<string>();
  readonly #log: (line: object) => void;

  constructor(log: (line: object) => void = (line) => console.log(JSON.stringify(line))) {
    this.#log = log;
  }

  onDial(mesh: string, cluster: string): void {
    const name = `${mesh}/${cluster}`;
    if (this.#told.has(name)) return;
    if (this.#told.size >= MOST) this.#told.clear();
    this.#told.add(name);
    this.#log({
      level: "warn",
      message: `the membership of cluster ${cluster} is by an older key of this hub: catwalk cluster identity ${cluster} --renew FILE`,
      mesh,
      cluster,
    });
  }
}
