/**
 * The client machine when its server dies: it says so, finds another one, goes back to its room and
 * loses nothing that was typed.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ClientScript, loggedIn, s1, s2 } from "./support/client-script.ts";

const said = (text: string) => ({ type: "message", content: text });

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

survival(
  "goes on elsewhere after a farewell that says why, and stops after one that does not",
  () => {
    const farewell = { type: "roomchange", identity: "alice", former: "MainHall-s1", roomid: "" };
    for (const reason of ["draining", "no-quorum", "busy"]) {
      const client = loggedIn();
      client.line(1, { ...farewell, reason });
      assert.equal(client.shown.slice(-2), ["lost", "retrying"], reason);
      assert.is((nextTry(client) as { host?: string }).host, "10.0.0.2");
    }
    const dismissed = loggedIn();
    dismissed.line(1, farewell);
    assert.is(dismissed.shown.at(-1), "dismissed");
  },
);

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
