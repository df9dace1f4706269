/**
 * Two chat servers and a client in memory and in virtual time: s2 introduces itself to s1, then
 * somebody logs in at s2 and the identity is locked on both. Every message between the servers is
 * printed, and at which millisecond it was sent.
 *
 * ```sh
 * node --import tsx examples/two-servers.ts
 * ```
 *
 * or `deno run -A examples/two-servers.ts`.
 *
 * @module
 */

import {
  type ConnectionId,
  createServer,
  Driver,
  defaultTiming,
  formatMessage,
  type Identity,
  type PeerMessage,
  type ServerConfig,
  type ServerEffect,
  type ServerId,
  type ServerInput,
  type ServerState,
  serverMachine,
} from "multi-server-chat";

/** A driver without its clock: `at` is added when the input is given. */
type Node = Driver<ServerState, ServerInput, ServerEffect>;

/** What is to happen, and when. The network takes a millisecond, and the wall clock is made up. */
const agenda: { readonly at: number; readonly happen: () => void }[] = [];
const latencyMs = 1;
const wallClock = Date.UTC(2020, 0, 1);
let now = 0;

const s1 = "s1" as ServerId;
const s2 = "s2" as ServerId;
const client = 1 as ConnectionId;
/** The link between the two; both ends give it the same number. */
const link = 2 as ConnectionId;

const address = (host: string, port: number) => ({ host, port });
const config = (serverid: ServerId, other: ServerId): ServerConfig => ({
  serverid,
  client: address(serverid, 4444),
  peer: address(serverid, 5555),
  contacts: serverid === s2 ? [{ serverid: other, address: address(other, 5555) }] : [],
  mustJoin: serverid === s2,
  auth: undefined,
  partition: "available",
  roster: [],
  messageRate: 0,
  seed: 1,
  timing: defaultTiming,
});

const nodes = new Map<ServerId, Node>([
  [s1, node(s1, s2)],
  [s2, node(s2, s1)],
]);

function node(self: ServerId, other: ServerId): Node {
  let woken = { isWanted: false };
  return new Driver(
    serverMachine,
    createServer(config(self, other), now, wallClock),
    {
      now: () => now,
      wakeAt: (at, wake) => {
        woken.isWanted = false;
        const call = { isWanted: at !== undefined };
        woken = call;
        if (at !== undefined) agenda.push({ at, happen: () => call.isWanted && wake() });
      },
      perform: (effect) => perform(effect, self, other),
    },
    (at): ServerInput => ({ type: "tick", at }),
  );
}

/** Gives a server an input, after the network's time. */
function deliver(to: ServerId, input: (at: number) => ServerInput): void {
  agenda.push({ at: now + latencyMs, happen: () => nodes.get(to)?.input(input(now)) });
}

function perform(effect: ServerEffect, self: ServerId, other: ServerId): void {
  switch (effect.type) {
    case "dial": {
      const { dial } = effect;
      const outcome = { type: "link", connection: link, certificateId: other } as const;
      const role = "peer";
      deliver(self, (at) => ({ type: "dialled", at, dial, outcome }));
      deliver(other, (at) => ({ type: "opened", at, connection: link, role, certificateId: self }));
      break;
    }
    case "send": {
      if (!effect.to.includes(link)) {
        print(`${self} → client`, effect.message);
        break;
      }
      const message = effect.message as PeerMessage;
      if (message.type !== "heartbeat") print(`${self} → ${other}`, message);
      const random = crypto.getRandomValues(new Uint8Array(16));
      deliver(other, (at) => ({ type: "peer-message", at, connection: link, message, random }));
      break;
    }
    case "verify": {
      const { connection, request } = effect;
      const outcome = { ok: true, identity: "Ann" as Identity, username: "ann" } as const;
      deliver(self, (at) => ({ type: "verified", at, connection, request, outcome }));
      break;
    }
  }
}

function print(who: string, message: { readonly type: string }): void {
  console.log(`${String(now).padStart(4)} ms  ${who}  ${formatMessage(message).trimEnd()}`);
}

for (const each of nodes.values()) each.start();
const login = { type: "newidentity", identity: "Ann", ticket: "anything" } as const;
deliver(s2, (at) => ({ type: "opened", at, connection: client, role: "client" }));
deliver(s2, (at) => ({ type: "request", at, connection: client, request: login, size: 64 }));

// Half a second of the cluster's life, in no time.
for (;;) {
  agenda.sort((one, other) => one.at - other.at);
  const next = agenda.shift();
  if (next === undefined || next.at > 500) break;
  now = Math.max(now, next.at);
  next.happen();
}
