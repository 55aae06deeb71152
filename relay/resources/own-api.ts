/** `POST /v1/own` at the hub, by this cluster's credential; its answer comes through one door. */
import { errorText } from "../../shared/lib/error-text.ts";
import { MAX_OWN_WRITES, syncOwn } from "../../shared/api/own.ts";
import type { OwnAnswer, OwnWrite } from "../../shared/api/own.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";

/** An answer of HTTP. */
export interface HubAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Posts to the hub, with the headers of this relay. @throws Error of the connection. */
export type AskHub = (path: string, body: unknown) => Promise<HubAnswer>;

export type SyncOutcome =
  | { readonly ok: true; readonly answer: OwnAnswer; readonly sent: readonly OwnWrite[] }
  | { readonly ok: false; readonly message: string };

/** The hub takes 1 MiB. */
const MOST_BYTES = 512 * 1024;

/** Sends as many of the writes, in their order, as one request takes; without any it only reads. */
export async function syncWithHub(ask: AskHub, writes: readonly OwnWrite[]): Promise<SyncOutcome> {
  const sent = firstOf(writes);
  try {
    const { status, body } = await ask(syncOwn.path, { writes: sent });
    if (status === 404)
      return { ok: false, message: "the hub is of a version without custom resources: upgrade it" };
    if (status !== 200) return { ok: false, message: `the hub refuses: ${detailOf(status, body)}` };
    const parsed = syncOwn.answer.safeParse(body);
    if (parsed.success && parsed.data.results.length === sent.length)
      return { ok: true, answer: parsed.data, sent };
    const [issue] = parsed.success ? [] : describeIssues(parsed.error.issues);
    const rule = issue === undefined ? "results" : `${issue.field}: ${issue.rule}`;
    return { ok: false, message: `the hub's answer cannot be read: ${rule}` };
  } catch (error) {
    return { ok: false, message: `the hub is not reachable: ${errorText(error)}` };
  }
}

function firstOf(writes: readonly OwnWrite[]): readonly OwnWrite[] {
  let bytes = 0;
  const few = writes.slice(0, MAX_OWN_WRITES);
  const most = few.findIndex((write, i) => {
    bytes += JSON.stringify(write).length;
    return i > 0 && bytes > MOST_BYTES;
  });
  return most === -1 ? few : few.slice(0, most);
}

function detailOf(status: number, { detail }: HubAnswer["body"]): string {
  return typeof detail === "string" ? `${status} ${detail}` : `HTTP ${status}`;
}
