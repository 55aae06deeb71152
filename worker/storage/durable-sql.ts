import { requireSync } from "./sql.ts";
import type { SqlDatabase, SqlRow, SqlValue } from "./sql.ts";

/** A Durable Object's SQLite behind `SqlDatabase`. */
export function durableSql(storage: DurableObjectStorage): SqlDatabase {
  return {
    run: (text, ...values) =>
      storage.sql
        .exec(text, ...values.map(toBinding))
        .toArray()
        .map(fromBindings),
    transaction: (work) => storage.transactionSync(() => requireSync(work())),
  };
}

function fromBindings(row: Readonly<Record<string, SqlStorageValue>>): SqlRow {
  const converted: Record<string, SqlValue> = {};
  for (const [name, value] of Object.entries(row))
    converted[name] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  return converted;
}

/** The binding stores a whole ArrayBuffer, so a view into a larger one is copied. */
function toBinding(value: SqlValue): SqlStorageValue {
  if (!(value instanceof Uint8Array)) return value;
  const { buffer, byteLength } = value;
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) return buffer;
  return value.slice().buffer;
}
