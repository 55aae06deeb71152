/** `node:sqlite` behind the hub's storage port. */
import { DatabaseSync } from "node:sqlite";

import { requireSync } from "../../worker/storage/sql.ts";
import type { SqlDatabase, SqlRow } from "../../worker/storage/sql.ts";

export function nodeSql(database = new DatabaseSync(":memory:")): SqlDatabase {
  return {
    run: (statement, ...values) => database.prepare(statement).all(...values) as SqlRow[],
    transaction: (work) => {
      database.exec("BEGIN");
      try {
        const result = requireSync(work());
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
  };
}
