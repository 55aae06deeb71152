import { nodeSql } from "../support/node-sql.ts";
import { sqlDatabaseContract } from "./sql-database.ts";

sqlDatabaseContract("node:sqlite", (work) => work(nodeSql()));
