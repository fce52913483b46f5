// Makes a checkout ready, and does nothing where it is: installs packages and builds.
// Runs before node_modules exists, so on the Node of the system (20 or later), without any package.
//   --build     also builds dist/
//   --servers   also builds, and installs the programs that the tests drive, where this is a Debian and we are root
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const at = (...names) => join(root, ...names);
const say = (text) => console.log(`setup: ${text}`);
const isWindows = process.platform === 'win32';

function stop(text) {
  console.error(`setup: ${text}`);
  process.exit(1);
}

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: isWindows, ...options }).status === 0;
}

/** Milliseconds since the epoch, or 0 where there is no such file. */
function changed(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function installPackages() {
  // npm writes this file last, so it is missing after an installation that was cut short.
  const stamp = at('node_modules', '.package-lock.json');
  const ready = existsSync(at('node_modules', '.bin', isWindows ? 'node.cmd' : 'node'));
  if (ready && changed(stamp) >= changed(at('package-lock.json'))) return;
  say('installing packages (npm ci) ...');
  if (!run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) stop('npm ci failed: see above');
  // npm may keep the time stamps of the archive; this is what the next run compares.
  utimesSync(stamp, new Date(), new Date());
}

function build() {
  const stamp = at('node_modules', '.cache', 'sluice-built');
  const files = readdirSync(at('src'), { recursive: true, withFileTypes: true });
  const sources = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const newest = Math.max(...[...sources, at('tsconfig.json'), at('tsconfig.build.json')].map(changed));
  if (existsSync(at('dist', 'cli', 'main.js')) && changed(stamp) >= newest) return;
  say('building ...');
  // What was renamed or removed must not live on.
  rmSync(at('dist'), { recursive: true, force: true });
  const started = new Date();
  const tsc = at('node_modules', '.bin', 'tsc');
  if (!run(process.execPath, [tsc, '-p', 'tsconfig.build.json'])) stop('the build failed: see above');
  mkdirSync(at('node_modules', '.cache'), { recursive: true });
  writeFileSync(stamp, '');
  utimesSync(stamp, started, started);
}

/** The programs and libraries that tests need, and the Debian package of each. */
const SERVERS = [
  ['prosody', 'prosody'],
  ['ejabberdctl', 'ejabberd'],
  ['chromium', 'chromium'],
  ['openssl', 'openssl'],
  // For the examples of sites.
  ['/var/lib/dpkg/info/python3-django.list', 'python3-django'],
  ['/usr/bin/php', 'php-cli'],
  ['/var/lib/dpkg/info/ruby-sinatra.list', 'ruby-sinatra'],
];

function has(program) {
  if (program.startsWith('/')) return existsSync(program);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

const POLICY = '/usr/sbin/policy-rc.d';

/** apt-get with a policy that no daemon is started: the tests start their own, on ports of their own. */
function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const options = ['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0'];
    const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
    run('apt-get', [...options, 'update'], quiet);
    return run('apt-get', [...options, 'install', '-y', '--no-install-recommends', ...packages], quiet);
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}

function installServers() {
  const missing = SERVERS.filter(([program]) => !has(program)).map(([, name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && has('apt-get')) {
    say(`installing for the tests: ${missing.join(', ')} ...`);
    aptInstall(missing);
  }
  const left = SERVERS.filter(([program]) => !has(program)).map(([, name]) => name);
  if (left.length === 0) return;
  const words = `not installed: ${left.join(', ')}`;
  if (process.env.CI) stop(`${words}. No test may be skipped here.`);
  say(`${words}. The tests that need them are skipped; \`sudo apt-get install ${left.join(' ')}\` changes that.`);
}

installPackages();
if (process.argv.includes('--build') || process.argv.includes('--servers')) build();
if (process.argv.includes('--servers')) installServers();
