import type { SqlDatabase, SqlRow, SqlValue } from "./sql.ts";

/** A Durable Object's SQLite behind `SqlDatabase`. */
export function durableSql(storage: DurableObjectStorage): SqlDatabase {
  return {
    run(statement, ...values) {
      const rows = storage.sql.exec(statement, ...values.map(toBinding)).toArray();
      return rows.map((row) => {
        const converted: Record<string, SqlValue> = {};
        for (const [name, value] of Object.entries(row))
          converted[name] =
            value instanceof ArrayBuffer ? new Uint8Array(value) : (value as SqlValue);
        return converted as SqlRow;
      });
    },
    transaction: (work) => storage.transactionSync(work),
  };
}

/** The binding takes a whole ArrayBuffer, so a view into a larger one is copied. */
function toBinding(value: SqlValue): SqlStorageValue {
  if (!(value instanceof Uint8Array)) return value;
  const { buffer, byteLength } = value;
  return (byteLength === buffer.byteLength ? buffer : value.slice().buffer) as ArrayBuffer;
}
