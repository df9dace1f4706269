/**
 * Makes what proves identity: a private CA, certificates that name a role and an id, and the key
 * pair for login tickets. Only `chat-certs` and the demo need it; servers read with
 * `credentials.ts`.
 *
 * @module
 */

import "reflect-metadata"; // @peculiar/x509 does not load without it
import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { asServerId } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import {
  certificateName,
  loadTrust,
  normaliseSerial,
  parseCertificate,
  type Role,
} from "./credentials.ts";
import { readIfThere, readText, writeWhole } from "./files.ts";

const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" };
const signingAlgorithm = { ...keyAlgorithm, hash: "SHA-256" };
const authorityDays = 3650;
/** How long a certificate lasts when nobody says; what browsers still accept of a private CA. */
export const certificateDays = 825;
const dayMs = 86_400_000;
/** Certificates begin in the past, so that a clock that is behind accepts them. */
const skewMs = 5 * 60_000;

/** What `issue` is asked for. */
export interface CertificateRequest {
  readonly id: string;
  readonly role: Role;
  /** DNS names and IP addresses; an admin needs none. */
  readonly hosts: readonly string[];
  readonly days: number;
}

/**
 * Makes the CA and the key pair for tickets, each only if neither of its two files is there.
 *
 * @returns the names of the files made; none when all were there
 */
export async function createAuthority(folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const made: string[] = [];
  for (const [secret, open, make] of [
    ["ca.key", "ca.pem", makeAuthority],
    ["ticket.key", "ticket.pub", makeTicketKeys],
  ] as const) {
    const there = [await readIfThere(join(folder, secret)), await readIfThere(join(folder, open))];
    if (there.every((text) => text !== undefined)) continue;
    if (there.some((text) => text !== undefined)) {
      const [has, lacks] = there[0] === undefined ? [open, secret] : [secret, open];
      throw new UsageError(
        `${folder} has ${has} but not ${lacks}: put ${lacks} back, or choose another --dir`,
      );
    }
    const pair = await make();
    await writeWhole(join(folder, secret), pair.secret, { secret: true, replace: false });
    await writeWhole(join(folder, open), pair.open, { secret: false, replace: false });
    made.push(secret, open);
  }
  return made;
}

/** Makes or renews `<id>.pem` and `<id>.key`, with a new key, and returns the certificate. */
export async function issueCertificate(
  folder: string,
  request: CertificateRequest,
): Promise<X509Certificate> {
  const id = checkedId(request.id);
  const advice = `make a CA first: chat-certs init --dir ${folder}`;
  const authority = new x509.X509Certificate(await readText(join(folder, "ca.pem"), advice));
  const signingKey = await importKey(join(folder, "ca.key"), advice);
  const hosts = request.hosts.map(checkedHost);
  if (hosts.length === 0 && request.role !== "admin") {
    throw new UsageError(`say where ${id} can be reached: --host NAME-OR-ADDRESS,…`);
  }
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `CN=${id}`,
    issuer: authority.subjectName,
    ...validity(request.days, authority.notAfter),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: "url", value: `urn:chat:${request.role}:${id}` },
        ...hosts,
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  // The key first: a server that reads in between finds a pair that does not fit, and keeps its
  // own.
  const key = await exportKey(keys.privateKey);
  await writeWhole(join(folder, `${id}.key`), key, { secret: true, replace: true });
  const pem = `${certificate.toString("pem")}\n`;
  await writeWhole(join(folder, `${id}.pem`), pem, { secret: false, replace: true });
  return new X509Certificate(pem);
}

/** What the certificate of `id` was issued for, to renew it alike; `undefined` if there is none. */
export async function issuedFor(
  folder: string,
  id: string,
): Promise<Pick<CertificateRequest, "role" | "hosts"> | undefined> {
  const path = join(folder, `${checkedId(id)}.pem`);
  const pem = await readIfThere(path);
  if (pem === undefined) return undefined;
  const alternatives = parseCertificate(path, pem).subjectAltName ?? "";
  const name = certificateName(alternatives);
  if (name === undefined) return undefined;
  const hosts = alternatives.split(", ").flatMap((each) => {
    const [, host] = /^(?:DNS|IP Address):(.+)$/.exec(each) ?? [];
    return host === undefined ? [] : [host];
  });
  return { role: name.role, hosts };
}

/** Adds the certificate of `id` to `revoked.txt` and returns its serial number. */
export async function revokeCertificate(folder: string, id: string): Promise<string> {
  const path = join(folder, `${checkedId(id)}.pem`);
  const pem = await readText(path, "only what was issued into this folder can be revoked from it");
  const serial = normaliseSerial(parseCertificate(path, pem).serialNumber);
  const { revoked } = await loadTrust(join(folder, "ca.pem"));
  if (revoked.has(serial)) throw new UsageError(`${path} is revoked already (${serial})`);
  const list = join(folder, "revoked.txt");
  const before = (await readIfThere(list)) ?? "";
  const separator = before === "" || before.endsWith("\n") ? "" : "\n";
  const text = `${before}${separator}# ${id}\n${serial}\n`;
  await writeWhole(list, text, { secret: false, replace: true });
  return serial;
}

async function makeAuthority(): Promise<{ readonly secret: string; readonly open: string }> {
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    // Not the same name twice: two CAs in one ca.pem could not be told apart by their name.
    name: `CN=Chat CA ${randomBytes(4).toString("hex")}`,
    ...validity(authorityDays),
    keys,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    secret: await exportKey(keys.privateKey),
    open: `${certificate.toString("pem")}\n`,
  };
}

function makeTicketKeys(): { readonly secret: string; readonly open: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    secret: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    open: publicKey.export({ type: "spki", format: "pem" }) as string,
  };
}

function validity(days: number, atMost?: Date): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  const end = now + days * dayMs;
  return {
    notBefore: new Date(now - skewMs),
    notAfter: new Date(Math.min(end, atMost?.getTime() ?? end)),
  };
}

/** 128 bits: positive, and never shorter, as some programs count the digits. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`;
}

async function importKey(path: string, advice: string): Promise<CryptoKey> {
  const pem = await readText(path, advice);
  try {
    const der = x509.PemConverter.decodeFirst(pem);
    return await crypto.subtle.importKey("pkcs8", der, keyAlgorithm, false, ["sign"]);
  } catch {
    throw new UsageError(`${path} is no P-256 key in PKCS#8 PEM form`);
  }
}

/** An id becomes file names, and the folder has files of its own. */
function checkedId(id: string): string {
  if (asServerId(id) === undefined) {
    throw new UsageError(`"${id}" can't be an id: 1 to 32 letters, digits, ".", "_", "-"`);
  }
  if (["ca", "ticket"].includes(id.toLowerCase())) {
    throw new UsageError(`"${id}" can't be an id: ${id}.key is another file of that folder`);
  }
  return id;
}

function checkedHost(host: string): { readonly type: "dns" | "ip"; readonly value: string } {
  const bare = host.replace(/^\[(.+)\]$/, "$1");
  if (isIP(bare) !== 0 && !bare.includes("%")) return { type: "ip", value: bare };
  if (host.length > 253 || !/^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/.test(host)) {
    throw new UsageError(`"${host}" is neither a host name nor an IP address`);
  }
  return { type: "dns", value: host };
}
