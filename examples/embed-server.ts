/**
 * A chat server inside your own program: no TLS, no socket, no file. Two clients of the same
 * process log in and talk, and whatever they hear is printed.
 *
 * ```sh
 * node --import tsx examples/embed-server.ts
 * ```
 *
 * or `deno run -A examples/embed-server.ts`.
 *
 * @module
 */

import {
  type ClientRequest,
  type ConnectionId,
  clientRequests,
  createServer,
  Driver,
  defaultTiming,
  formatMessage,
  type Identity,
  parseMessage,
  type ServerConfig,
  type ServerEffect,
  type ServerId,
  type ServerInput,
  serverMachine,
} from "multi-server-chat";

const config: ServerConfig = {
  serverid: "s1" as ServerId,
  client: { host: "in-memory", port: 1 },
  peer: { host: "in-memory", port: 2 },
  contacts: [], // no other servers
  mustJoin: false,
  auth: undefined,
  partition: "available",
  roster: [],
  messageRate: 0, // unlimited
  seed: 1,
  timing: defaultTiming,
};

const now = () => performance.now();
let timer: ReturnType<typeof setTimeout> | undefined;
const wakeAt = (instant: number | undefined, wake: () => void): void => {
  clearTimeout(timer);
  if (instant !== undefined) timer = setTimeout(wake, Math.max(0, instant - now()));
};
const state = createServer(config, now(), Date.now());
const tick = (at: number): ServerInput => ({ type: "tick", at });
const driver = new Driver(serverMachine, state, { now, wakeAt, perform }, tick);

/** Does what the machine wants done. */
function perform(effect: ServerEffect): void {
  if (effect.type === "send") {
    const line = formatMessage(effect.message).trimEnd();
    const audience = effect.to.filter((connection) => connection !== effect.except);
    for (const connection of audience) console.log(`client ${connection} hears ${line}`);
  } else if (effect.type === "verify") {
    // Nobody else is in this process, so a ticket is just the name. Others check it: `readTicket`.
    const { connection, request, ticket } = effect;
    const outcome = { ok: true, identity: ticket as Identity, username: ticket } as const;
    driver.input({ type: "verified", at: now(), connection, request, outcome });
  } else if (effect.type === "close") {
    driver.input({ type: "closed", at: now(), connection: effect.connection });
  }
}

/** A client that connects; the function it gets back sends a line. */
function connect(number: number): (line: string) => void {
  const connection = number as ConnectionId;
  driver.input({ type: "opened", at: now(), connection, role: "client" });
  return (line) => {
    const parsed = parseMessage<ClientRequest>(clientRequests, line);
    driver.input(
      parsed.ok
        ? { type: "request", at: now(), connection, request: parsed.value, size: line.length }
        : { type: "malformed", at: now(), connection, error: parsed.error },
    );
  };
}

driver.start();
const ann = connect(1);
const ben = connect(2);
ann('{"type":"newidentity","identity":"Ann","ticket":"Ann"}');
ben('{"type":"newidentity","identity":"Ben","ticket":"Ben"}');
ann('{"type":"createroom","roomid":"jokes"}');
ben('{"type":"join","roomid":"jokes"}');
ann('{"type":"message","content":"Knock, knock."}');
ben('{"type":"message","content":"Who is there?"}');
ann('{"type":"quit"}');
ben('{"type":"quit"}');
clearTimeout(timer); // a server would go on for ever
