/**
 * A process that listens and can be stopped by a signal: to a dial it is then a stalled server, and
 * with its short queue full a host that does not answer at all.
 *
 * @module
 */

import { type AddressInfo, createServer } from "node:net";

const server = createServer((socket) => socket.on("error", () => {}));
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  console.error(JSON.stringify({ event: "ready", port: (server.address() as AddressInfo).port }));
});
