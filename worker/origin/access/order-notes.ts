/**
 * Whether the cluster's relays have obeyed what the Mesh has ordered about routes. All have, or the
 * time for it is over and those that have not are named: then the Mesh is told, again until its
 * facts say that it has heard. [OVL7]
 */
import type { EdgeReport, OriginFacts } from "../../../shared/visibility/facts.ts";
import type { ObeyedOrder } from "../../../shared/visibility/overlay-order.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";

export interface OrderSources {
  facts(): OriginFacts | null;
  relays(): readonly OrderedRelay[];
}

export interface OrderedRelay {
  /** What it calls itself. */
  readonly software: string;
  readonly edges: readonly EdgeReport[];
}

/** Of the relays that have not obeyed. */
const MOST_NAMED = 8;
const NOBODY = "no relay of the cluster is connected";

export class OrderNotes {
  readonly #ports: Pick<OriginPorts, "clock" | "mesh">;
  readonly #sources: OrderSources;
  readonly #setTimer: SetTimer;
  /** When each order that is not acknowledged was seen first: remote and step → Unix ms. */
  #since = new Map<string, number>();
  /** What was told last, and when: to tell it again takes time. */
  #told = { text: "", atMs: Number.NEGATIVE_INFINITY };

  constructor(
    ports: Pick<OriginPorts, "clock" | "mesh">,
    timers: TimerRegistry,
    sources: OrderSources,
  ) {
    this.#ports = ports;
    this.#sources = sources;
    this.#setTimer = timers.own("order", () => this.compare());
  }

  compare(): void {
    const facts = this.#sources.facts();
    if (facts === null || facts.removed) return;
    const nowMs = this.#ports.clock.now();
    const pending = facts.remotes.filter(
      ({ overlay }) => overlay?.acknowledged === undefined && overlay !== undefined,
    );
    const ids = pending.map(({ origin, overlay }) => `${origin.uid} ${overlay?.step}`);
    this.#since = new Map(ids.map((id) => [id, this.#since.get(id) ?? nowMs]));
    if (pending.length === 0) return;
    const obeyed = pending.flatMap(({ rcc, origin, overlay }) => {
      const sinceMs = this.#since.get(`${origin.uid} ${overlay?.step}`) ?? nowMs;
      const isOver = nowMs - sinceMs >= BUDGETS.orderMs;
      const order = { rcc, origin: origin.uid, step: overlay?.step ?? 0, phase: overlay?.phase };
      return obeyedOrder(order, this.#sources.relays(), isOver) ?? [];
    });
    this.#tell(obeyed, nowMs);
    this.#setTimer(BUDGETS.orderMs);
  }

  #tell(obeyed: readonly ObeyedOrder[], nowMs: number): void {
    const text = JSON.stringify(obeyed);
    const isNews = text !== this.#told.text || nowMs - this.#told.atMs >= BUDGETS.noteMs;
    if (obeyed.length === 0 || !isNews) return;
    this.#told = { text, atMs: nowMs };
    this.#ports.mesh.note({ pools: null, dropped: [], obeyed });
  }
}

/**
 * `null`: not yet. Without any relay routes may go, as time passes, but none come.
 * @param isOver The time for it.
 */
export function obeyedOrder(
  {
    rcc,
    origin,
    step,
    phase,
  }: {
    readonly rcc: string;
    readonly origin: string;
    readonly step: number;
    readonly phase: "prepare" | "commit" | "leave" | undefined;
  },
  relays: readonly OrderedRelay[],
  isOver: boolean,
): ObeyedOrder | null {
  if (relays.length === 0)
    return isOver && phase !== "prepare" ? { origin, step, stragglers: [NOBODY] } : null;
  const stragglers = relays
    .filter(
      ({ edges }) =>
        edges.find((edge) => edge.rcc === rcc && edge.origin.uid === origin)?.overlay?.step !==
        step,
    )
    .map(({ software }) => software);
  if (stragglers.length > 0 && !isOver) return null;
  return { origin, step, stragglers: stragglers.slice(0, MOST_NAMED) };
}
