// `npm run bench -- --rounds 5 --scenario closed,push --target sluice,prosody --seconds 5`: see docs/performance.md.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bench } from './bench.ts';
import type { Route } from './links/link.ts';
import { topFunctions } from './profile.ts';
import { report } from './report.ts';
import { scenariosOf } from './scenarios.ts';
import { gateway, started, targets, type Target } from './targets.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    warmup: { type: 'string', default: '2' },
    settle: { type: 'string', default: '5' },
    scenario: { type: 'string', default: 'login,fixed,closed,push,batch,large' },
    target: { type: 'string' },
    transport: { type: 'string', default: 'tcp,bosh,websocket' },
    dist: { type: 'string', default: join(import.meta.dirname, '../dist') },
    baseline: { type: 'string' },
    also: { type: 'string', multiple: true, default: [] },
    'sink-port': { type: 'string', default: '0' },
    profile: { type: 'string' },
    json: { type: 'string' },
    docs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `npm run bench -- [options]

  --scenario A,B    ${['login', 'fixed', 'closed', 'push', 'batch', 'large'].join(', ')} (these by default),
                    idle (or idle-2000, ...), scale (or scale-100, ...), storm
  --target A,B      which of: tcp relay, http relay, ws relay, sluice, prosody, ejabberd (all that are here)
  --transport A,B   tcp, bosh, websocket
  --rounds N        5: interleaved, so that ratios can be taken
  --seconds S       4: that are measured, after --warmup 2, and once for each process after --settle 5 at full speed
  --baseline DIR    another build of the gateway (its dist), to compare with
  --also NAME=PID,DOMAIN,URL[,URL]   another connection manager that runs, and sends DOMAIN to the sink at --sink-port
  --profile DIR     where V8 writes CPU profiles of the gateway; their top is printed
  --json FILE       all samples
  --docs            put the tables into docs/performance.md
`;

/** The files that one process may have open. */
function descriptors(): number {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -n']).toString());
  return Number.isNaN(limit) ? Infinity : limit;
}

function alsoOf(text: string): Target {
  const [name = '', rest = ''] = text.split('=');
  const [pid = '', domain = '', ...urls] = rest.split(',');
  return started(name, urls, domain, Number(pid));
}

const PAGE = join(import.meta.dirname, '../docs/performance.md');
const LATEST = /(?<=<!-- latest -->\n)[^]*(?=\n<!-- end -->)/;

async function putIntoDocs(text: string): Promise<void> {
  await writeFile(
    PAGE,
    (await readFile(PAGE, 'utf8')).replace(LATEST, () => `\n${text}\n`),
  );
}

async function main(): Promise<void> {
  const all = [
    ...targets(values.dist, values.profile),
    ...(values.baseline === undefined ? [] : [gateway('baseline', values.baseline)]),
    ...values.also.map(alsoOf),
  ];
  const asked = values.target?.split(',');
  const chosen = all.filter(({ name }) => asked?.includes(name) ?? true);
  for (const { name, missing } of chosen) if (missing !== undefined) console.log(`left out: ${name}: ${missing}`);
  const samples = await bench({
    scenarios: scenariosOf(values.scenario.split(',')),
    targets: chosen.filter(({ missing }) => missing === undefined),
    transports: values.transport.split(',') as Route['transport'][],
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    warmupSeconds: Number(values.warmup),
    settleSeconds: Number(values.settle),
    sinkPort: Number(values['sink-port']),
    descriptors: descriptors(),
    progress: (line) => console.log(line),
  });
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.replace(/ --docs| --json \S+/g, '');
  const text = `\`${command}\`: ${machine}, ${values.rounds} rounds of ${values.seconds} s.\n\n${report(samples)}`;
  console.log(`\n${text}`);
  if (values.docs) await putIntoDocs(text);
  if (values.profile !== undefined) console.log(`\n${await topFunctions(values.profile)}`);
  if (values.json !== undefined)
    await writeFile(values.json, JSON.stringify({ machine, values, samples }, undefined, 1));
}

if (values.help) console.log(HELP);
else await main();
