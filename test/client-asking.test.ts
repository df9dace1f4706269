/**
 * The client machine once it is in: what it sends when, what it makes of odd replies, how it
 * leaves. PROTOCOL.md sections 3 and 5.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { clientMachine } from "../lib/client/client.ts";
import { ClientScript, loggedIn, s1 } from "./support/client-script.ts";

const said = (text: string) => ({ type: "message", content: text });
const approved = { type: "newidentity", approved: "true" };
const auth = { host: "10.0.0.9", port: 4440 };

const asking = suite("client asking");

asking("holds back what follows a join until it is answered", () => {
  const client = loggedIn();
  client.type("#join jokes");
  assert.equal(client.sent, [{ link: 1, type: "join", roomid: "jokes" }]);
  client.type("hello there");
  client.type("#who");
  assert.equal(client.sent, []);
  client.line(1, { type: "roomchange", identity: "bob", former: "MainHall-s1", roomid: "jokes" });
  assert.equal(client.sent, [], "somebody else's change is no answer");
  client.line(1, { type: "roomchange", identity: "alice", former: "MainHall-s1", roomid: "jokes" });
  assert.equal(client.sent, [
    { link: 1, ...said("hello there") },
    { link: 1, type: "who" },
  ]);
  assert.is(client.state.room, "jokes");
});

asking("goes on after a refused join, an error and no answer at all", () => {
  const refusals: ((client: ClientScript) => void)[] = [
    (client) =>
      client.line(1, {
        type: "roomchange",
        identity: "alice",
        former: "MainHall-s1",
        roomid: "MainHall-s1",
        reason: "no-such-room",
      }),
    (client) => client.line(1, { type: "error", reason: "busy", detail: "later" }),
    (client) => client.wake(),
  ];
  for (const refuse of refusals) {
    const client = loggedIn();
    client.type("#join nowhere");
    client.type("still here");
    refuse(client);
    assert.equal(client.sent, [{ link: 1, ...said("still here") }]);
    assert.is(client.state.room, "MainHall-s1");
  }
});

asking("never sends an unknown command, nor a line that would end the connection", () => {
  const client = loggedIn();
  assert.equal(client.type("#listen"), [{ type: "show", shown: { kind: "invalid-command" } }]);
  assert.equal(client.type("é".repeat(4_100)), [
    { type: "show", shown: { kind: "line-too-long" } },
  ]);
  client.type("é".repeat(4_000));
  assert.is(client.sent.length, 1);
});

asking("shows the servers when asked, and not when it asked for itself", () => {
  const client = loggedIn();
  const list = { type: "servers", servers: [s1] };
  client.at = 30_000;
  client.input({ type: "tick" });
  assert.equal(client.sent, [{ link: 1, type: "servers" }]);
  client.type("#servers");
  client.line(1, list);
  assert.equal(client.shown, []);
  client.line(1, list);
  assert.is(client.said.at(-1), "s1 10.0.0.1:4444 alive");
});

asking("a server of others that knows no `servers` is not asked again, and nobody is told", () => {
  const client = new ClientScript({ ticket: "T" }).start();
  client.open(1);
  client.line(1, approved);
  client.line(1, { type: "error", reason: "unknown-type", detail: "no such message here" });
  assert.equal(client.shown, []);
  assert.is(clientMachine.nextDeadline(client.state), undefined);
});

asking("ignores unknown types and malformed lines once it is in", () => {
  const client = loggedIn();
  for (const line of [
    { type: "wave", from: "bob" },
    { type: "message", identity: null, content: 5 },
    { type: "roomchange", identity: "alice" },
    { type: "newidentity", approved: "false" },
    { type: "serverchange", approved: "true", serverid: "s9" },
    { type: 7 },
    [],
  ]) {
    assert.equal(client.line(1, line), [], JSON.stringify(line));
  }
  assert.is(client.state.phase.name, "chatting");
});

asking("forgets the oldest names when a server invents ever more", () => {
  const client = loggedIn();
  for (let n = 0; n < 1_200; n++) {
    client.line(1, { type: "message", identity: `user${n}`, content: "" });
    client.line(1, { type: "roomchange", identity: "x", former: `a${n}`, roomid: `b${n}` });
  }
  client.line(1, { type: "roomlist", rooms: Array.from({ length: 5_000 }, (_, n) => `r${n}`) });
  assert.is(client.state.names.identities.length, 500);
  assert.is(client.state.names.rooms.length, 500);
  client.line(1, { type: "servers", servers: Array.from({ length: 5_000 }, () => s1) });
  assert.is(client.state.servers.length, 1_000);
});

asking("quits with a farewell, and is not kept by a server that says none", () => {
  const polite = loggedIn();
  polite.type("#quit");
  assert.equal(polite.sent, [{ link: 1, type: "quit" }]);
  polite.line(1, { type: "roomchange", identity: "alice", former: "MainHall-s1", roomid: "" });
  assert.equal(polite.done, [
    { type: "close", link: 1 },
    { type: "exit", code: 0 },
  ]);
  assert.is(polite.said.at(-1), "alice has quit!");
  const closed = loggedIn();
  closed.type("#quit");
  closed.close(1);
  assert.equal(closed.done.at(-1), { type: "exit", code: 0 });
  const mute = loggedIn();
  mute.type("#quit");
  mute.wake();
  assert.equal(mute.done.at(-1), { type: "exit", code: 0 });
});

asking("leaves politely the first time, at once the second", () => {
  const client = loggedIn();
  client.input({ type: "leave" });
  assert.equal(client.sent, [{ link: 1, type: "quit" }]);
  client.input({ type: "leave" });
  assert.equal(client.done.at(-1), { type: "exit", code: 0 });
  const early = new ClientScript({ auth }).start();
  early.input({ type: "leave" });
  assert.equal(early.done.at(-1), { type: "exit", code: 1 });
});

asking("ends when its session is ended by others, instead of fighting over the name", () => {
  const client = loggedIn();
  client.line(1, { type: "roomchange", identity: "alice", former: "MainHall-s1", roomid: "" });
  assert.equal(client.shown, ["roomchange", "dismissed"]);
  assert.equal(client.done.at(-1), { type: "exit", code: 1 });
});

asking.run();
