/** The storage of a Durable Object in the hands of a test. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";

import type { SqlDatabase } from "../../worker/storage/sql.ts";
import { durableSql } from "../../worker/storage/durable-sql.ts";

const { MESH } = env as unknown as { readonly MESH: DurableObjectNamespace };

export interface CountedSql {
  readonly sql: SqlDatabase;
  /**
   * Rows that SQLite says it has read for the statements until now, and what the platform bills.
   */
  readonly rowsRead: () => number;
}

/** Gives `work` the empty storage of an object of its own. */
export async function withDurableSql(work: (counted: CountedSql) => void): Promise<void> {
  const stub = MESH.get(MESH.newUniqueId());
  await runInDurableObject(stub, (_object, { storage }) => {
    let rowsRead = 0;
    const exec: SqlStorage["exec"] = (statement, ...values) => {
      const cursor = storage.sql.exec(statement, ...values);
      return {
        toArray: () => {
          const rows = cursor.toArray();
          rowsRead += cursor.rowsRead;
          return rows;
        },
      } as unknown as ReturnType<typeof storage.sql.exec> as never;
    };
    const counted = {
      sql: { exec },
      transactionSync: <T>(run: () => T) => storage.transactionSync(run),
    } as unknown as DurableObjectStorage;
    work({ sql: durableSql(counted), rowsRead: () => rowsRead });
  });
}
