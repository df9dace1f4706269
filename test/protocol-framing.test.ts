/**
 * PROTOCOL.md section 1: framing, limits, errors; one test a rule.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerEffect } from "../lib/server/inputs.ts";
import { serverMachine } from "../lib/server/step.ts";
import { clientReplies, clientRequests } from "../lib/wire/client-messages.ts";
import { formatMessage, parseMessage } from "../lib/wire/codec.ts";
import { clientFrameBytesMax, decodeFrames, noPendingFrame } from "../lib/wire/frame.ts";
import { peerMessages } from "../lib/wire/server-vocabulary.ts";
import { Cluster, serversOfFile, type TestClient, threeServers } from "./support/cluster.ts";
import { feed } from "./support/lines.ts";
import { identity, loneServer, own, Puppet, stateOf, wait } from "./support/puppet.ts";
import { tableAfter, words } from "./support/tables.ts";

const framing = suite("protocol 1");
const who = '{"type":"who"}\n';

function types(client: TestClient): readonly string[] {
  return client.heard.map((reply) => reply.type);
}

framing("1.1 a line is a JSON object, CR LF ends it too, keys come in any order", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  feed(cluster, ann, '{"type":"who"}\r\n{"type":"list"}\n');
  feed(cluster, ann, '{"roomid":"den","type":"createroom"}\n');
  assert.equal(types(ann), ["roomcontents", "roomlist", "createroom", "roomchange"]);
});

framing("1.2 a line has its limit, and may come in any pieces", () => {
  for (const size of [1, 2, 7, 64]) {
    const cluster = loneServer();
    const ann = cluster.login(own, "ann");
    feed(cluster, ann, who.repeat(3), size);
    assert.equal(types(ann), ["roomcontents", "roomcontents", "roomcontents"]);
  }
  const line = new Uint8Array(clientFrameBytesMax).fill(0x20);
  const ended = (bytes: Uint8Array) => Uint8Array.from([...bytes, 0x0a]);
  const decode = (bytes: Uint8Array) => decodeFrames(noPendingFrame, bytes, clientFrameBytesMax);
  assert.is(decode(ended(line)).frames[0]?.length, 8192);
  assert.is(decode(ended(Uint8Array.from([...line, 0x20]))).error, "too-long");
  assert.is(decode(Uint8Array.from([...line, 0x20])).error, "too-long");
});

framing("1.3 keys that are not defined are ignored", () => {
  const parsed = parseMessage(clientRequests, '{"type":"who","__proto__":1,"roomid":7,"x":null}');
  assert.equal(parsed, { ok: true, value: { type: "who" } });
});

framing("1.4 booleans and ports are strings, nothing is the empty string, nothing is null", () => {
  const cluster = serversOfFile(["s1", "s2"]);
  const ann = cluster.connect("s1");
  cluster.say(ann, { type: "newidentity", identity: "ann", ticket: "ann" });
  cluster.say(ann, { type: "newidentity", identity: "x" });
  for (const type of ["list", "who", "servers"]) cluster.say(ann, { type });
  for (const roomid of ["den", "den"]) cluster.say(ann, { type: "createroom", roomid });
  cluster.say(ann, { type: "deleteroom", roomid: "den" });
  cluster.say(ann, { type: "join", roomid: "MainHall-s2" });
  const check = (value: unknown): void => {
    if (typeof value === "object" && value !== null) Object.values(value).forEach(check);
    else assert.type(value, "string");
  };
  assert.ok(types(ann).includes("route"));
  for (const reply of ann.heard) {
    check(reply);
    assert.ok(parseMessage(clientReplies, JSON.stringify(reply)).ok);
  }
});

framing(
  "1.5 what is no message is answered with an error, and only some end the connection",
  () => {
    const lines: readonly (readonly [string | Uint8Array, string, boolean])[] = [
      ["{]\n", "malformed", true],
      ["\n", "malformed", true],
      ['{"type":"who"}{"type":"who"}\n', "malformed", true],
      ["[1]\n", "malformed", false],
      ["null\n", "malformed", false],
      ["{}\n", "malformed", false],
      ['{"type":7}\n', "malformed", false],
      ['{"type":"join"}\n', "malformed", false],
      ['{"type":"message","content":true}\n', "malformed", false],
      ['{"type":"shout"}\n', "unknown-type", false],
      ['{"type":"constructor"}\n', "unknown-type", false],
      [" ".repeat(9_000), "too-long", true],
      [Uint8Array.of(0xff, 0x0a), "not-utf8", true],
    ];
    for (const isIn of [false, true]) {
      for (const [bytes, reason, ends] of lines) {
        const cluster = loneServer();
        const ann = isIn ? cluster.login(own, "ann") : cluster.connect(own);
        feed(cluster, ann, bytes);
        const [error] = cluster.take(ann);
        assert.is(error?.type === "error" && error.reason, reason);
        assert.is(ann.closed, ends, `${reason} ${isIn}`);
        if (ends) continue;
        cluster.say(ann, { type: "newidentity", identity: "ann", ticket: "ann" });
        assert.is(ann.heard[0]?.type, isIn ? "error" : "newidentity");
      }
    }
    const reasons = new Set(words(tableAfter("**1.5**"), 0));
    const known = ["malformed", "unknown-type", "too-long", "not-utf8", "login-required"];
    assert.equal([...reasons].sort(), [...known, "already-logged-in", "busy"].sort());
  },
);

framing("1.6 lines before a bad one are served", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  feed(cluster, ann, `${who}${who}{]\n${who}`);
  assert.equal(types(ann).slice(0, 3), ["roomcontents", "roomcontents", "error"]);
  assert.not.ok(types(ann).slice(3).includes("roomcontents"));
  const bob = cluster.login(own, "bob");
  const bytes = [...new TextEncoder().encode(who), 0xff, 0x0a];
  feed(cluster, bob, Uint8Array.from(bytes));
  assert.equal(types(bob).slice(0, 2), ["roomcontents", "error"]);
});

framing("1.7 an error names the field, never its value", () => {
  const secret = "hunter2";
  const { length } = '{"type":"newidentity","identity":7,"ticket":["hunter2"]}';
  assert.ok(length > 0);
  for (const line of [
    { type: "newidentity", identity: "ann", ticket: [secret] },
    { type: "newidentity", identity: { secret }, ticket: "t" },
    { type: secret },
  ]) {
    const parsed = parseMessage(clientRequests, JSON.stringify(line));
    assert.not.ok(parsed.ok);
    if (!parsed.ok) assert.not.match(parsed.error.detail, secret);
  }
  const parsed = parseMessage(clientRequests, '{"type":"join","roomid":1}');
  assert.match(parsed.ok ? "" : parsed.error.detail, "roomid");
});

framing("1.8 every line that a client is sent has a type that it can ignore", () => {
  assert.is(formatMessage({ type: "error" }), '{"type":"error"}\n');
  const unknown = parseMessage(clientReplies, '{"type":"future","x":1}');
  assert.is(!unknown.ok && unknown.error.reason === "unknown-type" && unknown.error.fatal, false);
});

framing("1.9 pipelined lines are answered in their order, errors too", () => {
  const cluster = threeServers();
  const ann = cluster.connect("s1");
  cluster.hold = (_from, _to, { type }) => type === "lockidentity";
  const login = '{"type":"newidentity","identity":"ann","ticket":"ann"}\n';
  const rest = '[]\n{"type":"createroom","roomid":"den"}\n{"type":"list"}\n{"type":"quit"}\n';
  feed(cluster, ann, `${login}${who}${rest}`);
  assert.equal(ann.heard, []);
  cluster.release();
  assert.equal(types(ann), [
    ...["newidentity", "roomchange", "roomcontents", "error"],
    ...["createroom", "roomchange", "roomlist", "roomchange"],
  ]);
  assert.ok(ann.closed);
});

framing("1.10 a connection with too much waiting is read no further, and later on again", () => {
  const cluster = loneServer();
  new Puppet(cluster, "a1");
  const ann = cluster.connect(own);
  const { connection } = ann;
  cluster.say(ann, { type: "newidentity", identity: "ann", ticket: "ann" });
  let state = stateOf(cluster);
  const seen: string[] = [];
  const run = (input: Parameters<typeof serverMachine.step>[1]) => {
    const next = serverMachine.step(state, input);
    state = next.state;
    seen.push(...next.effects.map((effect: ServerEffect) => effect.type));
  };
  const { now: at } = cluster;
  const request = { type: "message", content: "x" } as const;
  for (let size = 0; size <= 65_536; size += 8_192) {
    assert.not.ok(seen.includes("pause"), `${size}`);
    run({ type: "request", at, connection, request, size: 8_192 });
  }
  assert.is(seen.filter((type) => type === "pause").length, 1);
  const stamp = state.clock;
  const vote = { type: "lockidentity", serverid: "a1", identity: "ann", stamp, locked: "true" };
  const message = parseMessage(peerMessages, JSON.stringify(vote));
  const [link] = [...state.links.keys()];
  if (!message.ok || link === undefined) throw new Error("no vote");
  run({
    type: "peer-message",
    at,
    connection: link,
    message: message.value,
    random: new Uint8Array(),
  });
  assert.is(seen.filter((type) => type === "resume").length, 1);
  assert.ok(state.clients.get(connection)?.backlog.isEmpty());
});

framing("1.11 what waits for 4.5 s is refused in its own words; what was said is kept", () => {
  const cluster = loneServer();
  const bob = cluster.login(own, "bob");
  const ann = cluster.login(own, "ann");
  const target = new Puppet(cluster, "t9");
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  const move = stateOf(cluster).sessions.get(identity("ann"))?.move?.number;
  target.say({ type: "moveidentity", identity: "ann", move, approved: "true", pass: "p4ss" });
  for (const client of [ann, bob]) cluster.take(client);
  const asked = [
    ...["createroom", "deleteroom", "join"].map((type) => ({ type, roomid: "lab" })),
    ...["who", "nonsense"].map((type) => ({ type })),
    { type: "message", content: "kept" },
  ];
  for (const line of asked) cluster.say(ann, line);
  wait(cluster, 4_499, target);
  assert.equal(ann.heard, []);
  cluster.advance(2);
  const told = ann.heard.map((reply) => [reply.type, "reason" in reply ? reply.reason : ""]);
  assert.equal(told, [
    ["createroom", "busy"],
    ["deleteroom", "busy"],
    ["error", "busy"],
    ["error", "busy"],
    ["error", "unknown-type"],
  ]);
  target.say({ type: "moveended", identity: "ann", move, arrived: "false" });
  const kept = { type: "message", identity: "ann", content: "kept" };
  assert.equal(cluster.take(bob).slice(1), [kept]);
});

framing("1.11 logins and arrivals before the server takes clients, and a quit that waits", () => {
  const cluster = new Cluster();
  cluster.add("s1", ["s2"]);
  const [login, mover] = [cluster.connect("s1"), cluster.connect("s1")];
  const [former, roomid, ticket] = ["x", "y", "z"];
  cluster.say(login, { type: "newidentity", identity: "ann", ticket });
  cluster.say(mover, { type: "movejoin", former, roomid, identity: "bob", ticket });
  cluster.advance(4_501);
  for (const { heard, closed } of [login, mover]) {
    const [reply] = heard;
    assert.equal(
      [closed, reply !== undefined && "reason" in reply && reply.reason],
      [true, "busy"],
    );
  }
});

framing("1.11 requests that run out of time are answered in their order", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const mute = new Puppet(cluster, "a1");
  cluster.take(ann);
  for (const roomid of ["den", "lab"]) cluster.say(ann, { type: "createroom", roomid });
  cluster.say(ann, { type: "list" });
  wait(cluster, 5_000, mute);
  const told = ann.heard.map((reply) => ("roomid" in reply ? reply.roomid : reply.type));
  assert.equal(told, ["den", "lab", "roomlist"]);
});

framing("1.12 who has not logged in after 10 s is told and closed; errors win no time", () => {
  const cluster = loneServer();
  const ann = cluster.connect(own);
  const bob = cluster.login(own, "bob");
  cluster.advance(9_000);
  feed(cluster, ann, '{"type":"who"}\n[]\n');
  cluster.advance(999);
  assert.not.ok(ann.closed);
  cluster.take(ann);
  cluster.advance(1);
  assert.ok(ann.closed);
  assert.equal(
    ann.heard.map((r) => r.type === "error" && r.reason),
    ["login-required"],
  );
  cluster.advance(60_000);
  assert.not.ok(bob.closed);
});

framing("1.13 a fast talker is read more slowly: all arrives, in order, at its rate", () => {
  const cluster = loneServer({ messageRate: 10 });
  const ann = cluster.login(own, "ann");
  const bob = cluster.login(own, "bob");
  const said = Array.from({ length: 40 }, (_, n) => String(n));
  for (const content of said) cluster.say(ann, { type: "message", content });
  cluster.say(ann, { type: "who" });
  const heard = () => bob.heard.map((reply) => (reply.type === "message" ? reply.content : "?"));
  cluster.take(ann);
  assert.is(heard().length, 10);
  cluster.advance(1_000);
  assert.is(heard().length, 20);
  assert.equal(ann.heard, []);
  cluster.advance(2_000);
  assert.equal(heard(), said);
  assert.equal(types(ann), ["roomcontents"]);
});

framing("1.14 a peer's line that is no message is answered, and changes nothing", () => {
  for (const line of [
    { type: "deleteroom", roomid: "den", change: -1 },
    { type: "shout" },
    { type: "lockidentity", identity: "no good", stamp: 1 },
    { type: "newserver" },
  ]) {
    const cluster = loneServer();
    const peer = new Puppet(cluster, "a1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
    peer.take();
    peer.say(line);
    const [answer, ...more] = peer.take() as { type: string; reason?: string }[];
    const reason = line.type === "shout" ? "unknown-type" : "malformed";
    assert.equal([answer?.type, answer?.reason, more.length], ["error", reason, 0]);
    assert.not(peer.link.isClosed(), line.type);
    const { directory, locks } = stateOf(cluster);
    assert.equal([directory.size, locks.size], [1, 0]);
    assert.ok(cluster.events.some(({ event }) => event.event === "peer-error"));
  }
});

framing("1.14 what is no JSON ends a peer's link; an error is never answered", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  peer.take();
  peer.say({ type: "error", reason: "malformed", detail: "what did you say?" });
  assert.equal([peer.take().length, peer.link.isClosed()], [0, false]);
  const { connection } = peer.link;
  const error = { reason: "malformed", detail: "the line is not JSON", fatal: true } as const;
  cluster.input(own, { type: "malformed", connection, error });
  cluster.settle();
  assert.equal([peer.take()[0]?.type, peer.link.isClosed()], ["error", true]);
});

framing("1.15 what one user says in a room arrives in order and once", () => {
  const cluster = threeServers();
  const names = ["ann", "bob", "cat"];
  const clients = names.map((name) => cluster.login("s1", name));
  for (const client of clients) cluster.take(client);
  for (let n = 0; n < 50; n++) {
    const from = clients[n % 3] as TestClient;
    cluster.say(from, { type: "message", content: `${n}` }, n % 7 === 0);
  }
  cluster.settle();
  for (const [index, client] of clients.entries()) {
    for (const [other, name] of names.entries()) {
      const said = client.heard
        .filter((reply) => reply.type === "message" && reply.identity === name)
        .map((reply) => (reply.type === "message" ? Number(reply.content) : -1));
      const all = Array.from({ length: 50 }, (_, n) => n).filter((n) => n % 3 === other);
      assert.equal(said, index === other ? [] : all);
    }
  }
});

framing.run();
