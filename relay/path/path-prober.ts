/**
 * This node's part in path checks: listens, sends and stops as the hub's facts say, and tells what
 * it heard. Only where the operator has switched it on; one check at a time; what is left open is
 * closed after two minutes. [OVL12]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import type { NodeReport, PathOrder, PathPhase } from "../../shared/overlay/path-check.ts";
import type { PathReport } from "../../shared/overlay/path-check.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import type { PathNet } from "./path-net.ts";
import { pathPlan } from "./path-plan.ts";
import type { PathEnds, PathPlan, PathTarget } from "./path-plan.ts";
import { decodeProbe } from "./probe.ts";
import { sendTo } from "./send.ts";
import { readStream, Tally } from "./tally.ts";

export interface ProberOptions {
  readonly node: string;
  readonly ports: Pick<RelayPorts, "after" | "now">;
  readonly net: PathNet;
  readonly log: Logger;
  /** Of this node, and of a remote as it is admitted now. */
  ends(rcc: string): PathEnds;
  /** Of Felix here, which are the remote's too. */
  readonly vxlan: () => { readonly port: number; readonly vni: number };
  onReport(): void;
}

/** A check of one remote, by its newest order. */
interface Check {
  readonly id: number;
  /** As ordered; what is done is in the report. */
  phase: PathPhase;
  plan: PathPlan;
  tally: Tally;
  report: NodeReport | null;
  ears: { close(): void } | null;
  cancel: (() => void) | null;
}

const NOTHING: PathPlan = { targets: [], problem: "" };
const ADMIT_MS = 4_000;
const LOOK_MS = 200;
const OPEN_MS = 120_000;
/** Linux knows a narrow way for so long, and cuts packets up for it: it is not found again. */
const LEARNT_MS = 600_000;
const REPORT_MS = 200;

export class PathProber {
  readonly #options: ProberOptions;
  readonly #checks = new Map<string, Check>();
  /** Node's address → what was too big for the way there. */
  readonly #tooBig = new Map<string, { readonly size: number; readonly atMs: number }>();
  #cancelReport: (() => void) | null = null;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** @param orders By RCC; of remotes that have none any more, all is closed. */
  follow(orders: ReadonlyMap<string, PathOrder>): void {
    for (const [rcc, check] of this.#checks) {
      const order = orders.get(rcc);
      if (order?.id === check.id) continue;
      this.#close(check);
      this.#checks.delete(rcc);
    }
    for (const [rcc, order] of orders) this.#obey(rcc, order);
  }

  /** `undefined`: this node was not asked. */
  report(rcc: string): PathReport | undefined {
    const check = this.#checks.get(rcc);
    if (check === undefined || check.report === null) return undefined;
    return { id: check.id, nodes: [{ ...check.report, flows: check.tally.flows }] };
  }

  stop(): void {
    this.#cancelReport?.();
    for (const check of this.#checks.values()) this.#close(check);
  }

  #obey(rcc: string, order: PathOrder): void {
    const known = this.#checks.get(rcc);
    if (known?.phase === order.phase) return;
    if (known === undefined) {
      // One that has gone on without this relay is over for it.
      if (order.phase === "listen") void this.#listen(rcc, order);
      return;
    }
    known.phase = order.phase;
    if (known.report === null || known.report.problem !== "") return;
    if (order.phase === "send") void this.#send(known);
    else this.#end(known);
  }

  async #listen(rcc: string, order: PathOrder): Promise<void> {
    if (!order.pairs.some(([own]) => own === this.#options.node)) return;
    const check: Check = {
      id: order.id,
      phase: order.phase,
      plan: NOTHING,
      tally: new Tally(order.id, []),
      report: null,
      ears: null,
      cancel: null,
    };
    this.#checks.set(rcc, check);
    const plan = await this.#planned(rcc, order, check);
    check.plan = plan;
    check.tally = new Tally(order.id, plan.targets);
    const problem = plan.problem !== "" ? plan.problem : await this.#open(rcc, check);
    this.#say(check, "listen", problem);
    // Orders that came meanwhile.
    if (problem !== "" || this.#checks.get(rcc) !== check) this.#close(check);
    else if (check.phase === "send") void this.#send(check);
    else if (check.phase === "end") this.#end(check);
  }

  /** A relay that has just started may not have the remote's nodes yet. */
  async #planned(rcc: string, order: PathOrder, check: Check): Promise<PathPlan> {
    const { node, ports } = this.#options;
    const began = ports.now();
    for (;;) {
      const plan = pathPlan(order, node, this.#options.ends(rcc)) ?? NOTHING;
      const isLate = ports.now() - began >= ADMIT_MS;
      if (plan.problem === "" || isLate || this.#checks.get(rcc) !== check) return plan;
      await this.#wait(LOOK_MS);
    }
  }

  /** @returns Why it cannot be; empty: it is. */
  async #open(rcc: string, check: Check): Promise<string> {
    const { net, ports, log } = this.#options;
    for (const [other, { ears }] of this.#checks)
      if (other !== rcc && ears !== null) return `this relay is busy with a check of ${other}`;
    const { targets } = check.plan;
    const own = [...new Map(targets.map(({ own: vtep }) => [vtep.address, vtep])).values()];
    for (const { address } of own)
      if (net.mtuOf(address) === null)
        return `the tunnel address ${address} is on no device of this machine`;
    const expected = new Set(targets.map(({ remote }) => remote.address));
    try {
      check.ears = await net.listen(
        { outer: own.map(({ outer }) => outer), tunnel: own.map(({ address }) => address) },
        {
          onDatagram: (bytes, source) => {
            const probe = decodeProbe(bytes);
            if (probe !== null && check.tally.onProbe(probe, source)) this.#changed();
          },
          onStream: (bytes) => {
            const probe = decodeProbe(bytes);
            if (probe?.check !== check.id || probe.way !== "stream") return;
            const { bytes: length, isAltered } = readStream(bytes);
            check.tally.onStream(probe, length, isAltered);
            this.#changed();
          },
          isExpected: (source) => expected.has(source),
        },
      );
    } catch (error) {
      return `cannot listen: ${errorText(error)}`.slice(0, 512);
    }
    check.cancel = ports.after(OPEN_MS, () => this.#close(check));
    log.info({ rcc, pairs: targets.length }, "takes part in a path check");
    return "";
  }

  async #send(check: Check): Promise<void> {
    const { net, vxlan, log } = this.#options;
    const { port: vxlanPort, vni } = vxlan();
    await Promise.all(
      check.plan.targets.map(async (target) => {
        const tooBig = this.#learnt(target);
        const options = { check: check.id, vni, vxlanPort, tooBig, net, wait: this.#wait };
        try {
          const sent = await sendTo(target, options);
          if (sent.tooBig > 0 && tooBig === 0)
            this.#tooBig.set(target.remote.outer, {
              size: sent.tooBig,
              atMs: this.#options.ports.now(),
            });
          check.tally.onSent(target, sent);
        } catch (error) {
          log.warn({ to: target.remote.node, error: errorText(error) }, "could not send packets");
        }
      }),
    );
    if (check.phase === "send") this.#say(check, "send", "");
  }

  #learnt({ remote }: PathTarget): number {
    const known = this.#tooBig.get(remote.outer);
    if (known === undefined) return 0;
    return this.#options.ports.now() - known.atMs < LEARNT_MS ? known.size : 0;
  }

  #end(check: Check): void {
    this.#close(check);
    this.#say(check, "end", "");
  }

  #close(check: Check): void {
    check.cancel?.();
    check.ears?.close();
    check.ears = null;
  }

  #say(check: Check, phase: PathPhase, problem: string): void {
    check.report = { node: this.#options.node, phase, problem, flows: [] };
    this.#options.onReport();
  }

  /** Counts are told now and then. */
  #changed(): void {
    this.#cancelReport ??= this.#options.ports.after(REPORT_MS, () => {
      this.#cancelReport = null;
      this.#options.onReport();
    });
  }

  readonly #wait = (ms: number): Promise<void> =>
    new Promise((resolve) => void this.#options.ports.after(ms, resolve));
}
