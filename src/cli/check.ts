import { ConfigError } from '../config/config-error.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { systemClock } from '../core/clock.ts';
import { normaliseDomain } from '../core/domain.ts';
import type { Target } from '../core/ports.ts';
import { codeOf, reasonOf } from '../core/errors.ts';
import { probeHostMeta, type ProbeOptions } from '../discovery/probe.ts';
import { connectorSettings } from '../gateway.ts';
import { Inspector, type ServerReport } from '../upstream/inspector.ts';
import type { Arguments } from './arguments.ts';
import { adviceFor, certificateProblem, DAYS_TO_RENEW, daysLeft, type Advice } from './check-advice.ts';
import { describeSettings } from './check-config.ts';

/** Where the lines go. */
export type Print = (line: string) => void;

/** `sluice check DOMAIN`, `sluice check --config FILE`. The exit code: 0 where all is well, 1 where it is not. */
export async function check(
  { values: { config: file }, topic }: Pick<Arguments, 'values' | 'topic'>,
  print: Print,
): Promise<number> {
  const { settings, source, warnings } = await loadSettings({ file, env: process.env, flags: {} });
  if (topic === undefined) {
    if (source === undefined) throw new ConfigError('check', 'needs a domain, or --config FILE; see sluice help check');
    describeSettings(settings, source, new Date()).forEach(print);
    for (const warning of warnings) print(`  changed   ${warning}`);
    return 0;
  }
  const domain = normaliseDomain(topic);
  if (domain === undefined) throw new ConfigError(topic, 'is no domain such as example.org');
  return checkDomain(domain, settings, print);
}

type Verdict = 'ok' | 'note' | 'warn' | 'FAIL';

const WIDTH = 13;

/** `  ok    TCP          connected ...`; lines that go on stand under the text. */
function line(verdict: Verdict, what: string, text: string): string {
  return `  ${verdict.padEnd(5)} ${what.padEnd(WIDTH)}${text}`;
}

/** Goes the whole way that a client's stream would go, step by step. */
export async function checkDomain(
  domain: string,
  settings: Settings,
  print: Print,
  probe: ProbeOptions = {},
): Promise<number> {
  const inspector = new Inspector(domain, connectorSettings(settings), systemClock);
  try {
    const advice = await inspect(domain, inspector, print, probe);
    print('');
    const [problem] = advice;
    if (problem === undefined) {
      print(`${domain}: clients can log in through this gateway.`);
      return 0;
    }
    print(`${domain}: no client can log in through this gateway. ${problem.why}`);
    for (const step of problem.next) print(`  Next: ${step}`);
    return 1;
  } finally {
    await inspector.stop();
  }
}

/** What is wrong, the server first that got furthest; nothing where one of them works. */
async function inspect(domain: string, inspector: Inspector, print: Print, probe: ProbeOptions): Promise<Advice[]> {
  const refusal = inspector.refusal();
  if (refusal !== undefined) {
    print(line('FAIL', 'policy', refusal.reason));
    return [adviceFor(domain, refusal)];
  }
  print(line('ok', 'policy', `${domain} is served`));
  let targets: readonly Target[];
  try {
    targets = await inspector.targets();
  } catch (error) {
    print(line('FAIL', 'DNS', reasonOf(error)));
    return [adviceFor(domain, { code: codeOf(error), reason: reasonOf(error) })];
  }
  await showRecords(inspector, targets, print);

  const reports: ServerReport[] = [];
  for (const target of targets) {
    const report = await inspector.inspect(target);
    reports.push(report);
    showServer(domain, report, print);
  }
  const problems = reports.map((report) => problemOf(domain, report));
  await showHostMeta(domain, print, probe);
  return problems.includes(undefined)
    ? []
    : problems.filter((one) => one !== undefined).toSorted((a, b) => b.depth - a.depth);
}

async function showRecords(inspector: Inspector, targets: readonly Target[], print: Print): Promise<void> {
  const [first] = targets;
  if (first?.trusted === true) {
    print(line('ok', 'server', `${placeOf(first)}, by the configuration`));
    return;
  }
  for (const service of ['_xmpps-client', '_xmpp-client'] as const) {
    const found = await inspector.records(service);
    if (!Array.isArray(found)) print(line('warn', 'DNS', `${service}: ${'reason' in found ? found.reason : ''}`));
    else if (found.length === 0) print(line('note', 'DNS', `${service}: no SRV record`));
    else {
      for (const { name, port, priority, weight } of found) {
        print(line('ok', 'DNS', `${service}: priority ${priority}, weight ${weight}, ${name}:${port}`));
      }
    }
  }
}

const WAYS = {
  direct: 'direct TLS',
  starttls: 'STARTTLS',
  optional: 'STARTTLS where it is offered',
  'if-required': 'STARTTLS where it is required',
  none: 'clear text',
} as const;

const placeOf = ({ host, port, tls }: Target): string => `${host}:${port} (${WAYS[tls]})`;

function showServer(domain: string, report: ServerReport, print: Print): void {
  const { target, addresses, connected, tls, certificate, mechanisms, failure } = report;
  print('');
  print(placeOf(target));
  for (const { address, isAllowed } of addresses) {
    if (isAllowed) print(line('ok', 'address', address));
    else print(line('FAIL', 'address', `${address} is private or special: it is not connected to`));
  }
  if (addresses.length === 0) print(line('FAIL', 'address', `DNS knows no address of ${target.host}`));
  if (connected !== undefined) print(line('ok', 'TCP', `connected to ${connected.address} in ${connected.ms} ms`));
  if (tls !== undefined) print(line('ok', 'TLS', `${tls.version}, ${tls.cipher}`));
  if (certificate !== undefined) {
    const days = daysLeft(certificate, new Date());
    const until = certificate.validTo.toISOString().slice(0, 10);
    const left = days < 0 ? `ran out on ${until}` : `${days} ${days === 1 ? 'day' : 'days'} left (${until})`;
    const problem = certificateProblem(domain, certificate);
    const isBad = problem !== undefined && certificate.isNeeded;
    const verdict = isBad ? 'FAIL' : problem !== undefined || days < DAYS_TO_RENEW ? 'warn' : 'ok';
    print(
      line(
        verdict,
        'certificate',
        `for ${certificate.names.join(', ') || 'no name'}; by ${certificate.issuer}; ${left}`,
      ),
    );
    if (problem !== undefined) print(line(verdict, '', problem));
  } else if (mechanisms !== undefined && target.tls !== 'none') {
    print(line('warn', 'TLS', 'none: the stream is in clear text, as the configuration allows'));
  }
  if (mechanisms !== undefined) {
    const list = mechanisms.length === 0 ? 'no way to log in' : `log in by ${mechanisms.join(', ')}`;
    print(line(mechanisms.length === 0 ? 'warn' : 'ok', 'features', list));
  }
  if (failure !== undefined && addresses.some(({ isAllowed }) => isAllowed)) {
    print(line('FAIL', stepOf(report), failure.reason));
  }
}

/** Where it ended. */
function stepOf({ target, connected, tls, failure }: ServerReport): string {
  if (failure?.code === 'upstream-refused') return 'policy';
  if (connected === undefined) return 'TCP';
  return tls === undefined && target.tls !== 'none' ? 'TLS' : 'stream';
}

function problemOf(domain: string, { failure, certificate, ...report }: ServerReport): Advice | undefined {
  if (certificate?.isNeeded === true && certificate.problem !== undefined) {
    return adviceFor(domain, { code: 'upstream-tls', reason: certificate.problem }, { ...report, certificate });
  }
  return failure === undefined ? undefined : adviceFor(domain, failure, report);
}

/** Clients find the gateway by it, or by their own settings: nothing here hangs on it. */
async function showHostMeta(domain: string, print: Print, probe: ProbeOptions): Promise<void> {
  print('');
  print(`https://${domain}/.well-known/host-meta`);
  try {
    const links = await probeHostMeta(domain, { timeoutMs: 5000, ...probe });
    if (links.length === 0) print(line('note', 'host-meta', 'names neither BOSH nor WebSocket'));
    for (const { href, problem } of links)
      print(
        line(problem === undefined ? 'ok' : 'warn', 'host-meta', problem === undefined ? href : `${href}: ${problem}`),
      );
  } catch (error) {
    print(line('note', 'host-meta', `${reasonOf(error)}: clients must be told where the gateway is`));
  }
}
