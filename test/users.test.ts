/**
 * The users file as text: what is read, what is refused and in which words, and the edits.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  addUser,
  dummyPassword,
  formatUsers,
  noUsers,
  type PasswordRecord,
  parseUsers,
  removeUser,
  setDisabled,
  setPassword,
  type UserRecord,
  type Users,
} from "../lib/auth/users.ts";
import type { Result } from "../lib/base/result.ts";

const users = suite("users");

const scrypt: PasswordRecord = {
  N: 1024,
  r: 8,
  p: 1,
  salt: "AAECAwQFBgcICQoLDA0ODw==",
  hash: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
};
const ann: UserRecord = { username: "ann", disabled: false, passwordSetAt: 100, scrypt };

function value<Value>(result: Result<Value, string>): Value {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const errorOf = (result: Result<unknown, string>) => (result.ok ? "no error" : result.error);
const file = (...records: readonly object[]) => JSON.stringify({ version: 1, users: records });

users("reads what it writes", () => {
  const two: Users = new Map([
    ["ann", ann],
    ["b@b", { ...ann, username: "b@b", disabled: true }],
  ]);
  assert.equal([...value(parseUsers(formatUsers(two)))], [...two]);
  assert.equal([...value(parseUsers(formatUsers(noUsers)))], []);
});

users("fills in what a person who writes by hand may leave out", () => {
  const record = value(parseUsers(file({ username: "ann", scrypt }))).get("ann");
  assert.equal(record, { username: "ann", disabled: false, passwordSetAt: 0, scrypt });
});

users("names the record and the field that is wrong", () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{}, "user 2: username is missing"],
    [{ ...ann, username: "a b" }, "user 2: username: expected 1 to 64 printable"],
    [{ ...ann, username: 7 }, "user 2: username: expected 1 to 64 printable"],
    [{ ...ann, username: "bob", disabled: "no" }, 'user 2 ("bob"): disabled: expected true or'],
    [{ ...ann, username: "bob", disable: true }, 'user 2 ("bob"): disable is no known field'],
    [{ ...ann, username: "bob", passwordSetAt: -1 }, 'user 2 ("bob"): passwordSetAt: expected'],
    [{ username: "bob" }, 'user 2 ("bob"): scrypt is missing'],
    [[], "user 2: "],
    [{ ...ann }, 'user 2 ("ann"): the name is there twice'],
  ];
  for (const [record, expected] of wrong) {
    const error = errorOf(parseUsers(file(ann, record)));
    assert.is(error.slice(0, expected.length), expected);
    assert.not.match(error, "\n");
  }
});

users("names the parameter that is wrong, and never shows a hash", () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ N: 1000 }, "scrypt.N: expected a power of two up to 1048576"],
    [{ N: 2 ** 21 }, "scrypt.N: expected a power of two up to 1048576"],
    [{ N: 2 ** 17, r: 16 }, "scrypt: expected N times r to be at most 1048576"],
    [{ r: 0 }, "scrypt.r: expected a whole number from 1 to 64"],
    [{ p: 17 }, "scrypt.p: expected a whole number from 1 to 16"],
    [{ p: 1.5 }, "scrypt.p: expected a whole number from 1 to 16"],
    [{ salt: "secret!" }, "scrypt.salt: expected base64 of 8 to 64 bytes"],
    [{ salt: "AAAA" }, "scrypt.salt: expected base64 of 8 to 64 bytes"],
    [{ hash: undefined }, "scrypt.hash is missing"],
    [{ hash: `${scrypt.hash}=` }, "scrypt.hash: expected base64 of 16 to 64 bytes"],
    [{ n: 1 }, "scrypt.n is no known field"],
  ];
  for (const [change, expected] of wrong) {
    const text = file({ ...ann, scrypt: { ...scrypt, ...change } });
    assert.is(errorOf(parseUsers(text)), `user 1 ("ann"): ${expected}`);
  }
});

users("says where the text stops being JSON, or what the file should be", () => {
  assert.not.match(errorOf(parseUsers('{"hash":"secret"]')), "secret");
  assert.match(errorOf(parseUsers(`${file(ann)}\n]`)), /^not JSON at line 2, column 1$/);
  assert.match(errorOf(parseUsers("")), /^not JSON/);
  assert.is(errorOf(parseUsers("{}")), "the file: version is missing");
  assert.is(errorOf(parseUsers('{"version":2,"users":[]}')), "the file: version: expected 1");
  assert.is(errorOf(parseUsers('{"version":1,"users":{}}')), "the file: users: expected a list");
  assert.match(errorOf(parseUsers("[]")), /^the file: /);
  assert.match(errorOf(parseUsers("null")), /^the file: expected an object/);
});

users("adds, changes, disables and removes without touching the rest", () => {
  const one = value(addUser(noUsers, "ann", scrypt, 99.5));
  assert.equal(one.get("ann"), ann);
  assert.is(noUsers.size, 0);
  const two = value(addUser(one, "bob", scrypt, 50));
  const other = { ...scrypt, N: 2048 };
  const changed = value(setPassword(two, "bob", other, 70));
  assert.equal(changed.get("bob"), {
    username: "bob",
    disabled: false,
    passwordSetAt: 71,
    scrypt: other,
  });
  assert.is(value(setDisabled(changed, "bob", true)).get("bob")?.disabled, true);
  assert.is(value(setDisabled(changed, "bob", false)).get("bob")?.disabled, false);
  assert.equal([...value(removeUser(changed, "ann")).keys()], ["bob"]);
  assert.equal([...two.keys()], ["ann", "bob"]);
});

users("refuses edits that can't be, in words for a person", () => {
  const one = value(addUser(noUsers, "ann", scrypt, 0));
  assert.is(errorOf(addUser(one, "ann", scrypt, 0)), 'there is a user "ann" already');
  assert.match(errorOf(addUser(one, "a b", scrypt, 0)), /no blanks/);
  assert.is(errorOf(removeUser(one, "bob")), 'there is no user "bob"');
  assert.is(errorOf(setPassword(one, "bob", scrypt, 0)), 'there is no user "bob"');
  assert.is(errorOf(setDisabled(one, "bob", true)), 'there is no user "bob"');
});

users("dummyPassword() costs what most accounts cost", () => {
  assert.is(dummyPassword(noUsers).N, 2 ** 17);
  let some: Users = noUsers;
  for (const [name, N] of Object.entries({ a: 2048, b: 1024, c: 1024 })) {
    some = value(addUser(some, name, { ...scrypt, N }, 0));
  }
  const dummy = dummyPassword(some);
  assert.is(dummy.N, 1024);
  some = value(addUser(some, "dummy", dummy, 0));
  assert.is(value(parseUsers(formatUsers(some))).get("dummy")?.scrypt.hash, dummy.hash);
});

users.run();
