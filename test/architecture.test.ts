/**
 * The style guide as a test: who may import whom, what the pure core may not touch, how long things
 * are, and that the manifest, the exports and the read-me agree with the sources.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageFolder } from "./support/process.ts";
import {
  bareCode,
  exportedNames,
  functionsOf,
  importsOf,
  type Source,
  sourcesOf,
  trackedFiles,
  undocumentedExports,
} from "./support/sources.ts";

const architecture = suite("architecture");

const lib = sourcesOf("lib");
const bin = sourcesOf("bin");
const examples = sourcesOf("examples");
const tests = sourcesOf("test");
const everything = [...lib, ...bin, ...examples, ...tests];

const readJson = (file: string) =>
  JSON.parse(readFileSync(join(packageFolder, file), "utf8")) as Manifest;

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Fails with all offenders at once, one a line. */
function nothingFound(offenders: readonly string[], rule: string): void {
  assert.equal(offenders, [], `${rule}:\n${offenders.join("\n")}`);
}

/** Part of lib, what it may import of the other parts, and which packages. */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: ["base"],
  wire: ["base", "wire", "valibot"],
  membership: ["base", "membership"],
  lock: ["base", "lock"],
  auth: ["base", "wire", "auth", "tweetnacl", "valibot"],
  server: ["base", "wire", "membership", "lock", "auth", "server", "valibot"],
  client: ["base", "wire", "membership", "lock", "auth", "client", "valibot"],
  simulator: ["base", "wire", "membership", "lock", "auth", "server", "client", "simulator"],
};

architecture("lib keeps to its layers and its packages", () => {
  const offenders: string[] = [];
  for (const source of lib) {
    const [, layer = "", file] = source.path.split("/");
    const allowed = file === undefined ? undefined : layers[layer];
    for (const imported of importsOf(source)) {
      const target = imported.startsWith(".")
        ? posix.join(posix.dirname(source.path), imported).replace(/^lib\//, "")
        : imported;
      const part = target.split("/")[0] as string;
      if (!mayImport(source.path, allowed, imported, part)) {
        offenders.push(`${source.path} imports ${imported}`);
      }
    }
  }
  nothingFound(offenders, "imports against architecture");
});

function mayImport(
  path: string,
  allowed: readonly string[] | undefined,
  imported: string,
  part: string,
): boolean {
  if (imported.startsWith(".") && !imported.endsWith(".ts")) return false;
  if (path === "lib/mod.ts") return imported.startsWith("./");
  if (part === "immutable" && imported === "immutable") return path.split("/").length > 2;
  if (path === "lib/machine.ts" || path === "lib/driver.ts" || path.startsWith("lib/base/")) {
    return imported.startsWith(".") && ["base", "machine.ts"].includes(part);
  }
  if (part === "machine.ts" || part === "driver.ts") return !path.startsWith("lib/wire/");
  return allowed?.includes(part) === true;
}

architecture("lib touches no clock, no randomness, no runtime", () => {
  const words = [
    "Date|Math\\.random|set(Timeout|Interval|Immediate)|queueMicrotask|performance|crypto",
    "console|process|Deno|Bun|Buffer|globalThis|fetch|require|window|document",
  ];
  const banned = new RegExp(`\\b(${words.join("|")})\\b(?!\\s*:)`, "g");
  const offenders = lib.flatMap((source) =>
    bareCode(source)
      .split("\n")
      .flatMap((line, index) =>
        [...line.matchAll(banned)]
          .filter(({ index: at }) => !/[.#\w]$/.test(line.slice(0, at)))
          .map(([word]) => `${source.path}:${index + 1} ${word}`),
      ),
  );
  nothingFound(offenders, "impure words");
});

architecture("bin and examples see the library by its door only", () => {
  const { name, dependencies } = readJson("package.json");
  const packages = Object.keys(dependencies);
  const offenders: string[] = [];
  for (const source of [...bin, ...examples]) {
    const isExample = source.path.startsWith("examples/");
    for (const imported of importsOf(source)) {
      const target = posix.join(posix.dirname(source.path), imported);
      const allowed = imported.startsWith(".")
        ? target === "lib/mod.ts" || target === "lib/simulator/mod.ts"
          ? !isExample
          : target.startsWith(isExample ? "examples/" : "bin/")
        : imported.startsWith("node:") ||
          packages.includes(imported) ||
          (isExample && (imported === name || imported.startsWith(`${name}/`)));
      if (!allowed) offenders.push(`${source.path} imports ${imported}`);
    }
  }
  nothingFound(offenders, "imports past the door");
});

architecture("files, lines and functions are short", () => {
  const offenders: string[] = [];
  for (const source of everything) {
    const { path, lines } = source;
    const isTest = path.startsWith("test/");
    const fileMax = isTest ? 600 : /^bin\/[^/]+$/.test(path) ? 65 : 320;
    if (lines.length > fileMax) offenders.push(`${path} has ${lines.length} lines`);
    for (const [index, line] of lines.entries()) {
      if (isTooWide(line)) offenders.push(`${path}:${index + 1} has ${line.length} columns`);
    }
    for (const { line, length } of functionsOf(source)) {
      if (length > (isTest ? 100 : 60)) offenders.push(`${path}:${line} has ${length} lines`);
    }
  }
  nothingFound(offenders, "too long");
});

/** Over 100 columns, and not because of one text or pattern that can't be broken. */
function isTooWide(line: string): boolean {
  if (line.length <= 100) return false;
  if (/^\s*(\*|\/[/*])/.test(line)) return true;
  return line.replace(/(["'`/])(?:\\.|(?!\1).)*\1/g, "").length > 60;
}

architecture("every file says what it is, and every export too", () => {
  const offenders: string[] = [];
  for (const source of everything) {
    if (!/^(#!.*\n)?\/\*\*[\s\S]*?@module[\s\S]*?\*\//.test(source.text)) {
      offenders.push(`${source.path} has no @module comment on top`);
    }
    if (source.path.startsWith("test/") && !source.path.startsWith("test/support/")) continue;
    for (const line of undocumentedExports(source)) {
      offenders.push(`${source.path}:${line} exports without a doc comment`);
    }
  }
  nothingFound(offenders, "undocumented");
});

architecture("names follow the house", () => {
  const offenders = everything.flatMap(({ path, text }) => [
    ...(/(^|[/-])(utils?|helpers?|managers?|handlers?|common|misc)(\.|-|\/)/.test(path)
      ? [`${path} says nothing`]
      : []),
    ...(/[A-Z_ ]/.test(posix.basename(path)) ? [`${path} is not in kebab case`] : []),
    ...[...text.matchAll(/\binterface (I[A-Z]\w*)/g)].map(([, name]) => `${path} ${name}`),
    ...[...text.matchAll(/\bclass (\w+(?:Manager|Handler|Util))\b/g)].map(
      ([, n]) => `${path} ${n}`,
    ),
  ]);
  nothingFound(offenders, "names");
});

architecture("verification is never switched off", () => {
  const offenders = [...lib, ...bin, ...examples].flatMap((source: Source) =>
    /rejectUnauthorized\s*:(?!\s*true\b)|NODE_TLS_REJECT_UNAUTHORIZED/.test(source.text)
      ? [source.path]
      : [],
  );
  nothingFound(offenders, "TLS without verification");
});

architecture("what package.json points at exists as a source", () => {
  const manifest = readJson("package.json");
  const targets = [
    ...Object.values(manifest.bin),
    ...Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    ),
  ].filter((target) => !target.endsWith("package.json"));
  const offenders = targets.filter((target) => {
    const source = target.replace(/^(\.\/)?dist\//, "").replace(/(\.d\.ts|\.js)$/, ".ts");
    return !existsSync(join(packageFolder, source));
  });
  nothingFound(offenders, "targets without a source");
});

architecture("the public surface is the one we know", () => {
  const names = exportedNames(lib.find(({ path }) => path === "lib/mod.ts") as Source);
  const file = join(packageFolder, "test/vectors/exports.json");
  if (process.argv.includes("--rewrite")) {
    writeFileSync(file, `${JSON.stringify(names, null, 2)}\n`);
  }
  const known = JSON.parse(readFileSync(file, "utf8")) as readonly string[];
  const changes = [
    ...names.filter((name) => !known.includes(name)).map((name) => `+ ${name}`),
    ...known.filter((name) => !names.includes(name)).map((name) => `- ${name}`),
  ];
  nothingFound(changes, "exports changed; if meant: npm test -- architecture --rewrite");
});

architecture("the read-me names every dependency", () => {
  const readMe = join(packageFolder, "README.md");
  if (!existsSync(readMe)) return;
  const text = readFileSync(readMe, "utf8");
  const offenders = Object.keys(readJson("package.json").dependencies).filter(
    (name) => !text.includes(name),
  );
  nothingFound(offenders, "dependencies that README.md does not mention");
});

architecture("the top level holds what was agreed, and no key is in the repository", () => {
  const files = trackedFiles();
  if (files === undefined) return;
  const agreed = new RegExp(
    "^(lib|bin|examples|certs|test|package(-lock)?\\.json|tsconfig[a-z.]*\\.json|biome\\.json|" +
      "(CHANGELOG|README)\\.md|LICENSE|\\.gitignore|\\.gitattributes|\\.editorconfig|\\.ci)$",
  );
  const top = [...new Set(files.map((file) => file.split("/")[0] as string))];
  nothingFound(
    top.filter((name) => !agreed.test(name)),
    "beyond the agreed layout",
  );
  const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
  const keys = files
    .filter((file) => /\.(pem|key|pub|json|ts|txt)$/.test(file))
    .filter((file) => existsSync(join(packageFolder, file)))
    .filter((file) => key.test(readFileSync(join(packageFolder, file), "utf8")));
  nothingFound(keys, "private keys");
});

architecture.run();
