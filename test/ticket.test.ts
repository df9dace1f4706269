/**
 * Login tickets against node:crypto, which knows nothing of our code: what it signs we read, what
 * we sign it accepts, and everything else is refused with the right reason. PROTOCOL.md section 4.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import * as crypto from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  checkTicket,
  portableSigner,
  portableVerifier,
  readTicket,
  signTicket,
  type TicketContent,
  type VerifyBytes,
} from "../lib/auth/ticket.ts";
import { decodeBase64Url, encodeBase64Url } from "../lib/base/base64url.ts";
import { asIdentity } from "../lib/wire/fields.ts";

const tickets = suite("tickets");

const now = 1_800_000_000;
const known = crypto.generateKeyPairSync("ed25519");
const second = crypto.generateKeyPairSync("ed25519");
const foreign = crypto.generateKeyPairSync("ed25519");

const raw = (key: crypto.KeyObject, part: "x" | "d") =>
  new Uint8Array(Buffer.from(key.export({ format: "jwk" })[part] as string, "base64url"));
const verify: VerifyBytes = (bytes, signature) =>
  [known, second].some((pair) => crypto.verify(null, bytes, pair.publicKey, signature));
const portable = portableVerifier([raw(known.publicKey, "x"), raw(second.publicKey, "x")]);

const header = { alg: "EdDSA", typ: "JWT" };
const claims = { sub: "ann", identity: "annie", exp: now + 600 };
const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A ticket as another identity provider would make it; texts are taken as they are. */
function issue(head: unknown, body: unknown, key: crypto.KeyObject = known.privateKey): string {
  const signed = `${encode(head)}.${encode(body)}`;
  return `${signed}.${crypto.sign(null, Buffer.from(signed), key).toString("base64url")}`;
}

function outcome(ticket: string, audience?: string): string {
  const check = audience === undefined ? {} : { audience };
  const read = readTicket(ticket, { unixSeconds: now, verify, ...check });
  return read.ok ? "good" : read.error;
}

tickets("reads what another program signed", () => {
  const body = { ...claims, iss: "idp", iat: now, jti: "j1", auth_time: now - 5, extra: [{}] };
  for (const verifier of [verify, portable]) {
    const read = readTicket(issue(header, body), { unixSeconds: now, verify: verifier });
    assert.equal(read, {
      ok: true,
      value: {
        username: "ann",
        identity: "annie",
        expiresAt: now + 600,
        authTime: now - 5,
        ticketId: "j1",
      },
    });
  }
});

tickets("signs what another program accepts, byte for byte", () => {
  const content: TicketContent = {
    issuer: "auth",
    username: "ann",
    identity: asIdentity("annie") as NonNullable<ReturnType<typeof asIdentity>>,
    issuedAt: now,
    expiresAt: now + 600,
    authTime: now - 5,
    ticketId: "j1",
  };
  const ticket = signTicket(content, portableSigner(raw(known.privateKey, "d")));
  const [head, body, signature] = ticket.split(".") as [string, string, string];
  assert.equal(JSON.parse(Buffer.from(head, "base64url").toString()), header);
  assert.equal(JSON.parse(Buffer.from(body, "base64url").toString()), {
    iss: "auth",
    sub: "ann",
    identity: "annie",
    iat: now,
    exp: now + 600,
    jti: "j1",
    auth_time: now - 5,
  });
  const native = crypto.sign(null, Buffer.from(`${head}.${body}`), known.privateKey);
  assert.is(signature, native.toString("base64url"));
  assert.is(outcome(ticket), "good");
});

tickets("takes any of several keys, and no other", () => {
  assert.is(outcome(issue(header, claims, second.privateKey)), "good");
  assert.is(outcome(issue(header, claims, foreign.privateKey)), "ticket-invalid");
  const check = { unixSeconds: now, verify: portableVerifier([]) };
  assert.equal(readTicket(issue(header, claims), check), { ok: false, error: "ticket-invalid" });
});

tickets("refuses every other algorithm and every critical extension", () => {
  const [, body] = issue(header, claims).split(".");
  const heads = [
    ...["none", "None", "HS256", "ES256", "eddsa", "", null, ["EdDSA"]].map((alg) => ({ alg })),
    { typ: "JWT" },
    { ...header, crit: ["exp"] },
    { ...header, crit: [] },
    { ...header, crit: null },
    [],
    null,
    "EdDSA",
    "{",
  ];
  for (const head of heads) {
    assert.is(outcome(issue(head, claims)), "ticket-invalid", JSON.stringify(head));
  }
  assert.is(outcome(`${encode({ alg: "none" })}.${body}.`), "ticket-invalid");
  const hmac = `${encode({ alg: "HS256" })}.${body}`;
  const secret = known.publicKey.export({ type: "spki", format: "pem" });
  const mac = crypto.createHmac("sha256", secret).update(hmac).digest("base64url");
  assert.is(outcome(`${hmac}.${mac}`), "ticket-invalid");
  assert.is(outcome(issue({ ...header, kid: "k", cty: 7 }, claims)), "good");
});

tickets("refuses claims that are missing, of a wrong type or unfit", () => {
  const wrong = [
    ...["sub", "identity", "exp"].map((name) => ({ ...claims, [name]: undefined })),
    ...["", "a b", 7, null].map((sub) => ({ ...claims, sub })),
    ...["", "al", "a-b", "7abc", 7, null].map((identity) => ({ ...claims, identity })),
    ...[String(now + 600), null, true].map((exp) => ({ ...claims, exp })),
    ...[null, "now"].map((nbf) => ({ ...claims, nbf })),
    ...[null, 7, [7], {}].map((aud) => ({ ...claims, aud })),
    { ...claims, auth_time: "now" },
    { ...claims, jti: 7 },
    [],
    "not json",
    `{"sub":"ann","identity":"annie","exp":1e999}`,
  ];
  for (const body of wrong) {
    assert.is(outcome(issue(header, body)), "ticket-invalid", JSON.stringify(body));
  }
});

tickets("checks the times with 30 s of tolerance", () => {
  const at = (change: object) => outcome(issue(header, { ...claims, ...change }));
  assert.is(at({ exp: now + 1 }), "good");
  assert.is(at({ exp: now - 29 }), "good");
  assert.is(at({ exp: now - 30 }), "ticket-expired");
  assert.is(at({ exp: 0 }), "ticket-expired");
  assert.is(at({ exp: now + 24 * 3600 + 30 }), "good");
  assert.is(at({ exp: now + 24 * 3600 + 31 }), "ticket-invalid");
  assert.is(at({ exp: now + 600.5 }), "good");
  assert.is(at({ nbf: now + 30 }), "good");
  assert.is(at({ nbf: now + 31 }), "ticket-invalid");
  assert.is(at({ nbf: 0 }), "good");
});

tickets("says of an expired ticket that it is, only if it was ever good", () => {
  const old = { ...claims, exp: now - 100 };
  assert.is(outcome(issue(header, old)), "ticket-expired");
  assert.is(outcome(issue(header, old, foreign.privateKey)), "ticket-invalid");
});

tickets("checks the audience if the ticket names one", () => {
  const meant = (aud: unknown, us?: string) => outcome(issue(header, { ...claims, aud }), us);
  assert.is(meant("chat"), "good");
  assert.is(meant(["mail", "chat"]), "good");
  assert.is(meant("mail"), "ticket-invalid");
  assert.is(meant([]), "ticket-invalid");
  assert.is(meant("chat", "other"), "ticket-invalid");
  assert.is(meant("other", "other"), "good");
});

tickets("refuses whatever was changed, cut or glued on", () => {
  const ticket = issue(header, claims);
  const [head, body, signature] = ticket.split(".") as [string, string, string];
  const forged = encode({ ...claims, sub: "bob" });
  const padded = `${signature}==`;
  const last = signature.at(-1) as string;
  const twin = String.fromCharCode(last.charCodeAt(0) + 1); // differs in bits nobody reads
  const wrong = [
    "",
    ".",
    "..",
    `${head}.${body}`,
    `${head}.${body}.`,
    `${ticket}.`,
    `${ticket}.${signature}`,
    `${ticket} `,
    `${ticket}\n`,
    ` ${ticket}`,
    `${ticket}A`,
    `${head}.${forged}.${signature}`,
    `${head}.${body}.${padded}`,
    `${head}.${body}.${signature.slice(0, -1)}${twin}`,
    `${head}.${body}=.${signature}`,
    `${head}.${body}.${"A".repeat(86)}`,
    ticket.replaceAll(".", "。"),
    "\ud800.\ud800.\ud800",
  ];
  for (const text of wrong) assert.is(outcome(text), "ticket-invalid", text);
});

tickets("never looks at more than 4 KiB", () => {
  const filler = (length: number) => issue(header, { ...claims, filler: "x".repeat(length) });
  assert.is(outcome(filler(2500)), "good");
  const asked: string[] = [];
  const spy: VerifyBytes = () => {
    asked.push("verify");
    return true;
  };
  const read = readTicket(filler(5000), { unixSeconds: now, verify: spy });
  assert.equal([read, asked], [{ ok: false, error: "ticket-invalid" }, []]);
});

tickets("is bound to one identity", () => {
  const ticket = issue(header, claims);
  const check = { unixSeconds: now, verify };
  assert.is(checkTicket(ticket, "annie", check).ok, true);
  for (const other of ["ann", "Annie", ""]) {
    assert.equal(checkTicket(ticket, other, check), { ok: false, error: "ticket-invalid" });
  }
});

tickets("is not impressed by keys of prototypes", () => {
  const body = `{"__proto__":{"sub":"ann"},"identity":"annie","exp":${now + 600}}`;
  assert.is(outcome(issue(header, body)), "ticket-invalid");
  assert.is(outcome(issue('{"__proto__":{"alg":"EdDSA"}}', claims)), "ticket-invalid");
});

tickets("base64url agrees with node:buffer at every length", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = new Uint8Array(crypto.randomBytes(length));
    const text = encodeBase64Url(bytes);
    assert.is(text, Buffer.from(bytes).toString("base64url"));
    assert.equal(decodeBase64Url(text), bytes);
  }
  for (const text of ["A", "AB", "AAB", "AA=", "AA==", "A A", "+/AA", "AAAAA", "Ä"]) {
    assert.is(decodeBase64Url(text), undefined, text);
  }
});

tickets.run();
