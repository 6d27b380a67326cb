// SPDX-License-Identifier: BSD-2-Clause
// Writes dashboards/*.json, or checks that those which are there are what would
// be written and are what Grafana's schema allows.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { all } from "./dashboards";
import { mistakes } from "./schema";

const FOLDER = join(__dirname, "..", "dashboards");

function texts(): Map<string, string> {
  const text = (value: unknown): string => JSON.stringify(value, null, 2) + "\n";
  return new Map([...all()].map(([name, dashboard]) => [`${name}.json`, text(dashboard)]));
}

function onDisk(): Map<string, string> {
  const files = readdirSync(FOLDER);
  return new Map(files.map((file) => [file, readFileSync(join(FOLDER, file), "utf8")]));
}

function check(): string[] {
  const wanted = texts();
  const there = onDisk();
  const files = new Set([...wanted.keys(), ...there.keys()]);
  const old = [...files].filter((file) => wanted.get(file) !== there.get(file));
  return [
    ...old.map((file) => `${file}: is not what the code makes: run \`make dashboards\``),
    ...mistakes(there),
  ];
}

function main(command: string | undefined): number {
  switch (command) {
    case "generate":
      for (const [file, text] of texts()) writeFileSync(join(FOLDER, file), text);
      return 0;
    case "check": {
      const found = check();
      found.forEach((text) => console.error(text));
      if (found.length === 0) console.log(`${texts().size} dashboards are as generated and valid`);
      return found.length === 0 ? 0 : 1;
    }
    default:
      console.error("usage: main.js generate|check");
      return 2;
  }
}

process.exitCode = main(process.argv[2]);
