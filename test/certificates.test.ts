/**
 * chat-certs: what it makes, what it refuses, and what credentials are accepted.
 *
 * @module
 */

import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { certificateCommands } from "../bin/host/certificate-commands.ts";
import { checkCertificates } from "../bin/host/certificate-table.ts";
import { createAuthority, issuedFor, revokeCertificate } from "../bin/host/certificates.ts";
import { runArguments, type UsageError } from "../bin/host/cli.ts";
import {
  certificateName,
  loadCredentials,
  normaliseSerial,
  parseRevoked,
} from "../bin/host/credentials.ts";
import {
  certificatesFolder,
  copyCertificates,
  forgedFolder,
  issue,
} from "./support/certificates.ts";
import { temporaryFolder } from "./support/folders.ts";
import { runCommand } from "./support/process.ts";

const certificates = suite("certificates");

const read = (folder: string, file: string) => readFileSync(join(folder, file), "utf8");
const mode = (folder: string, file: string) => statSync(join(folder, file)).mode & 0o777;
const complaint = async (...args: string[]): Promise<UsageError | undefined> =>
  await runArguments("chat-certs", certificateCommands, args);
const refusal = async (promise: Promise<unknown>): Promise<string> =>
  await promise.then(
    () => "accepted",
    (error: unknown) => (error as Error).message,
  );

certificates("init makes a CA and ticket keys, secrets for the owner only, once", async () => {
  const folder = join(temporaryFolder(), "deep", "certs");
  assert.equal(await createAuthority(folder), ["ca.key", "ca.pem", "ticket.key", "ticket.pub"]);
  assert.equal(readdirSync(folder).sort(), ["ca.key", "ca.pem", "ticket.key", "ticket.pub"]);
  assert.is(mode(folder, "ca.key"), 0o600);
  assert.is(mode(folder, "ticket.key"), 0o600);
  const before = read(folder, "ca.pem");
  assert.equal(await createAuthority(folder), []);
  assert.is(read(folder, "ca.pem"), before);
  const error = await complaint("init", "--dir", folder);
  assert.match(error?.message ?? "", /never overwritten/);
  assert.is(error?.status, 2);
});

certificates("init completes what lacks a whole pair and refuses half a pair", async () => {
  const full = await certificatesFolder();
  const folder = await copyCertificates(full, "ca.pem", "ca.key");
  assert.equal(await createAuthority(folder), ["ticket.key", "ticket.pub"]);
  assert.is(read(folder, "ca.pem"), read(full, "ca.pem"));
  const server = await copyCertificates(full, "ca.pem", "ticket.pub");
  assert.match(await refusal(createAuthority(server)), /has ca\.pem but not ca\.key/);
});

certificates("the ticket keys are an Ed25519 pair in PKCS#8 and SPKI", async () => {
  const folder = await certificatesFolder();
  const key = createPrivateKey(read(folder, "ticket.key"));
  const open = createPublicKey(read(folder, "ticket.pub"));
  assert.is(key.asymmetricKeyType, "ed25519");
  const text = new TextEncoder().encode("ticket");
  assert.ok(verify(null, text, open, sign(null, text, key)));
});

certificates("issue makes a certificate with role, id, names and a long serial", async () => {
  const folder = await copyCertificates(await certificatesFolder(), "ca.pem", "ca.key");
  const asked = ["--host", "127.0.0.1, localhost,[::1]", "--dir", folder, "--days", "10"];
  assert.is(await complaint("issue", "s9", ...asked), undefined);
  const certificate = new X509Certificate(read(folder, "s9.pem"));
  const authority = new X509Certificate(read(folder, "ca.pem"));
  assert.equal(certificateName(certificate.subjectAltName), { role: "server", id: "s9" });
  assert.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(read(folder, "s9.key"))));
  assert.is(certificate.checkIP("127.0.0.1"), "127.0.0.1");
  assert.is(certificate.checkIP("::1"), "::1");
  assert.is(certificate.checkHost("localhost"), "localhost");
  assert.is(certificate.checkHost("elsewhere"), undefined);
  assert.is(normaliseSerial(certificate.serialNumber).length, 32);
  assert.is(certificate.ca, false);
  assert.is(mode(folder, "s9.key"), 0o600);
  const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
  assert.ok(days > 9.9 && days <= 10, `${days} days`);
});

certificates("issue renews alike, with a new key and serial", async () => {
  const folder = await copyCertificates(await certificatesFolder(), "ca.pem", "ca.key");
  await issue(folder, "a1", { role: "auth", hosts: ["localhost"] });
  const before = { pem: read(folder, "a1.pem"), key: read(folder, "a1.key") };
  assert.is(await complaint("issue", "a1", "--dir", folder), undefined);
  assert.equal(await issuedFor(folder, "a1"), { role: "auth", hosts: ["localhost"] });
  assert.is.not(read(folder, "a1.key"), before.key);
  const serial = (pem: string) => new X509Certificate(pem).serialNumber;
  assert.is.not(serial(read(folder, "a1.pem")), serial(before.pem));
});

certificates(
  "issue takes the role auth for the id auth and needs no host for an admin",
  async () => {
    const folder = await copyCertificates(await certificatesFolder(), "ca.pem", "ca.key");
    assert.is(await complaint("issue", "auth", "--host", "localhost", "--dir", folder), undefined);
    assert.is((await issuedFor(folder, "auth"))?.role, "auth");
    assert.is(await complaint("issue", "root", "--role", "admin", "--dir", folder), undefined);
    assert.is((await issuedFor(folder, "root"))?.role, "admin");
  },
);

certificates("issue refuses what can't be", async () => {
  const folder = await copyCertificates(await certificatesFolder(), "ca.pem", "ca.key");
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/can't be an id/, "issue", "../s1", "--host", "localhost", "--dir", folder],
    [/another file/, "issue", "CA", "--host", "localhost", "--dir", folder],
    [/where s9 can be reached/, "issue", "s9", "--dir", folder],
    [/neither a host name/, "issue", "s9", "--host", "a, URI:urn:x", "--dir", folder],
    [/neither a host name/, "issue", "s9", "--host", "localhost,,", "--dir", folder],
    [/--days: expected/, "issue", "s9", "--host", "localhost", "--days", "0", "--dir", folder],
    [/--days: expected/, "issue", "s9", "--host", "localhost", "--days", "1e9", "--dir", folder],
    [/server or auth or admin/, "issue", "s9", "--role", "king", "--dir", folder],
    [/chat-certs init/, "issue", "s9", "--host", "localhost", "--dir", join(folder, "none")],
    [/only what was issued/, "revoke", "s9", "--dir", folder],
  ];
  for (const [expected, ...args] of wrong) {
    const error = await complaint(...args);
    assert.match(error?.message ?? "nothing", expected);
    assert.is(error?.status, 2);
  }
  assert.equal(readdirSync(folder).sort(), ["ca.key", "ca.pem"]);
});

certificates("revoke adds the serial, and such a certificate is refused", async () => {
  const full = await certificatesFolder();
  const folder = await copyCertificates(full, "ca.pem", "s1.pem", "s1.key", "s2.pem", "s2.key");
  writeFileSync(join(folder, "revoked.txt"), "00ab # an old one, no line end");
  const serial = await revokeCertificate(folder, "s1");
  const list = parseRevoked("revoked.txt", read(folder, "revoked.txt"));
  assert.equal([...list], ["AB", serial]);
  assert.match(await refusal(revokeCertificate(folder, "s1")), /already/);
  assert.match(await refusal(loadCredentials(folder, "s1", "server")), /is revoked/);
  assert.ok((await loadCredentials(folder, "s2", "server")).revoked.has(serial));
});

certificates("credentials that do not fit together are refused with what to do", async () => {
  const full = await certificatesFolder();
  const mixed = await copyCertificates(full, "ca.pem", "s1.pem", "s2.key", "boss.pem");
  assert.match(await refusal(loadCredentials(mixed, "s1", "server")), /chat-certs issue s1/);
  writeFileSync(join(mixed, "s1.key"), read(mixed, "s2.key"));
  assert.match(await refusal(loadCredentials(mixed, "s1", "server")), /is not the key of/);
  assert.match(await refusal(loadCredentials(full, "boss", "server")), /for the admin boss/);
  const forged = await forgedFolder();
  const foreign = await copyCertificates(forged, "s1.pem", "s1.key");
  writeFileSync(join(foreign, "ca.pem"), read(full, "ca.pem"));
  assert.match(await refusal(loadCredentials(foreign, "s1", "server")), /not signed by the CA/);
  writeFileSync(join(foreign, "s1.pem"), "rubbish");
  assert.match(await refusal(loadCredentials(foreign, "s1", "server")), /no certificate in PEM/);
});

certificates("a CA file may hold the old and the new CA", async () => {
  const full = await certificatesFolder();
  const folder = await copyCertificates(full, "s1.pem", "s1.key");
  writeFileSync(
    join(folder, "ca.pem"),
    read(await forgedFolder(), "ca.pem") + read(full, "ca.pem"),
  );
  assert.is((await loadCredentials(folder, "s1", "server")).own.name.id, "s1");
});

certificates("check names everything that is wrong", async () => {
  const full = await certificatesFolder();
  const folder = await copyCertificates(full, "ca.pem", "ca.key", "s1.pem", "s1.key", "s2.pem");
  writeFileSync(join(folder, "s2.key"), read(folder, "s1.key"));
  writeFileSync(join(folder, "s3.pem"), read(await forgedFolder(), "s1.pem"));
  writeFileSync(join(folder, "s4.pem"), "rubbish");
  await revokeCertificate(folder, "s1");
  chmodSync(join(folder, "s1.key"), 0o640);
  const verdicts = async (now: number) =>
    Object.fromEntries((await checkCertificates(folder, now)).map((r) => [r.file, r.verdict]));
  assert.equal(await verdicts(Date.now()), {
    "ca.pem": "ok",
    "s1.pem": "is revoked, others can read the key",
    "s2.pem": "the key is not its own",
    "s3.pem": "is not signed by the CA in ca.pem",
    "s4.pem": "is no certificate",
  });
  assert.match((await verdicts(Date.now() + 31 * 86_400_000))["s1.pem"] ?? "", /expired/);
});

certificates("certificateName() takes one name of the right form only", () => {
  const name = { role: "server", id: "s1" };
  assert.equal(certificateName("DNS:x, URI:urn:chat:server:s1"), name);
  for (const alternatives of [
    undefined,
    "DNS:urn:chat:server:s1",
    "URI:urn:chat:king:s1",
    "URI:urn:chat:server:",
    "URI:urn:chat:server:a/b",
    "URI:urn:chat:server:s1, URI:urn:chat:admin:s1",
    'DNS:"x, URI:urn:chat:server:s1"',
  ]) {
    assert.is(certificateName(alternatives), undefined, String(alternatives));
  }
});

certificates("the command itself ends with one line and status 2 or 1", async () => {
  const wrong = await runCommand("bin/chat-certs.ts", ["issue", "--bogus"]);
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /^chat-certs: [^\n]+\n$/);
  const folder = await copyCertificates(await certificatesFolder(), "ca.pem", "s1.pem");
  const good = await runCommand("bin/chat-certs.ts", ["check", "--dir", folder]);
  assert.is(good.code, 0);
  assert.match(good.stdout, /s1\.pem +server +s1 .* ok\n/);
  writeFileSync(join(folder, "s1.pem"), read(await forgedFolder(), "s1.pem"));
  assert.is((await runCommand("bin/chat-certs.ts", ["check", "--dir", folder])).code, 1);
});

certificates.run();
