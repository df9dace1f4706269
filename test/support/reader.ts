/**
 * A process that logs in and then only reads, for tests that stop it: pausing a socket does not
 * keep every runtime from reading. Arguments: port, file of the CA, identity, ticket.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { connectLines } from "./line-client.ts";

const [port, file = "", identity, ticket] = process.argv.slice(2);
const reader = await connectLines({ port: Number(port), ca: readFileSync(file, "utf8") });
const answer = await reader.ask({ type: "newidentity", identity, ticket });
console.log(answer["approved"]);
