// SPDX-License-Identifier: BSD-2-Clause
// Whether a text is a dashboard in Grafana's eyes: TypeScript's own checker
// holds it against the types in grammar.ts.

import { basename, join } from "node:path";

import * as ts from "typescript";

const SOURCES = join(__dirname, "..", "src");
const PREFIX = [
  'import type { Dashboard } from "./grammar";',
  "export const dashboard: Dashboard =",
];
const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
};

/** What is wrong with each dashboard, given as JSON by its name, with the line where. */
export function mistakes(dashboards: ReadonlyMap<string, string>): string[] {
  // Files that are in no folder, but read as if they were beside grammar.ts.
  const files = new Map(
    [...dashboards].map(([name, json]) => {
      const path = join(SOURCES, `${name}.ts`);
      const text = [...PREFIX, json].join("\n");
      return [path, ts.createSourceFile(path, text, OPTIONS.target ?? ts.ScriptTarget.Latest)];
    }),
  );
  const host = ts.createCompilerHost(OPTIONS);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => files.get(path) ?? read(path, ...rest);
  const program = ts.createProgram([...files.keys()], OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map(told);
}

function told(found: ts.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(found.messageText, "\n  ");
  if (found.file === undefined || found.start === undefined) return text;
  const line = found.file.getLineAndCharacterOfPosition(found.start).line + 1 - PREFIX.length;
  return `${basename(found.file.fileName, ".ts")}:${line}: ${text}`;
}
