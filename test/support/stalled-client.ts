/**
 * A process that connects with TLS and can be stopped by a signal: a reader that does not read.
 * (In the tests' own process that can't be had: on Deno a paused TLS socket goes on reading.)
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { connect } from "node:tls";

const [port, caFile = ""] = process.argv.slice(2);
const ca = readFileSync(caFile);
const socket = connect({ host: "127.0.0.1", port: Number(port), servername: "localhost", ca });
socket.on("error", () => {});
socket.on("secureConnect", () => console.error(JSON.stringify({ event: "connected" })));
socket.on("close", () => process.exit());
