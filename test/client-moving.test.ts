/**
 * The client machine between servers: following a route, and staying when that fails.
 * PROTOCOL.md section 5.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LinkId } from "../lib/client/state.ts";
import { type ClientScript, loggedIn } from "./support/client-script.ts";

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
