/**
 * The entry of each process of the demo: runs the command it is told, and stops it when the demo is
 * gone. The demo holds the other end of standard input; it closes when the demo ends, in whatever
 * way, on every system.
 *
 * @module
 */

import process from "node:process";

const [command] = process.argv.splice(2, 1);
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.on("error", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
if (command === "chat-auth") await import("../chat-auth.ts");
else await import("../chat-server.ts");
