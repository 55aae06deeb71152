/**
 * What a cluster's relay tells of its owner's export policy. What it keeps back never left the
 * cluster; which consumers it does not want, the hub obeys. [EXP5]
 */
import { z } from "zod";

import { toHex } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";

const names = z.array(z.string().max(63)).max(256);

export const exportReportSchema = z.object({
  /** In one line. */
  summary: z.string().max(1_024),
  /** Only these clusters may see it, whatever grants say. Absent: any. */
  include: names.exactOptional(),
  /** Never these. */
  exclude: names.exactOptional(),
});

export type ExportReport = z.output<typeof exportReportSchema>;

/** Equal reports have equal hashes. */
export function exportHash({ summary, include, exclude }: ExportReport): string {
  const text = JSON.stringify([summary, include ?? null, exclude ?? null]);
  return toHex(sha256(new TextEncoder().encode(text))).slice(0, 16);
}

/** Whether the owner of a cluster keeps it from this consumer. */
export function isVetoed(report: ExportReport | undefined, consumer: string): boolean {
  if (report === undefined) return false;
  const { include, exclude } = report;
  return include?.includes(consumer) === false || exclude?.includes(consumer) === true;
}
