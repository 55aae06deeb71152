/**
 * Reports of the cluster's relays. A small one is read at once; one of 1,000 edges takes 10 ms, so
 * a large one is read in steps, each an event, in the order in which they came. [LOG74]
 */
import { must } from "../../../shared/lib/assert.ts";
import type { Report } from "../../../shared/protocol/messages.ts";
import type { ClusterReport, EdgeReport } from "../../../shared/visibility/facts.ts";
import { readClusterReport, readEdgeReports } from "../../../shared/visibility/parse-reports.ts";
import type { Parsed } from "../../../shared/visibility/parse-facts.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { SetTimer } from "../timers.ts";
import type { SocketId } from "../peer.ts";

export interface ReadReport {
  readonly edges: readonly EdgeReport[];
  /** `null`: nothing is said of the cluster. */
  readonly cluster: ClusterReport | null;
}

interface Waiting {
  readonly socket: SocketId;
  readonly steps: Generator<void, Parsed<ReadReport>>;
}

export class ReportIntake {
  readonly #setTimer: SetTimer;
  readonly #done: (socket: SocketId, report: Parsed<ReadReport>) => void;
  #waiting: Waiting[] = [];

  /** @param setTimer Has `step` called. @param done Told of each report when it is read. */
  constructor(setTimer: SetTimer, done: (socket: SocketId, report: Parsed<ReadReport>) => void) {
    this.#setTimer = setTimer;
    this.#done = done;
  }

  add(socket: SocketId, message: Report): void {
    const steps = readReport(message);
    const chars = message.edges.length + (message.cluster?.length ?? 0);
    const isSmall = chars <= BUDGETS.smallReportChars;
    if (isSmall && !this.#waiting.some((other) => other.socket === socket)) {
      this.#done(socket, readAll(steps));
      return;
    }
    this.#waiting.push({ socket, steps });
    // Beside others their price bounds them. Alone in the process only the sender waits.
    while (this.#waiting.length > BUDGETS.waitingReports) this.#readFirst();
    this.#setTimer(0);
  }

  /** Reads on for one step. */
  step(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const step = first.steps.next();
    if (step.done === true) {
      this.#waiting.shift();
      this.#done(first.socket, step.value);
    }
    if (this.#waiting.length > 0) this.#setTimer(0);
  }

  /** Forgets what a socket has reported and is not read. */
  drop(socket: SocketId): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.socket !== socket);
  }

  #readFirst(): void {
    const { socket, steps } = must(this.#waiting.shift(), "a report that waits");
    this.#done(socket, readAll(steps));
  }
}

function* readReport({ edges, cluster }: Report): Generator<void, Parsed<ReadReport>> {
  const readEdges = yield* readEdgeReports(edges);
  if (!readEdges.ok) return { ok: false, rule: `report edges: ${readEdges.rule}` };
  if (cluster === null) return { ok: true, value: { edges: readEdges.value, cluster } };
  if (edges.length + cluster.length > BUDGETS.smallReportChars) yield;
  const read = yield* readClusterReport(cluster);
  if (!read.ok) return { ok: false, rule: `report cluster: ${read.rule}` };
  return { ok: true, value: { edges: readEdges.value, cluster: read.value } };
}

function readAll<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
