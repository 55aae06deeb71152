#!/usr/bin/env node
/**
 * Starts the program on the Node.js that it is made for. Plain JavaScript without dependencies,
 * because whatever Node is installed runs this file, down to 20.
 */
import { runProgram } from "./runtime.js";

await runProgram("cli/main.ts", process.argv.slice(2));
