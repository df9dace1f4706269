/**
 * What `chat-certs check` shows: every certificate of a folder, who signed it, for whom, how long
 * it lasts, and what is wrong with it.
 *
 * @module
 */

import type { X509Certificate } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "./cli.ts";
import {
  type Credentials,
  certificateName,
  keyFits,
  loadTrust,
  parseCertificate,
  problemOf,
  splitPem,
} from "./credentials.ts";
import { readIfThere } from "./files.ts";

/** One certificate. */
export interface CertificateRow {
  readonly file: string;
  readonly role: string;
  readonly id: string;
  readonly names: string;
  readonly signedBy: string;
  readonly daysLeft: number;
  /** What is wrong, or `ok`. */
  readonly verdict: string;
}

/** Looks at every certificate of the folder, the CA first; `now` is wall-clock time. */
export async function checkCertificates(
  folder: string,
  now: number,
): Promise<readonly CertificateRow[]> {
  const trust = await loadTrust(join(folder, "ca.pem"));
  const authorities = splitPem(trust.ca).map((pem) => parseCertificate("ca.pem", pem));
  const rows: CertificateRow[] = [];
  for (const authority of authorities) {
    rows.push(await describe(folder, "ca.pem", authority, trust, now));
  }
  const files = (await readdir(folder)).filter((file) => file.endsWith(".pem")).sort();
  for (const file of files) {
    if (file === "ca.pem") continue;
    const pem = (await readIfThere(join(folder, file))) ?? "";
    try {
      const certificate = parseCertificate(file, pem);
      rows.push(await describe(folder, file, certificate, trust, now));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const unknown = { role: "", id: "", names: "", signedBy: "", daysLeft: 0 };
      rows.push({ file, ...unknown, verdict: "is no certificate" });
    }
  }
  return rows;
}

async function describe(
  folder: string,
  file: string,
  certificate: X509Certificate,
  trust: Credentials,
  now: number,
): Promise<CertificateRow> {
  const name = certificateName(certificate.subjectAltName);
  const problems = [
    problemOf(certificate, splitPem(trust.ca), trust.revoked, now),
    name === undefined && !certificate.ca ? "names no role" : undefined,
    await problemOfKey(join(folder, file.replace(/\.pem$/, ".key")), certificate),
  ].filter((problem) => problem !== undefined);
  return {
    file,
    role: certificate.ca ? "CA" : (name?.role ?? ""),
    id: name?.id ?? commonName(certificate.subject),
    names: hostNames(certificate.subjectAltName),
    signedBy: commonName(certificate.issuer),
    daysLeft: Math.floor((Date.parse(certificate.validTo) - now) / 86_400_000),
    verdict: problems.length === 0 ? "ok" : problems.join(", "),
  };
}

/** A key may lie elsewhere, as that of the CA should; but one that is here must fit. */
async function problemOfKey(
  path: string,
  certificate: X509Certificate,
): Promise<string | undefined> {
  const key = await readIfThere(path);
  if (key === undefined) return undefined;
  if (!keyFits(certificate, key)) return "the key is not its own";
  const { mode } = await stat(path);
  return (mode & 0o077) === 0 ? undefined : "others can read the key";
}

function commonName(distinguishedName: string): string {
  return /(?:^|\n)CN=(.*)/.exec(distinguishedName)?.[1] ?? distinguishedName.replaceAll("\n", " ");
}

function hostNames(alternatives: string | undefined): string {
  return (alternatives ?? "")
    .split(", ")
    .filter((name) => !name.startsWith("URI:"))
    .map((name) => name.replace(/^(?:DNS|IP Address):/, ""))
    .join(" ");
}

/** The rows as aligned columns with a heading. */
export function formatTable(rows: readonly CertificateRow[]): string {
  const heading = ["file", "role", "id", "signed by", "days left", "names", "verdict"];
  const lines = rows.map((row) => [
    row.file,
    row.role,
    row.id,
    row.signedBy,
    String(row.daysLeft),
    row.names,
    row.verdict,
  ]);
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  return [heading, ...lines]
    .map((line) => line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}
