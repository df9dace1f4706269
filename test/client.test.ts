/**
 * The client machine against scripted servers: getting in, and keeping the ticket alive.
 * PROTOCOL.md sections 3 and 4.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LinkId } from "../lib/client/state.ts";
import { ticketLifetimeMs } from "../lib/client/ticket-lifetime.ts";
import { ClientScript, loggedIn } from "./support/client-script.ts";

const login = suite("client login");
const auth = { host: "10.0.0.9", port: 4440 };
const approved = { type: "newidentity", approved: "true" };
const ticket = { type: "login", approved: "true", ticket: "T1", expires: "600" };
const said = (text: string) => ({ type: "message", content: text });

login("asks the chat server where to log in when it knows no other address", () => {
  const client = new ClientScript().start();
  assert.equal(client.done, [
    { type: "dial", link: 1, purpose: "chat", host: "10.0.0.1", port: 4444 },
  ]);
  client.open(1);
  assert.equal(client.sent, [{ link: 1, type: "newidentity", identity: "alice" }]);
  client.line(1, {
    type: "newidentity",
    approved: "false",
    reason: "login-required",
    authhost: "10.0.0.9",
    authport: "4440",
  });
  assert.equal(client.done, [
    { type: "close", link: 1 },
    { type: "ask-password", username: "alice" },
  ]);
  client.input({ type: "password", text: "secret" });
  assert.equal(client.done, [
    { type: "dial", link: 2, purpose: "auth", host: "10.0.0.9", port: 4440 },
  ]);
  client.open(2);
  assert.equal(client.sent, [
    { link: 2, type: "login", username: "alice", password: "secret", identity: "alice" },
  ]);
  client.line(2, ticket);
  assert.equal(client.done, [
    { type: "close", link: 2 },
    { type: "dial", link: 3, purpose: "chat", host: "10.0.0.1", port: 4444 },
  ]);
  assert.is(client.state.password, undefined, "the password is forgotten once it has served");
  client.open(3);
  assert.equal(client.sent, [{ link: 3, type: "newidentity", identity: "alice", ticket: "T1" }]);
  client.line(3, approved);
  client.line(3, { type: "roomchange", identity: "alice", former: "", roomid: "MainHall-s1" });
  assert.equal(client.said, ["alice moves to MainHall-s1"]);
  assert.is(client.state.room, "MainHall-s1");
});

login("saves that round trip when it knows the authentication server", () => {
  const client = new ClientScript({ auth }).start();
  assert.equal(client.done, [{ type: "ask-password", username: "alice" }]);
  client.input({ type: "password", text: "secret" });
  assert.equal(client.done, [
    { type: "dial", link: 1, purpose: "auth", host: "10.0.0.9", port: 4440 },
  ]);
});

login("ends when the server names no authentication server", () => {
  const client = new ClientScript().start();
  client.open(1);
  client.line(1, { type: "newidentity", approved: "false", reason: "login-required" });
  assert.equal(client.shown, ["auth-unknown"]);
  assert.equal(client.done.at(-1), { type: "exit", code: 1 });
});

for (const [reason, words] of [
  ["credentials", "wrong user name or password"],
  ["throttled", "too many failed logins. Try again in 4 s."],
  ["identity-reserved", "belongs to another account"],
]) {
  login(`ends with status 1 when the authentication server says ${reason}`, () => {
    const client = new ClientScript({ auth }).start();
    client.input({ type: "password", text: "secret" });
    client.open(1);
    const wait = reason === "throttled" ? { retryafter: "4" } : {};
    client.line(1, { type: "login", approved: "false", reason, ...wait });
    assert.equal(client.done, [
      { type: "close", link: 1 },
      { type: "exit", code: 1 },
    ]);
    assert.is(client.said.length, 1);
    assert.match(client.said[0] ?? "", words as string);
    assert.match(client.said[0] ?? "", "10.0.0.9:4440");
    assert.is(client.state.password, undefined);
  });
}

login("tries again with the same password when the authentication server is busy", () => {
  const client = new ClientScript({ auth }).start();
  client.input({ type: "password", text: "secret" });
  client.open(1);
  client.line(1, { type: "login", approved: "false", reason: "busy", retryafter: "2" });
  assert.equal(client.shown, ["login-refused", "retrying"]);
  client.at = 2_000;
  client.input({ type: "tick" });
  assert.equal(client.done, [
    { type: "dial", link: 2, purpose: "auth", host: "10.0.0.9", port: 4440 },
  ]);
  client.open(2);
  client.line(2, ticket);
  client.open(3);
  client.line(3, approved);
  assert.is(client.state.phase.name, "chatting");
});

login("gets a new ticket when a given one has expired, but only once", () => {
  const client = new ClientScript({ auth, ticket: "OLD" }).start();
  client.open(1);
  assert.equal(client.sent, [{ link: 1, type: "newidentity", identity: "alice", ticket: "OLD" }]);
  const expired = { type: "newidentity", approved: "false", reason: "ticket-expired" };
  client.line(1, expired);
  assert.equal(client.done.at(-1), { type: "ask-password", username: "alice" });
  client.input({ type: "password", text: "secret" });
  client.open(2);
  client.line(2, ticket);
  client.open(3);
  client.line(3, expired);
  assert.equal(client.done.at(-1), { type: "exit", code: 1 });
});

login("ends when the identity is in use, and waits when the server is busy", () => {
  for (const [reason, ends] of [
    ["identity-in-use", true],
    [undefined, true],
    ["busy", false],
    ["no-quorum", false],
  ] as const) {
    const client = new ClientScript({ ticket: "T" }).start();
    client.open(1);
    const because = reason === undefined ? {} : { reason };
    client.line(1, { type: "newidentity", approved: "false", ...because });
    assert.is(client.state.phase.name, ends ? "over" : "waiting", String(reason));
  }
});

login("ends with one line when nobody can be reached", () => {
  const client = new ClientScript().start();
  client.refuse(1);
  assert.equal(client.done, [
    { type: "close", link: 1 },
    { type: "exit", code: 1 },
  ]);
  assert.is(client.said.length, 1);
  assert.match(client.said[0] ?? "", "the chat server 10.0.0.1:4444: connection refused.");
});

login("ends when the server closes, stays silent or speaks something else", () => {
  const start = () => {
    const client = new ClientScript({ ticket: "T" }).start();
    client.open(1);
    return client;
  };
  const closed = start();
  closed.close(1);
  assert.equal(closed.shown, ["lost"]);
  const silent = start();
  silent.wake();
  assert.equal(silent.shown, ["silent"]);
  const other = start();
  const error = { reason: "malformed", detail: "the line is not JSON", fatal: true } as const;
  other.input({ type: "malformed", link: 1 as LinkId, error });
  assert.equal(other.shown, ["not-understood"]);
  for (const client of [closed, silent, other]) {
    assert.equal(client.done.at(-1), { type: "exit", code: 1 });
  }
});

login("keeps what is typed before it is in, and sends it in order", () => {
  const client = new ClientScript({ ticket: "T" }).start();
  client.type("one");
  client.open(1);
  client.type("#who");
  assert.equal(client.sent, []);
  client.line(1, approved);
  assert.equal(client.sent, [
    { link: 1, type: "servers" },
    { link: 1, ...said("one") },
    { link: 1, type: "who" },
  ]);
});

login.run();

const renewal = suite("client ticket renewal");

renewal("renews the ticket before it ends, without a password and without a word", () => {
  const client = loggedIn();
  client.state = { ...client.state, auth, renewAt: 1_000 };
  client.at = 1_000;
  client.input({ type: "tick" });
  const { renewal: going } = client.state;
  assert.ok(going);
  client.open(going.link);
  assert.equal(client.sent, [{ link: going.link, type: "login", ticket: "T0" }]);
  client.line(going.link, ticket);
  assert.equal(client.done, [{ type: "close", link: going.link }]);
  assert.is(client.state.ticket?.text, "T1");
  assert.is(client.state.renewAt, 1_000 + 450_000);
  assert.equal(client.shown, []);
});

renewal("knows from the ticket how long it lives, whatever the clocks say", () => {
  const claims = (value: unknown) =>
    `h.${Buffer.from(JSON.stringify(value)).toString("base64url")}.s`;
  for (const [ticket, expires, lifetimeMs] of [
    [claims({ sub: "änn", iat: 1_800_000_000, exp: 1_800_000_600 }), "1800000600", 600_000],
    [claims({ exp: 1_800_000_600 }), "1800000600", undefined],
    [claims({ iat: 5, exp: "9" }), "30", 30_000],
    [claims({ iat: 9, exp: 5 }), "30", undefined],
    [claims(null), "30", 30_000],
    ["opaque", "30", 30_000],
    ["opaque", "soon", undefined],
    ["a.e30é.b", "-1", undefined],
    [`a.${"A".repeat(9_000)}.b`, "30", 30_000],
  ] as const) {
    assert.is(ticketLifetimeMs(ticket, expires), lifetimeMs, ticket.slice(0, 60));
  }
});

renewal("a failed renewal is tried again later and disturbs nobody", () => {
  const client = loggedIn();
  client.state = { ...client.state, auth, renewAt: 1_000 };
  client.at = 1_000;
  client.input({ type: "tick" });
  client.refuse(client.state.renewal?.link ?? 0);
  assert.is(client.state.phase.name, "chatting");
  assert.is(client.state.renewAt, 16_000);
  assert.equal(client.shown, []);
});

renewal("a ticket that is about to end is renewed before it is shown", () => {
  const client = loggedIn();
  const held = { text: "T0", expiresAt: 5_000, fresh: false };
  client.state = { ...client.state, auth, ticket: held, renewAt: undefined };
  client.close(1);
  while (client.state.phase.name === "waiting") client.wake();
  assert.is((client.done[0] as { purpose: string }).purpose, "auth");
});

renewal.run();
