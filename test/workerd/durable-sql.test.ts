/** A Durable Object's SQLite keeps the contract that Node's keeps. */
import { sqlDatabaseContract } from "../contract/sql-database.ts";
import { withDurableSql } from "./durable-storage.ts";

sqlDatabaseContract("Durable Object", (work) => withDurableSql(({ sql }) => work(sql)));
