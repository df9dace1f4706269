/**
 * A new ticket for one that still lives, in virtual time. PROTOCOL.md section 4.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { signTicket } from "../lib/auth/ticket.ts";
import type { Users } from "../lib/auth/users.ts";
import { asIdentity } from "../lib/wire/fields.ts";
import { AuthBench, benchKeys, refusal, user, usersOf } from "./support/auth-bench.ts";

const auth = suite("authentication server: renewal");
const second = 1000;
const minute = 60 * second;

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

auth("a renewal makes an address familiar, but clears no failures", () => {
  const bench = new AuthBench();
  const ticket = bench.login("ann", "right", { address: "10.1.0.1" });
  const restarted = new AuthBench();
  restarted.renew(ticket, "10.1.0.1");
  for (let tries = 0; tries < 21; tries++) {
    restarted.login("ann", "wrong", { address: `10.2.0.${tries}` });
  }
  for (let tries = 0; tries < 2; tries++) {
    // Both at once: a stranger's second login would have to wait for the slow lane.
    assert.equal(restarted.login("ann", "wrong", { address: "10.1.0.1" }), refusal("credentials"));
  }
  for (let tries = 0; tries < 3; tries++) {
    restarted.login("ann", "wrong", { address: "10.1.0.1" });
    restarted.renew(ticket, "10.1.0.1");
  }
  const waiting = restarted.login("ann", "right", { address: "10.1.0.1" });
  assert.equal(waiting, refusal("throttled", "1"));
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

auth.run();
