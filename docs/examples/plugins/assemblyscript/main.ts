// A plugin for Sluice: no job is wider than the team may have, and a job that says nothing of a savepoint interval gets one.
//
// Settings: {"mostParallelism": 32, "savepointInterval": "6 h"}

import { JSON } from "assemblyscript-json/assembly";
import { exit, readInput, write } from "./wasi";

const INTERVAL = "kubernetes.operator.periodic.savepoint.interval";

/** Called where AssemblyScript gives up. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  write(2, "aborted: " + (message ? message : "") + "\n");
  exit(1);
}

/** The member of an object, where there is such an object and member. */
function member(value: JSON.Value | null, name: string): JSON.Value | null {
  if (value == null || !value.isObj) return null;
  return (value as JSON.Obj).get(name);
}

function text(value: JSON.Value | null): string {
  return value != null && value.isString ? (value as JSON.Str).valueOf() : "";
}

function number(value: JSON.Value | null): i64 {
  return value != null && value.isInteger ? (value as JSON.Integer).valueOf() : 0;
}

function violation(path: string, code: string, message: string, fix: string): JSON.Obj {
  const finding = new JSON.Obj();
  finding.set("path", path);
  finding.set("code", code);
  finding.set("message", message);
  finding.set("fix", fix);
  return finding;
}

const request = JSON.parse(readInput());
const spec = member(member(request, "object"), "spec");
const settings = member(request, "settings");

const violations = new JSON.Arr();
const most = number(member(settings, "mostParallelism"));
const parallelism = number(member(member(spec, "job"), "parallelism"));
if (most > 0 && parallelism > most) {
  violations.push(
    violation(
      "spec.job.parallelism",
      "too-wide",
      parallelism.toString() + " is more than the " + most.toString() + " that this cluster allows",
      "set at most " + most.toString() + ", or ask for more",
    ),
  );
}

const patch = new JSON.Arr();
const interval = text(member(settings, "savepointInterval"));
const isNamed = member(member(request, "config"), INTERVAL) != null;
if (interval != "" && !isNamed && member(spec, "job") != null) {
  const operation = new JSON.Obj();
  operation.set("op", "add");
  if (member(spec, "flinkConfiguration") == null) {
    const configuration = new JSON.Obj();
    configuration.set(INTERVAL, interval);
    operation.set("path", "/spec/flinkConfiguration");
    operation.set("value", configuration);
  } else {
    operation.set("path", "/spec/flinkConfiguration/" + INTERVAL);
    operation.set("value", interval);
  }
  patch.push(operation);
}

const answer = new JSON.Obj();
answer.set("violations", violations);
answer.set("patch", patch);
write(1, answer.toString());
