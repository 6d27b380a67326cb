// SPDX-License-Identifier: BSD-2-Clause
// What promtool does not ask of rules, of their tests, and of compose.yaml.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";

import { parse } from "yaml";

const FOLDER = join(__dirname, "..");
const REPOSITORY = dirname(FOLDER);

interface Rule {
  alert?: string;
  record?: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface Case {
  alertname: string;
  exp_alerts: unknown[];
}

function read<T>(file: string): T {
  return parse(readFileSync(join(FOLDER, file), "utf8")) as T;
}

function rules(file: string): Rule[] {
  return read<{ groups: { rules: Rule[] }[] }>(file).groups.flatMap((group) => group.rules);
}

const alerts = rules("prometheus/rules/alerts.yml");
const { tests } = read<{ tests: { alert_rule_test: Case[] }[] }>("prometheus/tests/alerts.yml");
const cases = tests.flatMap((one) => one.alert_rule_test);

test("each alert says how long, how grave, what, and what to do", () => {
  for (const { alert, for: duration, labels, annotations } of alerts) {
    assert.ok(alert?.startsWith("Tcpstats"), alert);
    assert.match(duration ?? "none", /^[0-9]+[smh]$/, `${alert}: for`);
    assert.ok(["critical", "warning"].includes(labels?.severity ?? "none"), `${alert}: severity`);
    assert.ok(annotations?.summary, `${alert}: summary`);
    assert.ok(annotations?.description, `${alert}: description`);
    const page = annotations?.runbook_url ?? "none";
    assert.ok(existsSync(join(REPOSITORY, page)), `${alert}: its runbook ${page} is not there`);
    const text = readFileSync(join(REPOSITORY, page), "utf8");
    assert.ok(text.includes(`# ${alert}\n`), `${page} is not about ${alert}`);
  }
});

test("each alert is tested for firing and for not firing", () => {
  for (const { alert } of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert);
    const firing = own.filter(({ exp_alerts }) => exp_alerts.length > 0).length;
    assert.notEqual(firing, 0, `${alert}: no test in which it fires`);
    assert.notEqual(own.length - firing, 0, `${alert}: no test in which it does not fire`);
  }
});

test("recorded names are level:metric:operation", () => {
  for (const { record } of rules("prometheus/rules/recording.yml")) {
    assert.match(record ?? "none", /^[a-z_]+:[a-z_]+:[a-z0-9_]+$/);
  }
});

test("containers are of one version each, and what they mount is there", () => {
  interface Service {
    image: string;
    volumes: string[];
  }
  const { services } = read<{ services: Record<string, Service> }>("compose.yaml");
  for (const { image, volumes } of Object.values(services)) {
    assert.match(image, /^[a-z]+\/[a-z]+:v?[0-9]+\.[0-9]+\.[0-9]+$/);
    for (const source of volumes.map((volume) => volume.split(":", 1)[0] ?? "")) {
      if (source.startsWith(".")) assert.ok(existsSync(join(FOLDER, source)), source);
    }
  }
});
