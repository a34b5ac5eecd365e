// Checks dashboards against JSON schemas made of the types that Grafana publishes.
//     node check.js DASHBOARD.json…
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const [path, tsconfig] = ['dashboard.ts', 'tsconfig.json'].map((file) => fileURLToPath(new URL(file, import.meta.url)));
// Grafana has several types of one name, so each is written where it is used.
const generator = createGenerator({ path, tsconfig, expose: 'none', additionalProperties: false });
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
const validators = new Map();

/** What is wrong with `value` as a `type` of dashboard.ts, a line each. */
function faults(type, value, at) {
  if (!validators.has(type)) validators.set(type, ajv.compile(generator.createSchema(type)));
  const validate = validators.get(type);
  if (validate(value)) return [];
  return validate.errors.map(({ instancePath, message, params }) => `${at}${instancePath} ${message}: ${JSON.stringify(params)}`);
}

function dashboardFaults(dashboard) {
  const panels = dashboard.panels ?? [];
  const types = panels.map(({ type }) => ({ type }));
  const whole = faults('Dashboard', { ...dashboard, panels: types }, '');
  if (whole.length) return whole;
  return panels.flatMap((panel, index) => faults(panel.type, panel, `/panels/${index} (${panel.title})`));
}

const files = process.argv.slice(2);
let failed = files.length === 0;
for (const file of files) {
  for (const fault of dashboardFaults(JSON.parse(readFileSync(file, 'utf8')))) {
    failed = true;
    console.error(`${file}: ${fault}`);
  }
}
process.exitCode = failed ? 1 : 0;
