/**
 * The client machine between servers: following a route, staying when it fails, and surviving the
 * death of its server. PROTOCOL.md section 5.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LinkId } from "../lib/client/state.ts";
import { type ClientScript, loggedIn, s1, s2 } from "./support/client-script.ts";

const said = (text: string) => ({ type: "message", content: text });
const route = {
  type: "route",
  roomid: "jokes",
  host: "10.0.0.2",
  port: "4445",
  ticket: "PASS",
  username: "PASS",
};

/** On link 1, routed, the new server dialled on link 2. */
function routed(): ClientScript {
  const client = loggedIn();
  client.type("#join jokes");
  client.type("typed before the route");
  client.line(1, route);
  client.type("typed during the switch");
  return client;
}

const moving = suite("client moving");

moving("follows a route, and closes the old connection only when the new one has taken it", () => {
  const client = loggedIn();
  client.type("#join jokes");
  client.type("typed before the route");
  client.line(1, route);
  assert.equal(client.done, [
    { type: "dial", link: 2, purpose: "chat", host: "10.0.0.2", port: 4445 },
  ]);
  client.type("typed during the switch");
  assert.equal(client.done, []);
  client.open(2);
  assert.equal(client.sent, [
    {
      link: 2,
      type: "movejoin",
      former: "MainHall-s1",
      roomid: "jokes",
      identity: "alice",
      ticket: "PASS",
    },
  ]);
  client.line(2, { type: "serverchange", approved: "true", serverid: "s2" });
  assert.equal(client.effects.slice(1), [
    { type: "close", link: 1 },
    { type: "send", link: 2, message: { type: "servers" } },
    { type: "send", link: 2, message: said("typed before the route") },
    { type: "send", link: 2, message: said("typed during the switch") },
  ]);
  assert.is(client.said.at(-1), "alice switches to server s2");
  client.close(1);
  assert.equal(client.effects, [], "the end of the old connection is nothing to speak of");
  client.line(2, { type: "roomchange", identity: "alice", former: "MainHall-s1", roomid: "jokes" });
  assert.is(client.state.room, "jokes");
});

moving("takes the pass from where servers of others put it, and does without", () => {
  for (const [carries, pass] of [
    [{ username: "PASS" }, { ticket: "PASS" }],
    [{}, {}],
  ] as const) {
    const client = loggedIn();
    client.line(1, { type: "route", roomid: "jokes", host: "h", port: "4445", ...carries });
    client.open(2);
    const plain = { type: "movejoin", former: "MainHall-s1", roomid: "jokes", identity: "alice" };
    assert.equal(client.sent, [{ link: 2, ...plain, ...pass }]);
  }
});

const failures: Readonly<Record<string, (client: ClientScript) => unknown>> = {
  "is refused": (client) => client.refuse(2),
  "closes at once": (client) => client.close(2),
  "says no": (client) => {
    const refusal = { approved: "false", serverid: "s2", reason: "ticket-invalid" };
    client.line(2, { type: "serverchange", ...refusal });
  },
  "says something else first": (client) =>
    client.line(2, { type: "roomchange", identity: "alice", former: "a", roomid: "b" }),
  "speaks in riddles": (client) => client.line(2, { type: "riddle" }),
  "is no chat server": (client) => {
    const error = { reason: "malformed", detail: "the line is not JSON", fatal: true } as const;
    client.input({ type: "malformed", link: 2 as LinkId, error });
  },
  "stays silent": (client) => client.wake(),
};

for (const [what, fail] of Object.entries(failures)) {
  moving(`stays where it was when the new server ${what}`, () => {
    const client = routed();
    client.open(2);
    fail(client);
    assert.equal(client.done, [
      { type: "close", link: 2 },
      { type: "send", link: 1, message: { type: "servers" } },
      { type: "send", link: 1, message: said("typed before the route") },
      { type: "send", link: 1, message: said("typed during the switch") },
    ]);
    assert.match(client.said.at(-1) ?? "", /^Server change failed \(/);
    client.line(1, {
      type: "roomchange",
      identity: "alice",
      former: "jokes",
      roomid: "MainHall-s1",
    });
    assert.is(client.said.at(-1), "alice moves from jokes to MainHall-s1");
    assert.is(client.state.room, "MainHall-s1");
    assert.equal(client.type("on")[0], { type: "send", link: 1, message: said("on") });
  });
}

moving("stays when the route names no usable address", () => {
  for (const bad of [{ port: "0" }, { port: "x" }, { host: "" }, { host: "a b\n" }]) {
    const client = loggedIn();
    client.line(1, { ...route, ...bad });
    assert.equal(client.shown, ["switch-failed"]);
    assert.is(client.state.phase.name, "chatting");
  }
});

moving("shows what the old room says until it has left", () => {
  const client = routed();
  client.line(1, { type: "message", identity: "bob", content: "bye" });
  assert.is(client.said.at(-1), "bob: bye");
});

moving("survives an old server that closes straight after the route", () => {
  const client = routed();
  client.close(1);
  client.open(2);
  client.line(2, { type: "serverchange", approved: "true", serverid: "s2" });
  assert.is(client.state.phase.name, "chatting");
  assert.is(client.sent.length, 3);
});

moving("looks for another server when old and new are both gone", () => {
  const client = routed();
  client.close(1);
  client.refuse(2);
  assert.equal(client.shown, ["switch-failed", "lost", "retrying"]);
  assert.is(client.state.queue.length, 2, "and keeps what was typed");
});

moving("quits on the server that has taken it", () => {
  const client = routed();
  client.type("#quit");
  client.open(2);
  client.line(2, { type: "serverchange", approved: "true", serverid: "s2" });
  assert.equal(client.sent.at(-1), { link: 2, type: "quit" });
  client.line(2, { type: "roomchange", identity: "alice", former: "jokes", roomid: "" });
  assert.equal(client.done.at(-1), { type: "exit", code: 0 });
});

moving.run();

const survival = suite("client survival");

/** Lets it count down and dial; the dial effect. */
function nextTry(client: ClientScript): object {
  while (client.state.phase.name === "waiting") client.wake();
  return client.done[0] ?? {};
}

survival("goes to another server, back to its room, and sends once what was typed", () => {
  const client = loggedIn();
  client.line(1, { type: "roomchange", identity: "alice", former: "MainHall-s1", roomid: "jokes" });
  client.close(1, "connection reset");
  assert.equal(client.shown, ["lost", "retrying"]);
  assert.match(client.said.join("\n"), "Lost the connection to 10.0.0.1:4444: connection reset.");
  client.type("typed in between");
  assert.equal(nextTry(client), {
    type: "dial",
    link: 2,
    purpose: "chat",
    host: "10.0.0.2",
    port: 4445,
  });
  client.open(2);
  assert.equal(client.sent, [{ link: 2, type: "newidentity", identity: "alice", ticket: "T0" }]);
  client.line(2, { type: "newidentity", approved: "true" });
  assert.equal(client.sent, [
    { link: 2, type: "servers" },
    { link: 2, type: "join", roomid: "jokes" },
  ]);
  client.line(2, { type: "roomchange", identity: "alice", former: "", roomid: "MainHall-s2" });
  assert.equal(client.sent, []);
  client.line(2, {
    type: "roomchange",
    identity: "alice",
    former: "MainHall-s2",
    roomid: "MainHall-s2",
    reason: "no-such-room",
  });
  assert.equal(client.sent, [{ link: 2, ...said("typed in between") }]);
  assert.equal(client.state.queue, []);
});

survival("counts down aloud and pauses longer after each failed try", () => {
  const client = loggedIn();
  client.close(1);
  const ceilings: number[] = [];
  for (let round = 0; round < 12; round++) {
    const { phase } = client.state;
    assert.is(phase.name, "waiting");
    if (phase.name === "waiting") ceilings.push(phase.until - client.at);
    const dialled = nextTry(client) as { link: number };
    client.refuse(dialled.link);
  }
  for (const [round, pauseMs] of ceilings.entries()) {
    assert.ok(pauseMs <= Math.min(30_000, 500 * 2 ** round), `${pauseMs} ms in round ${round}`);
  }
  assert.ok(Math.max(...ceilings) > 5_000);
  const { phase } = client.state;
  if (phase.name !== "waiting" || phase.until - client.at < 1_000) throw new Error("too short");
  const before = client.at;
  client.wake();
  assert.equal(client.shown, ["countdown"]);
  client.wake();
  assert.is(client.at, before + 1_000);
});

survival("takes every server it knows in turn, leaving ones never", () => {
  const client = loggedIn();
  const s3 = { ...s2, serverid: "s3", host: "10.0.0.3", status: "leaving" };
  const bad = { ...s2, serverid: "s4", host: "no host", port: "99999" };
  client.type("#servers");
  client.line(1, { type: "servers", servers: [s1, s2, s3, bad] });
  client.close(1);
  const hosts: string[] = [];
  for (let round = 0; round < 4; round++) {
    const dialled = nextTry(client) as { link: number; host: string };
    hosts.push(dialled.host);
    client.refuse(dialled.link);
  }
  assert.equal(hosts, ["10.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.1"]);
});

survival("waits for its own name to be freed, and stops when the name is somebody else's", () => {
  const client = loggedIn();
  client.close(1);
  for (const reason of ["identity-in-use", "draining", "unreachable", "busy"]) {
    const { link } = nextTry(client) as { link: number };
    client.open(link);
    client.line(link, { type: "newidentity", approved: "false", reason });
    assert.is(client.state.phase.name, "waiting", reason);
  }
  const { link } = nextTry(client) as { link: number };
  client.open(link);
  client.line(link, { type: "newidentity", approved: "false", reason: "identity-reserved" });
  assert.equal(client.done.at(-1), { type: "exit", code: 1 });
});

survival("asks for the password when the ticket ended meanwhile, and stops on a wrong one", () => {
  const client = loggedIn({ auth: { host: "10.0.0.9", port: 4440 } });
  client.state = { ...client.state, ticket: { text: "T0", expiresAt: 0, fresh: false } };
  client.at = 1_000;
  client.close(1);
  nextTry(client);
  assert.equal(client.done, [{ type: "ask-password", username: "alice" }]);
  client.input({ type: "password", text: "wrong" });
  client.open(2);
  client.line(2, { type: "login", approved: "false", reason: "credentials" });
  assert.equal(client.done.at(-1), { type: "exit", code: 1 });
});

survival("gives up when its patience ends, and says what was not sent", () => {
  const client = loggedIn({ patienceMs: 3_000 });
  client.close(1);
  client.type("never sent");
  while (client.state.phase.name !== "over") {
    const { link } = nextTry(client) as { link: number };
    client.refuse(link);
  }
  assert.equal(client.shown, ["unsent", "cannot-connect"]);
  assert.equal(client.done.at(-1), { type: "exit", code: 1 });
  assert.ok(client.at <= 3_000);
  const impatient = loggedIn({ patienceMs: 0 });
  impatient.close(1);
  assert.equal(impatient.shown, ["lost"]);
  assert.equal(impatient.done.at(-1), { type: "exit", code: 1 });
});

survival("does not hammer a server that takes it and drops it at once", () => {
  const client = loggedIn();
  client.close(1);
  for (let round = 0; round < 6; round++) {
    const { link } = nextTry(client) as { link: number };
    client.open(link);
    client.line(link, { type: "newidentity", approved: "true" });
    client.close(link);
  }
  assert.is(client.state.recovery?.attempt, 7);
});

survival("notices a server that hangs: it was asked quietly and says nothing", () => {
  const client = loggedIn();
  client.at = 30_000;
  client.input({ type: "tick" });
  client.line(1, { type: "message", identity: "bob", content: "alive" });
  client.at = 59_000;
  client.input({ type: "tick" });
  assert.is(client.state.phase.name, "chatting");
  client.at = 60_000;
  client.input({ type: "tick" });
  client.at = 75_000;
  client.input({ type: "tick" });
  assert.equal(client.shown, ["lost", "retrying", "countdown"]);
});

survival("leaves at once while there is nobody to say goodbye to", () => {
  const client = loggedIn();
  client.close(1);
  client.type("#quit");
  assert.equal(client.done.at(-1), { type: "exit", code: 0 });
});

survival.run();
