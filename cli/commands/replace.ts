/**
 * Changes of what may be there already: a command reads it, and names what it has read, so that it
 * undoes nothing that somebody else writes meanwhile. [CLI96]
 */
import type { Operation } from "../../shared/api/operation.ts";
import type { RequestOf } from "../../shared/api/request.ts";
import { ChangedMeanwhileError, NotThereError } from "../admin/client.ts";
import type { Client } from "../admin/client.ts";
import { CommandError } from "../admin/usage-error.ts";

/**
 * @param get Reads what is there.
 * @param look The command that shows it.
 * @param change Makes the change from the state of this entity tag; `null`: nothing is there, or
 *   the hub is of a version without tags.
 * @throws CommandError
 */
export async function replace<O extends Operation, T>(
  client: Client,
  get: O,
  request: RequestOf<O>,
  look: string,
  change: (ifMatch: string | null) => Promise<T>,
): Promise<T> {
  try {
    return await change(await tagOf(client, get, request));
  } catch (error) {
    if (!(error instanceof ChangedMeanwhileError)) throw error;
    throw new CommandError(
      `somebody else has changed it in this moment, and nothing was applied: look at it (${look}), and run this again`,
      { cause: error },
    );
  }
}

async function tagOf<O extends Operation>(
  client: Client,
  get: O,
  request: RequestOf<O>,
): Promise<string | null> {
  try {
    return (await client.tagged(get, request)).etag;
  } catch (error) {
    if (error instanceof NotThereError) return null;
    throw error;
  }
}
