/** Findings about clusters, their relays and ranges. [CLI92] */
import type { ClusterView } from "../../../shared/api/clusters.ts";
import type { ClusterStatus } from "../../../shared/api/status.ts";
import { renderAge } from "../output.ts";
import { error, info, warning } from "./finding.ts";
import type { About, Finding } from "./finding.ts";

export function ofCluster(row: ClusterStatus): Finding[] {
  const { name } = row.cluster;
  const about: About = [[name], `cluster ${name}`];
  const found: Finding[] = [];
  if (row.suspended)
    found.push(
      info(...about, "is suspended: it neither sees nor is seen", `catwalk cluster resume ${name}`),
    );
  if (!row.joined)
    found.push(
      warning(
        ...about,
        "no relay has ever joined",
        `start its relay with a join token: catwalk cluster token ${name}`,
      ),
    );
  else if (row.publisher === "absent")
    found.push(
      error(
        ...about,
        `no relay is connected, last heard ${renderAge(row.ageMs)} ago`,
        "start its relay, or read its log: it says why it cannot reach the hub",
      ),
    );
  else if (row.publisher === "unknown")
    found.push(
      error(
        ...about,
        `its part of the hub does not answer: ${row.error ?? "no reason given"}`,
        "read the hub's log; a full disk is a usual cause",
      ),
    );
  return [...found, ...ofHealth(row, about), ...ofRecords(row, about)];
}

function ofRecords(row: ClusterStatus, about: About): Finding[] {
  const found: Finding[] = [];
  if (row.source !== null && row.source.state !== "following")
    found.push(
      error(
        ...about,
        `its relay does not follow it (${row.source.state}): ${row.source.reason || "no reason given"}`,
        `look at the relay's access to its datastore: catwalk relay status --cluster ${row.cluster.name}`,
      ),
    );
  if ((row.quarantined ?? 0) > 0)
    found.push(
      warning(
        ...about,
        `in quarantine, and seen by nobody: ${row.quarantined} of its records`,
        "catwalk quarantine list says which rule refuses each",
      ),
    );
  if (row.takenOver !== null)
    found.push(
      warning(
        ...about,
        `relay ${row.takenOver.by} took over from ${row.takenOver.from}, which was heard a moment before`,
        "see that no other cluster's relay uses this identity",
      ),
    );
  if (!row.factsAcknowledged)
    found.push(
      warning(
        ...about,
        "its part of the hub has not taken the newest access facts",
        "it is tried again by itself; where it lasts, read the hub's log",
      ),
    );
  return found;
}

function ofHealth({ health }: ClusterStatus, about: About): Finding[] {
  const found = health.reasons.map(({ message }) =>
    (health.state === "lost" ? error : warning)(
      ...about,
      `${health.state} since ${health.since}: ${message}`,
      "catwalk events --follow shows when it is over",
    ),
  );
  if (health.held > 0)
    found.push(
      warning(
        ...about,
        `its relay holds ${health.held} withdrawals back, because so much was missing at once`,
        "catwalk withdrawal list, then confirm or release",
      ),
    );
  return found;
}

export function ofRanges({ name, refusedClaims }: ClusterView): Finding[] {
  return refusedClaims.map(({ cidr, use, reason }) =>
    warning(
      [name],
      `cluster ${name}`,
      `range ${cidr} (${use}) is refused: ${reason}`,
      `give it a range of its own: catwalk cluster set ${name} --help`,
    ),
  );
}
