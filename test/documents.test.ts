/**
 * What the pages for people say about files, links and flags, compared with what there is.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type CAC, cac } from "cac";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adminCommands } from "../bin/host/admin-commands.ts";
import { authCommands } from "../bin/host/auth-commands.ts";
import { certificateCommands } from "../bin/host/certificate-commands.ts";
import { clientFlags } from "../bin/host/client-settings.ts";
import { demoFlags } from "../bin/host/demo.ts";
import { serverFlags } from "../bin/host/server-settings.ts";
import { simulationFlags } from "../bin/host/simulation.ts";
import { packageFolder } from "./support/process.ts";
import { sourcesOf } from "./support/sources.ts";

const documents = suite("documents");

const pages = ["README.md", "CHANGELOG.md", "lib/README.md", "lib/PROTOCOL.md", "certs/README.md"];
const read = (path: string) => readFileSync(join(packageFolder, path), "utf8");

documents("links lead somewhere, also those within a page", () => {
  const offenders = pages.flatMap((page) => {
    const text = read(page);
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
    return links
      .filter((link) => !/^[a-z]+:/.test(link) && !leads(page, link))
      .map((link) => `${page}: ${link}`);
  });
  assert.equal(offenders, []);
});

function leads(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : posix.join(posix.dirname(page), path);
  if (!existsSync(join(packageFolder, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
}

documents("the map of lib has every file, and no other", () => {
  const [, map = ""] = /## The files\n\n```text\n([\s\S]*?)```/.exec(read("lib/README.md")) ?? [];
  let folder = "lib/";
  const mapped: string[] = [];
  for (const line of map.split("\n")) {
    const [, indent = "", name = ""] = /^( *)(\S+)/.exec(line) ?? [];
    if (name.endsWith("/")) folder = `lib/${name}`;
    else if (name !== "") mapped.push(indent === "" ? `lib/${name}` : folder + name);
  }
  const files = sourcesOf("lib").map(({ path }) => path);
  const expected = files.filter((path) => !path.startsWith("lib/simulator/"));
  assert.equal(mapped.sort(), [...expected].sort());
});

documents("the read-me shows every example and every command", () => {
  const text = read("README.md");
  const examples = sourcesOf("examples").map(({ path }) => path);
  const { bin } = JSON.parse(read("package.json")) as { bin: Readonly<Record<string, string>> };
  const missing = [...examples, ...Object.keys(bin)].filter((name) => !text.includes(name));
  assert.equal(missing, []);
});

const commandLines: Readonly<Record<string, (cli: CAC) => void>> = {
  "chat-auth": authCommands,
  "chat-certs": certificateCommands,
  "chat-client": clientFlags,
  "chat-demo": demoFlags,
  "chat-server": (cli) => {
    serverFlags(cli);
    adminCommands(cli);
  },
  "chat-simulate": simulationFlags,
};

documents("the commands that are shown exist and take the flags they are shown with", () => {
  const text = `${read("README.md")}\n${read("certs/README.md")}`.replace(/ \\\n +/g, " ");
  const lines = [...text.matchAll(/^(?:node dist\/bin\/)?(chat-[a-z]+)(?:\.js)? ([a-z-].*)$/gm)];
  assert.ok(lines.length >= 20, "the lines were not found");
  const offenders = lines.flatMap(([line, name = "", rest = ""]) => {
    const cli = cac(name);
    commandLines[name]?.(cli);
    const [word = ""] = rest.split(" ");
    const command = cli.commands.find((each) => each.name === (word.startsWith("-") ? "" : word));
    if (command === undefined) return [`${line}: no such command`];
    const flags = [...` ${rest}`.matchAll(/ --?([a-z][a-z-]*)/g)].map(([, flag = ""]) => flag);
    return flags
      .filter((flag) => !command.options.some(({ rawName }) => spellings(rawName).includes(flag)))
      .map((flag) => `${line}: no flag ${flag}`);
  });
  assert.equal(offenders, []);
});

/** `-n, --id <id>` can be written as `n` and as `id`. */
function spellings(rawName: string): readonly string[] {
  return rawName.split(",").map((name) => name.trim().replace(/^-+/, "").replace(/ .*$/, ""));
}

documents("the changelog begins with what is not released, and what changes for admins", () => {
  const [title, , changes] = read("CHANGELOG.md").split("\n");
  assert.is(title, "# Unreleased");
  assert.match(changes ?? "", /^Wire: .*\. Configuration: .*\. Certificates: .*\.$/);
});

documents.run();
