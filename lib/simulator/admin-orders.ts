/**
 * What an admin asks a server of a simulated cluster for. Its connection is not simulated: the
 * order is there at once, and nobody reads the answer.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import type { AdminRequest } from "../wire/admin-messages.ts";
import type { ServerProcess } from "./server-process.ts";

/** No connection of the network has this number. */
const connection = -1 as ConnectionId;

/** Lets an admin ask a server for something. */
export function askAsAdmin(server: ServerProcess, request: AdminRequest): void {
  const certificateId = "admin" as ServerId;
  server.take(
    { type: "opened", connection, role: "admin", certificateId },
    { type: "admin-request", connection, request },
    { type: "closed", connection },
  );
}
