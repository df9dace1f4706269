/**
 * The authentication server in virtual time: what it answers, in which order it hashes, and what it
 * forgets. PROTOCOL.md section 4.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addressGroup } from "../lib/auth/address-group.ts";
import type { TicketKeys } from "../lib/auth/auth-inputs.ts";
import { authStandard } from "../lib/auth/auth-state.ts";
import { queueStandard } from "../lib/auth/hash-queue.ts";
import { entriesOf, throttleStandard } from "../lib/auth/throttle.ts";
import { signTicket } from "../lib/auth/ticket.ts";
import { dummyPassword, type Users } from "../lib/auth/users.ts";
import type { ConnectionId } from "../lib/base/ids.ts";
import { draw } from "../lib/base/prng.ts";
import { asIdentity } from "../lib/wire/fields.ts";
import { AuthBench, benchKeys, user, usersOf } from "./support/auth-bench.ts";

const auth = suite("authentication server");
const second = 1000;
const minute = 60 * second;

const refusal = (reason: string, retryafter?: string) =>
  retryafter === undefined
    ? { type: "login", approved: "false", reason }
    : { type: "login", approved: "false", reason, retryafter };

auth("gives a ticket for the right password, bound to the user's name or the identity", () => {
  const bench = new AuthBench();
  const plain = bench.login("ann", "right");
  assert.is(plain.approved, "true");
  const claims = bench.read(plain);
  assert.equal(claims, {
    username: "ann",
    identity: "ann",
    expiresAt: bench.unixSeconds + 600,
    authTime: bench.unixSeconds,
    ticketId: "AQEBAQEBAQEBAQEBAQEBAQ",
  });
  assert.is(plain.expires, String(bench.unixSeconds + 600));
  assert.is(bench.read(bench.login("ann", "right", { identity: "annie" }))?.identity, "annie");
});

auth("hashes and answers alike for unknown, wrong and disabled", () => {
  const bench = new AuthBench();
  const seen = ["nobody", "ann", "off", "a b", "", "x".repeat(5000)].map((username, index) => {
    const connection = bench.open(`10.0.0.${index}`);
    bench.ask(connection, { type: "login", username, password: username === "off" ? "right" : "" });
    const [hash] = bench.take("hash");
    bench.hashed(hash, username === "off");
    return { cost: [hash?.record.N, hash?.record.r, hash?.record.p], replies: bench.replies() };
  });
  for (const each of seen) {
    assert.equal(each, { cost: [1024, 8, 1], replies: [refusal("credentials")] });
  }
});

auth("hashes against a dummy for an unknown name, and never believes it", () => {
  const bench = new AuthBench();
  bench.ask(bench.open(), { type: "login", username: "nobody", password: "x" });
  const [hash] = bench.take("hash");
  assert.equal(hash?.record, dummyPassword(bench.state.users));
  bench.hashed(hash, true);
  assert.equal(bench.replies(), [refusal("credentials")]);
});

auth("speaks of identities only to those with a right password", () => {
  const cases = [
    ["bob", "identity-reserved"],
    ["off", "identity-reserved"],
    ["a-b", "identity-invalid"],
    ["", "identity-invalid"],
  ] as const;
  for (const [identity, reason] of cases) {
    const bench = new AuthBench();
    assert.equal(bench.login("ann", "wrong", { identity }), refusal("credentials"));
    assert.equal(bench.login("ann", "right", { identity }), refusal(reason));
  }
  const bench = new AuthBench({}, usersOf(user("not.an.identity")));
  assert.equal(bench.login("not.an.identity", "right"), refusal("identity-invalid"));
  assert.is(bench.login("not.an.identity", "right", { identity: "fine" }).approved, "true");
});

auth("after 5 failures of a pair doubles the wait from 1 s to 5 min, without a hash", () => {
  const bench = new AuthBench();
  for (let failures = 1; failures <= 4; failures++) {
    assert.equal(bench.login("ann", "wrong"), refusal("credentials"));
  }
  for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
    assert.equal(bench.login("ann", "wrong"), refusal("credentials"));
    assert.equal(bench.login("ann", "right"), refusal("throttled", String(seconds)));
    bench.sleep(seconds * second - 1);
    assert.equal(bench.login("ann", "right"), refusal("throttled", "1"));
    assert.equal(bench.take("hash"), []);
    bench.sleep(1);
  }
  assert.is(bench.login("ann", "right").approved, "true");
});

auth("a right password clears the failures of its pair", () => {
  const bench = new AuthBench();
  for (let round = 0; round < 3; round++) {
    for (let failures = 1; failures <= 4; failures++) bench.login("ann", "wrong");
    assert.is(bench.login("ann", "right").approved, "true");
  }
});

auth("throttles a name that nobody has like one that somebody has", () => {
  const outcome = (username: string) => {
    const bench = new AuthBench();
    return Array.from({ length: 8 }, () => bench.login(username, "wrong"));
  };
  assert.equal(outcome("nobody"), outcome("ann"));
});

auth("does not hold the owner back for what others do elsewhere", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 10; tries++) bench.login("ann", "wrong", { address: "10.0.0.9" });
  assert.is(bench.login("ann", "right", { address: "10.0.0.1" }).approved, "true");
});

auth("throttles an address after 30 failures in 10 min, whatever the names", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 30; tries++) {
    assert.equal(bench.login(`name${tries}`, "wrong"), refusal("credentials"));
    bench.sleep(second);
  }
  assert.equal(bench.login("ann", "right"), refusal("throttled", "570"));
  assert.is(bench.login("ann", "right", { address: "10.0.0.2" }).approved, "true");
  bench.sleep(570 * second);
  assert.is(bench.login("ann", "right").approved, "true");
});

auth("counts a pair's parallel tries one after another", () => {
  const bench = new AuthBench();
  const connections = Array.from({ length: 12 }, () => bench.open());
  for (const connection of connections) bench.ask(connection, wrong("ann"));
  let hashes = 0;
  for (let [hash] = bench.take("hash"); hash !== undefined; [hash] = bench.take("hash")) {
    assert.is(bench.state.queue.running.length, 1);
    hashes++;
    bench.hashed(hash, false);
  }
  assert.is(hashes, 5);
  assert.equal(bench.replies().slice(5), Array(7).fill(refusal("throttled", "1")));
});

auth("sends strangers to the slow lane from 20 failures of a user on, known addresses not", () => {
  const bench = new AuthBench();
  assert.is(bench.login("ann", "right", { address: "10.1.0.1" }).approved, "true");
  for (let tries = 0; tries < 20; tries++) {
    bench.login("ann", "wrong", { address: `10.2.0.${tries}` });
  }
  const strangers = [1, 2, 3].map((n) => bench.open(`10.3.0.${n}`));
  for (const stranger of strangers) bench.ask(stranger, wrong("ann"));
  const [slow, ...more] = bench.take("hash");
  assert.equal(more, [], "one at a time");
  bench.ask(bench.open("10.1.0.1"), { type: "login", username: "ann", password: "right" });
  const [owner] = bench.take("hash");
  assert.is(owner?.password, "right", "the owner passes them");
  bench.hashed(owner, true);
  bench.hashed(slow, false);
  assert.equal(bench.take("hash"), [], "a pause follows");
  assert.is(bench.nextDeadline(), bench.at + second);
  bench.sleep(second);
  assert.is(bench.take("hash").length, 1);
});

auth("a slow lane full of one user's strangers leaves the others alone", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 20; tries++) {
    bench.login("ann", "wrong", { address: `10.2.0.${tries}` });
  }
  const busy: unknown[] = [];
  for (let n = 0; n < 100; n++) {
    bench.ask(bench.open(`10.3.0.${n}`), wrong("ann"));
    busy.push(...bench.replies().map((reply) => ("reason" in reply ? reply.reason : reply)));
  }
  assert.is(busy.length, 100 - 1 - queueStandard.slowWaitingMax);
  assert.equal([...new Set(busy)], ["busy"]);
  bench.take("hash");
  bench.ask(bench.open("10.4.0.1"), { type: "login", username: "bob", password: "right" });
  const [hash] = bench.take("hash");
  assert.is(hash?.password, "right");
});

auth("hashes two at a time and lets addresses take turns", () => {
  const bench = new AuthBench();
  const ask = (address: string, name: string) => bench.ask(bench.open(address), wrong(name));
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) ask("10.0.0.1", name);
  ask("10.0.0.2", "b1");
  ask("10.0.0.3", "c1");
  const running = bench.take("hash");
  assert.is(running.length, 2);
  const order: (string | undefined)[] = [];
  while (running.length > 0) {
    const hash = running.shift();
    order.push(bench.state.queue.running.find((each) => each.request === hash?.request)?.username);
    bench.hashed(hash, false);
    running.push(...bench.take("hash"));
  }
  assert.equal(order, ["a1", "a2", "a3", "b1", "c1", "a4", "a5", "a6"]);
});

auth("answers busy when an address has too many waiting, and when all have", () => {
  const queue = { ...queueStandard, waitingMax: 6, waitingPerAddressMax: 4 };
  const bench = new AuthBench({ queue });
  const ask = (address: string, name: string) => bench.ask(bench.open(address), wrong(name));
  for (let n = 0; n < 6; n++) ask("10.0.0.1", `a${n}`); // two of them run
  assert.equal(bench.replies(), []);
  ask("10.0.0.1", "a6");
  assert.equal(bench.replies(), [refusal("busy", "3")]);
  ask("10.0.0.2", "b0");
  ask("10.0.0.2", "b1");
  assert.equal(bench.replies(), []);
  ask("10.0.0.3", "c0"); // full: the address with four gives way
  assert.equal(bench.replies(), [refusal("busy", "4")]);
  const waiting = bench.state.queue.waiting.map(({ login }) => login.username);
  assert.equal(waiting, ["a2", "a3", "a4", "b0", "b1", "c0"]);
  ask("10.0.0.2", "b2"); // nobody has more than it would have
  assert.equal(bench.replies(), [refusal("busy", "4")]);
});

auth(
  "forgets a waiting login of a closed connection, but counts the failure of a running one",
  () => {
    const bench = new AuthBench();
    for (let tries = 0; tries < 5; tries++) {
      const connection = bench.open();
      bench.ask(connection, wrong("ann"));
      bench.input({ type: "closed", at: bench.at, connection });
      bench.hashed(bench.take("hash")[0], false);
    }
    assert.equal(bench.replies(), []);
    assert.equal(bench.login("ann", "right"), refusal("throttled", "1"));
    const [one, two, three] = [bench.open(), bench.open(), bench.open()];
    bench.ask(one, wrong("x1"));
    bench.ask(two, wrong("x2"));
    bench.ask(three, wrong("x3"));
    bench.input({ type: "closed", at: bench.at, connection: three });
    const running = bench.take("hash");
    for (const hash of running) bench.hashed(hash, false);
    assert.equal([running.length, bench.take("hash").length], [2, 0]);
  },
);

auth("does not keep a password once its hash has begun", () => {
  const bench = new AuthBench();
  bench.ask(bench.open(), { type: "login", username: "ann", password: "hunter22" });
  assert.not.match(JSON.stringify(bench.state), "hunter22");
});

auth("a hash that could not be computed is nobody's failure", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 6; tries++) {
    bench.ask(bench.open(), { type: "login", username: "ann", password: "right" });
    const request = bench.take("hash")[0]?.request ?? 0;
    bench.input({ type: "hashed", at: bench.at, request, matches: undefined });
    assert.equal(bench.replies(), [refusal("busy", "1")]);
  }
  assert.is(bench.login("ann", "right").approved, "true");
});

auth("renews a living ticket without a hash and keeps auth_time and identity", () => {
  const bench = new AuthBench();
  const first = bench.login("ann", "right", { identity: "annie" });
  bench.sleep(500 * second);
  const renewed = bench.renew(first);
  assert.is(bench.take("hash").length, 0);
  assert.equal(bench.read(renewed), {
    username: "ann",
    identity: "annie",
    expiresAt: bench.unixSeconds + 600,
    authTime: bench.unixSeconds - 500,
    ticketId: "AQEBAQEBAQEBAQEBAQEBAQ",
  });
  bench.sleep(631 * second);
  assert.equal(bench.renew(renewed), refusal("ticket-expired"));
  assert.equal(bench.renew({ ticket: "x.y.z" }), refusal("ticket-invalid"));
});

auth("ends renewal 12 h after the password was given", () => {
  const bench = new AuthBench();
  let current = bench.login("ann", "right");
  for (let hours = 0; hours < 71; hours++) {
    bench.sleep(10 * minute);
    current = bench.renew(current);
    assert.is(current.approved, "true");
  }
  bench.sleep(10 * minute - second);
  assert.is(bench.renew(current).approved, "true");
  bench.sleep(second);
  assert.equal(bench.renew(current), refusal("ticket-expired"));
});

auth("renews nothing for users that are disabled, removed, replaced or have a new password", () => {
  const start = new AuthBench().unixSeconds;
  const changes: readonly (readonly [Users, string])[] = [
    [usersOf(user("ann", { disabled: true })), "credentials"],
    [usersOf(user("bob")), "credentials"],
    [usersOf(user("ann", { passwordSetAt: start + 1 })), "credentials"],
    [usersOf(user("ann"), user("annie")), "identity-reserved"],
  ];
  for (const [users, reason] of changes) {
    const bench = new AuthBench();
    const ticket = bench.login("ann", "right", { identity: "annie" });
    bench.input({ type: "users-changed", at: bench.at, users });
    assert.equal(bench.renew(ticket), refusal(reason));
  }
});

auth("renews a ticket got in the very second after the password was set", () => {
  const start = new AuthBench().unixSeconds;
  const bench = new AuthBench({}, usersOf(user("ann", { passwordSetAt: start + 1 })));
  const ticket = bench.login("ann", "right");
  assert.is(bench.read(ticket)?.authTime, start + 1);
  assert.is(bench.renew(ticket).approved, "true");
  const wrongClock = new AuthBench({}, usersOf(user("ann", { passwordSetAt: start + 90_000 })));
  const other = wrongClock.login("ann", "right");
  assert.is(wrongClock.read(other)?.authTime, start);
  assert.equal(wrongClock.renew(other), refusal("credentials"));
});

auth("renews no ticket that hides when its password was given, or says it will be", () => {
  const bench = new AuthBench();
  const content = {
    issuer: "idp",
    username: "ann",
    identity: asIdentity("ann") as NonNullable<ReturnType<typeof asIdentity>>,
    issuedAt: bench.unixSeconds,
    expiresAt: bench.unixSeconds + 60,
    authTime: bench.unixSeconds,
    ticketId: "t",
  };
  const { sign } = benchKeys;
  assert.is(bench.renew({ ticket: signTicket(content, sign) }).approved, "true");
  const ahead = { ...content, authTime: bench.unixSeconds + 3600 };
  assert.equal(bench.renew({ ticket: signTicket(ahead, sign) }), refusal("ticket-invalid"));
  const { authTime: _, ...hidden } = content;
  const ticket = signTicket(hidden as typeof content, sign);
  assert.equal(bench.renew({ ticket }), refusal("ticket-invalid"));
});

auth("judges a login by the users file as it is when the hash is done", () => {
  const changes = [
    usersOf(user("ann", { disabled: true })),
    usersOf(user("bob")),
    usersOf(user("ann", { scrypt: { ...user("ann").scrypt, hash: `${"B".repeat(43)}=` } })),
  ];
  for (const users of changes) {
    const bench = new AuthBench();
    bench.ask(bench.open(), { type: "login", username: "ann", password: "right" });
    const [hash] = bench.take("hash");
    bench.input({ type: "users-changed", at: bench.at, users });
    bench.hashed(hash, true);
    assert.equal(bench.replies(), [refusal("credentials")]);
  }
});

auth("signs and checks with new keys from the moment they come", () => {
  const bench = new AuthBench();
  const old = bench.login("ann", "right");
  const keys: TicketKeys = { sign: () => new Uint8Array(64).fill(7), verify: () => false };
  bench.input({ type: "keys-changed", at: bench.at, keys });
  assert.equal(bench.renew(old), refusal("ticket-invalid"));
  const signature = (bench.login("ann", "right").ticket ?? "").split(".")[2];
  assert.is(signature, `${"BwcH".repeat(21)}Bw`);
});

auth("answers the requests of one connection one after another, in order", () => {
  const bench = new AuthBench();
  const connection = bench.open();
  bench.ask(connection, wrong("ann"));
  bench.input({
    type: "malformed",
    at: bench.at,
    connection,
    error: { reason: "unknown-type", detail: "no such message here", fatal: false },
  });
  bench.ask(connection, { type: "login", ticket: "x" });
  bench.ask(connection, { type: "login", username: "ann", password: "right" });
  assert.equal(bench.replies(), []);
  bench.hashed(bench.take("hash")[0], false);
  assert.equal(bench.replies(), [
    refusal("credentials"),
    { type: "error", reason: "unknown-type", detail: "no such message here" },
    refusal("ticket-invalid"),
  ]);
  bench.hashed(bench.take("hash")[0], true);
  assert.is(bench.replies().length, 1);
});

auth("pauses a connection whose lines wait, and gives one up that does not care", () => {
  const bench = new AuthBench({ backlogBytesMax: 300 });
  const connection = bench.open();
  for (let n = 0; n < 5; n++) bench.ask(connection, wrong("ann"));
  assert.equal(bench.take("pause"), [{ type: "pause", connection }]);
  for (let [hash] = bench.take("hash"); hash !== undefined; [hash] = bench.take("hash")) {
    bench.hashed(hash, false);
  }
  assert.equal(bench.take("resume"), [{ type: "resume", connection }]);
  bench.sleep(second);
  for (let n = 0; n < 2000; n++) bench.ask(connection, wrong("ann"));
  assert.equal(bench.take("close"), [{ type: "close", connection, reason: "busy" }]);
  assert.is(bench.state.connections.size, 0);
});

auth("answers a malformed line and closes only after a fatal one", () => {
  const bench = new AuthBench();
  const connection = bench.open();
  const malformed = (fatal: boolean) => {
    const error = { reason: "malformed", detail: "the line is not JSON", fatal } as const;
    bench.input({ type: "malformed", at: bench.at, connection, error });
    return bench.effects.splice(0).map((effect) => effect.type);
  };
  assert.equal(malformed(false), ["send", "report"]);
  assert.equal(malformed(false), ["send"]); // one line in the log is enough
  assert.equal(malformed(true), ["send", "close"]);
  assert.equal(malformed(true), []);
});

auth("closes a connection that asks for nothing in 10 s, but not one that waits", () => {
  const bench = new AuthBench();
  const silent = bench.open();
  bench.sleep(5 * second);
  const asking = bench.open();
  bench.ask(asking, wrong("ann"));
  const [hash] = bench.take("hash");
  assert.is(bench.nextDeadline(), bench.at + 5 * second);
  bench.sleep(5 * second);
  assert.equal(bench.take("close"), [
    { type: "close", connection: silent, reason: "login-timeout" },
  ]);
  bench.sleep(60 * second);
  assert.equal(bench.take("close"), []);
  bench.hashed(hash, false);
  bench.sleep(10 * second - 1);
  assert.equal(bench.take("close"), []);
  bench.sleep(1);
  bench.sleep(10 * second); // the sweep looks again at latest then
  assert.is(bench.take("close").length, 1);
});

auth("malformed lines keep no connection open", () => {
  const bench = new AuthBench();
  const connection = bench.open();
  for (let n = 0; n < 9; n++) {
    bench.sleep(second);
    const error = { reason: "malformed", detail: "", fatal: false } as const;
    bench.input({ type: "malformed", at: bench.at, connection, error });
  }
  bench.sleep(second);
  assert.is(bench.take("close").length, 1);
});

auth("bounds connections, per address and in all, and lets no address have them all", () => {
  const bench = new AuthBench({ connectionsMax: 10, connectionsPerAddressMax: 6 });
  for (let n = 0; n < 6; n++) bench.open("10.0.0.1");
  bench.open("::ffff:10.0.0.1");
  assert.equal(bench.replies(), [
    { type: "error", reason: "busy", detail: "too many connections; try again in some seconds" },
  ]);
  assert.is(bench.take("close").length, 1);
  for (let n = 0; n < 4; n++) bench.open("10.0.0.2");
  assert.equal(bench.take("close"), []);
  const other = bench.open("10.0.0.3");
  assert.is(bench.take("close").length, 1);
  assert.is(bench.state.connections.has(other), true);
  assert.is(bench.state.connections.size, 10);
});

auth("addresses of one IPv6 /64 count as one, mapped IPv4 as IPv4", () => {
  const groups: readonly (readonly [string, string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:c000:0207", "192.0.2.7"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:ffff:1:2:3", "2001:db8:0:0::/64"],
    ["2001:DB8:0:1::", "2001:db8:0:1::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"],
    ["1::2::3", "1::2::3"],
    ["", ""],
  ];
  for (const [address, group] of groups) assert.is(addressGroup(address), group);
  const bench = new AuthBench();
  for (let n = 0; n < 5; n++) bench.login("ann", "wrong", { address: `2001:db8::${n}` });
  assert.is(bench.login("ann", "right", { address: "2001:db8::99" }).approved, "false");
});

auth("names users in reports only if there are such, and no password or ticket ever", () => {
  const bench = new AuthBench();
  bench.login("my-secret-password", "wrong-password");
  bench.login("ann", "wrong-password");
  bench.renew(bench.login("ann", "right"));
  const text = JSON.stringify(bench.reports);
  assert.not.match(text, "password");
  assert.not.match(text, "right");
  assert.not.match(text, "eyJ");
  assert.match(text, '"username":"ann"');
});

auth("is the standard that PROTOCOL.md promises", () => {
  assert.equal(
    [authStandard.ticketSeconds, authStandard.renewalSeconds, authStandard.idleMs],
    [600, 43_200, 10_000],
  );
});

auth("survives whatever comes in any order, and stays within its bounds", () => {
  for (let seed = 1; seed <= 20; seed++) {
    let prng = seed;
    const pick = (below: number) => {
      const drawn = draw(prng);
      prng = drawn.prng;
      return Math.floor(drawn.value * below);
    };
    const queue = { ...queueStandard, waitingMax: 8, waitingPerAddressMax: 5, slowWaitingMax: 3 };
    const throttle = { ...throttleStandard, entriesMax: 20, userFailuresMax: 4 };
    const bench = new AuthBench({ queue, throttle, connectionsMax: 12, backlogBytesMax: 250 });
    let asked = 0;
    let hashed = 0;
    const hashes: ReturnType<typeof bench.take<"hash">> = [];
    for (let round = 0; round < 600; round++) {
      const connection = pick(round + 1) as ConnectionId;
      const username = ["ann", "bob", "off", `name${pick(100)}`][pick(4)] as string;
      [
        () => bench.open(`10.0.0.${pick(30)}`),
        () => bench.ask(connection, { type: "login", username, password: "" }),
        () => bench.ask(bench.open(`10.0.0.${pick(9)}`), wrong(username)),
        () => bench.ask(connection, { type: "login", ticket: "" }),
        () => bench.input({ type: "closed", at: bench.at, connection }),
        () => hashes.length > 0 && hashed++ >= 0 && bench.hashed(hashes.shift(), pick(9) === 0),
        () => bench.input({ type: "hashed", at: bench.at, request: 1e6, matches: true }),
        () => bench.sleep(pick(5000)),
      ][pick(8)]?.();
      const taken = bench.take("hash");
      asked += taken.length;
      hashes.push(...taken);
      const { state } = bench;
      assert.ok(hashes.length <= 2 && state.queue.running.length === hashes.length);
      assert.ok(state.queue.waiting.length <= 8 && state.connections.size <= 12);
      assert.ok(entriesOf(state.throttle) <= 6 * 20);
      assert.equal(state.ready, []);
    }
    while (hashes.length > 0 || bench.state.queue.waiting.length > 0) {
      if (hashes.length === 0) bench.sleep(second);
      else bench.hashed(hashes.shift(), hashed++ < 0);
      const taken = bench.take("hash");
      asked += taken.length;
      hashes.push(...taken);
    }
    assert.is(hashed, asked);
    assert.ok(asked > 20, `only ${asked} hashes with seed ${seed}`);
    bench.sleep(minute);
    assert.equal([bench.state.connections.size, bench.state.perGroup.size], [0, 0]);
    assert.is(bench.nextDeadline(), undefined);
  }
});

function wrong(username: string) {
  return { type: "login", username, password: "wrong" } as const;
}

auth.run();
