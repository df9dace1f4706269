/**
 * Logging in at a real chat server, rightly and wrongly, and what may be said before.
 * Source: PROTOCOL.md sections 1, 3 and 4.
 *
 * @module
 */

import { createHmac, createSecretKey, generateKeyPairSync, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectLines } from "./support/line-client.ts";
import { password, type RealCluster, sharedCluster } from "./support/real-cluster.ts";

const logins = suite<{ cluster: RealCluster }>("logging in over TLS");

logins.before(async (context) => {
  context.cluster = await sharedCluster();
});

const refused = (reason: string, more: object = {}) => ({
  type: "newidentity",
  approved: "false",
  reason,
  ...more,
});

/** The only answer, after which the server closes. */
async function refusal(cluster: RealCluster, request: object): Promise<object> {
  const client = await cluster.connect("s1");
  const answer = await client.ask(request);
  await client.expectClosed();
  client.destroy();
  return answer;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token with any header and claims, signed by whoever. */
function token(header: object, claims: object, signature: (text: string) => string): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${signature(text)}`;
}

logins("a ticket of the authentication server lets its identity in", async ({ cluster }) => {
  const auth = await connectLines({ port: cluster.authPort, ca: cluster.ca });
  const login = { type: "login", username: "ann", password, identity: "AnnAuth" };
  const { ticket, approved, expires, ...rest } = await auth.ask(login);
  assert.equal([approved, rest], ["true", { type: "login" }]);
  assert.match(String(expires), /^\d+$/);
  auth.destroy();
  const client = await cluster.connect("s2");
  client.send({ type: "newidentity", identity: "AnnAuth", ticket, extra: { ignored: true } });
  await client.expect(
    { type: "newidentity", approved: "true" },
    { type: "roomchange", identity: "AnnAuth", former: "", roomid: "MainHall-s2" },
  );
  assert.equal(
    await refusal(cluster, { type: "newidentity", identity: "AnnAuth", ticket }),
    refused("identity-in-use"),
  );
  client.destroy();
});

logins("without a ticket a client learns where to get one", async ({ cluster }) => {
  assert.equal(
    await refusal(cluster, { type: "newidentity", identity: "Nobody" }),
    refused("login-required", { authhost: "127.0.0.1", authport: String(cluster.authPort) }),
  );
});

logins("an unfit identity is refused in the request's own words", async ({ cluster }) => {
  for (const identity of ["ab", "1abc", "under_score", "a".repeat(17), "Zoë", "", "a b c"]) {
    const ticket = cluster.ticket("Fine");
    const answer = await refusal(cluster, { type: "newidentity", identity, ticket });
    assert.equal(answer, refused("identity-invalid"), identity);
  }
});

logins("no forged, borrowed or odd ticket is good", async ({ cluster }) => {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: "eve", identity: "Eve", iat: now, exp: now + 600 };
  const header = { alg: "EdDSA", typ: "JWT" };
  const stranger = generateKeyPairSync("ed25519").privateKey;
  const byStranger = (text: string) =>
    sign(null, Buffer.from(text), stranger).toString("base64url");
  const pub = await readFile(join(cluster.certs, "ticket.pub"), "utf8");
  const byMac = (text: string) =>
    createHmac("sha256", createSecretKey(Buffer.from(pub)))
      .update(text)
      .digest("base64url");
  const good = cluster.ticket("Eve");
  const [goodHeader = "", , goodSignature = ""] = good.split(".");
  const bad: Readonly<Record<string, string>> = {
    "another identity": cluster.ticket("Adam"),
    "another case": cluster.ticket("EVE"),
    "signed by a stranger": token(header, claims, byStranger),
    "alg none": token({ alg: "none" }, claims, () => ""),
    "alg none with a signature": token({ alg: "none" }, claims, byStranger),
    "HMAC with the public key": token({ alg: "HS256", typ: "JWT" }, claims, byMac),
    "changed claims": `${goodHeader}.${encode({ ...claims, sub: "root" })}.${goodSignature}`,
    "no signature": good.split(".").slice(0, 2).join("."),
    "a part too many": `${good}.x`,
    "valid too long": cluster.ticket("Eve", { expiresAt: now + 48 * 3600 }),
    "not a token": "open sesame",
    empty: "",
  };
  for (const [what, ticket] of Object.entries(bad)) {
    const answer = await refusal(cluster, { type: "newidentity", identity: "Eve", ticket });
    assert.equal(answer, refused("ticket-invalid"), what);
  }
  const expired = cluster.ticket("Eve", { issuedAt: now - 700, expiresAt: now - 60 });
  assert.equal(
    await refusal(cluster, { type: "newidentity", identity: "Eve", ticket: expired }),
    refused("ticket-expired"),
  );
  (await cluster.login("s1", "Eve")).destroy();
});

logins(
  "before the login every request is an error and the connection stays good",
  async ({ cluster }) => {
    const client = await cluster.connect("s1");
    const requests = [
      ...["list", "who", "quit", "servers"].map((type) => ({ type })),
      ...["createroom", "join", "joinroom", "deleteroom"].map((type) => ({ type, roomid: "abc" })),
      { type: "message", content: "let me in" },
    ];
    for (const request of requests) {
      const { type, reason, detail } = await client.ask(request);
      assert.equal([type, reason], ["error", "login-required"], request.type);
      assert.type(detail, "string");
    }
    const ticket = cluster.ticket("Patient");
    const answer = await client.ask({ type: "newidentity", identity: "Patient", ticket });
    assert.equal(answer, { type: "newidentity", approved: "true" });
    client.destroy();
  },
);

logins("a lost connection frees the name at once", async ({ cluster }) => {
  for (const id of ["s1", "s2", "s3", "s1"]) {
    const client = await cluster.login(id, "Phoenix");
    client.send({ type: "quit" });
    await client.nextOf("roomchange");
    await client.expectClosed();
  }
  const half = await cluster.login("s1", "Halfway");
  half.socket.end(); // no half-open ghosts
  await half.nextOf("nothing").catch(() => {});
  (await cluster.login("s1", "Halfway")).destroy();
});

logins.run();
