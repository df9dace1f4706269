/**
 * What proves who somebody is: certificates and keys as read from a folder, and the name in a
 * certificate. It makes none; see `certificates.ts`. Source: PROTOCOL.md section 6.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { asServerId } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import { readIfThere, readText } from "./files.ts";

/** What a certificate allows: peers accept only `server`, admin requests only `admin`. */
export type Role = "server" | "auth" | "admin";

/** The roles that there are. */
export const roles: readonly Role[] = ["server", "auth", "admin"];

/** Who a certificate speaks for: its URI name is `urn:chat:<role>:<id>`. */
export interface CertificateName {
  readonly role: Role;
  readonly id: string;
}

/** Whom to trust, and what to show to others. Immutable: a reload makes a new one. */
export interface Credentials {
  /** PEM; several certificates while one CA takes over from another. */
  readonly ca: string;
  /** Serial numbers as {@link normaliseSerial} writes them. */
  readonly revoked: ReadonlySet<string>;
  /** The own certificate; a client has none. */
  readonly own?: OwnCertificate;
}

/** The own certificate and its key, both PEM. */
export interface OwnCertificate {
  readonly cert: string;
  readonly key: string;
  readonly name: CertificateName;
  /** Wall-clock milliseconds. */
  readonly validUntil: number;
}

/**
 * Reads the certificate of `id`, its key, the CA and the revocations from a folder. Whatever does
 * not fit together is refused here, so that a server that starts can be reached.
 *
 * @example
 * ```ts
 * const credentials = await loadCredentials("certs", "s1", "server");
 * ```
 */
export async function loadCredentials(
  folder: string,
  id: string,
  role: Role,
): Promise<Credentials & { readonly own: OwnCertificate }> {
  const paths = { cert: join(folder, `${id}.pem`), key: join(folder, `${id}.key`) };
  const command = `make it with: chat-certs issue ${id} --role ${role} --host HOST --dir ${folder}`;
  const { ca, revoked } = await loadTrust(join(folder, "ca.pem"));
  const cert = await readText(paths.cert, command);
  const key = await readText(paths.key, command);
  const certificate = parseCertificate(paths.cert, cert);
  const name = certificateName(certificate.subjectAltName);
  if (name === undefined) throw new UsageError(`${paths.cert} names no role: ${command}`);
  if (name.role !== role || name.id !== id) {
    throw new UsageError(`${paths.cert} is for the ${name.role} ${name.id}, not the ${role} ${id}`);
  }
  const problem = problemOf(certificate, splitPem(ca), revoked, Date.now());
  if (problem !== undefined) throw new UsageError(`${paths.cert} ${problem}: ${command}`);
  if (!keyFits(certificate, key)) {
    throw new UsageError(`${paths.key} is not the key of ${paths.cert}: ${command}`);
  }
  return { ca, revoked, own: { cert, key, name, validUntil: Date.parse(certificate.validTo) } };
}

/** Reads a CA, and the revocations beside it: all that a client needs. */
export async function loadTrust(caFile: string): Promise<Credentials> {
  const advice = "copy it from where chat-certs init made it";
  const ca = await readText(caFile, advice);
  for (const each of splitPem(ca)) parseCertificate(caFile, each);
  if (splitPem(ca).length === 0) throw new UsageError(`${caFile} holds no certificate: ${advice}`);
  const revokedFile = join(caFile, "..", "revoked.txt");
  return { ca, revoked: parseRevoked(revokedFile, (await readIfThere(revokedFile)) ?? "") };
}

/** What keeps a certificate from being accepted, as words after its name, or `undefined`. */
export function problemOf(
  certificate: X509Certificate,
  authorities: readonly string[],
  revoked: ReadonlySet<string>,
  now: number,
): string | undefined {
  const issued = authorities.some((pem) => {
    const authority = new X509Certificate(pem);
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  });
  if (!issued) return "is not signed by the CA in ca.pem";
  if (Date.parse(certificate.validTo) <= now) return "has expired";
  if (Date.parse(certificate.validFrom) > now) return "is not valid yet (is the clock right?)";
  if (revoked.has(normaliseSerial(certificate.serialNumber))) return "is revoked";
  return undefined;
}

/** Whether the private key (PEM) belongs to the certificate. */
export function keyFits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/**
 * The role and id in a certificate's alternative names, if there is exactly one such name.
 *
 * @param alternatives as node:crypto and node:tls write them: `URI:urn:chat:server:s1,
 * DNS:localhost`
 */
export function certificateName(alternatives: string | undefined): CertificateName | undefined {
  const names = (alternatives ?? "").split(", ").filter((name) => name.startsWith("URI:urn:chat:"));
  const [, role, id] = /^URI:urn:chat:(server|auth|admin):(.+)$/.exec(names[0] ?? "") ?? [];
  if (names.length !== 1 || id === undefined || asServerId(id) === undefined) return undefined;
  return { role: role as Role, id };
}

/** Certificates of one text, each as a text of its own. */
export function splitPem(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** A serial number as this program compares them: upper-case hex without leading zeros. */
export function normaliseSerial(serial: string): string {
  return serial.toUpperCase().replace(/^0+(?=.)/, "");
}

/** The serial numbers of a `revoked.txt`: one a line, `#` begins a comment. */
export function parseRevoked(path: string, text: string): ReadonlySet<string> {
  const serials = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const serial = line.replace(/#.*/, "").trim();
    if (serial === "") continue;
    if (!/^[0-9a-fA-F]{1,64}$/.test(serial)) {
      throw new UsageError(`${path} line ${index + 1} is no serial number (hex digits)`);
    }
    serials.add(normaliseSerial(serial));
  }
  return serials;
}

/** The certificate in a PEM text; `path` is for the complaint. */
export function parseCertificate(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new UsageError(`${path} is no certificate in PEM form`);
  }
}
