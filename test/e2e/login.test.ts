/** login, logout, and the places credentials come from: our own file, Docker's, credential helpers. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, until } from './harness.ts';
import { layerOf, Publisher } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { PASSWORD, Registry, USER } from './registry.ts';
import { inTerminal } from './state.ts';

const host = new PullHost();
const directory = mkdtempSync('/var/tmp/mydocker-login-');
const layers = [layerOf(busyboxFiles())];
const [basic, token, tls] = [
  await Registry.start({ auth: 'basic' }),
  await Registry.start({ auth: 'token' }),
  await Registry.start({ auth: 'basic', tls: true }),
];
after(async () => {
  await Promise.all([basic.stop(), token.stop(), tls.stop()]);
  rmSync(directory, { recursive: true });
});
await new Publisher(basic.host).publish('app', 'v1', { layers });
await new Publisher(tls.host, 'https').publish('app', 'v1', { layers });

const FILE = `${directory}/ours/auth.json`;
const DOCKER = `${directory}/docker`;
mkdirSync(DOCKER);
mkdirSync(`${directory}/bin`);
/** Where it looks: nothing of the user's own. */
const env = {
  MYDOCKER_AUTH_FILE: FILE,
  DOCKER_CONFIG: DOCKER,
  PATH: `${directory}/bin:${process.env.PATH}`,
};
const run = (args: readonly string[], input?: string) =>
  host.run(args, { env, ...(input === undefined ? {} : { input }) });

async function ok(args: readonly string[], input?: string): Promise<string> {
  const result = await run(args, input);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
  return result.stdout.trimEnd();
}

async function fails(code: number, line: RegExp, args: readonly string[], input?: string): Promise<void> {
  const result = await run(args, input);
  assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
  assert.match(result.stderr, line);
  assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
  assert.ok(!result.stderr.includes(PASSWORD), 'no password in an error');
}

const pulls = async (registry: Registry): Promise<void> => {
  await ok(['pull', '-q', `${registry.host}/app:v1`]);
  await ok(['rmi', `${registry.host}/app:v1`]);
};

test('login: a wrong password is refused and not kept; a right one is, readable for its owner alone', async () => {
  await fails(1, /refuses/, ['login', '-u', USER, '--password-stdin', basic.host], 'wrong\n');
  assert.throws(() => statSync(FILE), /ENOENT/);
  await fails(1, /mydocker login/, ['pull', `${basic.host}/app:v1`]);
  assert.equal(
    await ok(['login', '-u', USER, '--password-stdin', basic.host], `${PASSWORD}\n`),
    'Login Succeeded',
  );
  assert.equal(statSync(FILE).mode & 0o777, 0o600);
  assert.equal(statSync(`${directory}/ours`).mode & 0o777, 0o700);
  await pulls(basic);
  const auths = JSON.parse(readFileSync(FILE, 'utf8')).auths;
  assert.deepEqual(Object.keys(auths), [basic.host]);
  const before = readFileSync(FILE, 'utf8');
  await fails(1, /refuses/, ['login', '-u', USER, '-p', 'wrong', basic.host]);
  assert.equal(readFileSync(FILE, 'utf8'), before, 'the right one stays');
});

test('login to a registry with tokens; push with it; logout takes it back', async () => {
  await fails(1, /refuses/, ['login', '-u', USER, '-p', 'wrong', token.host]);
  await ok(['login', '-u', USER, '-p', PASSWORD, token.host]);
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(FILE, 'utf8')).auths), [basic.host, token.host]);
  const name = `${token.host}/mine:v1`;
  await ok(['run', '--rm', 'busybox', 'true']);
  await ok(['tag', 'busybox', name]);
  await ok(['push', '-q', name]);
  assert.match(await ok(['logout', token.host]), /Removed/);
  assert.match(await ok(['logout', token.host]), /Not logged in/);
  await fails(1, /mydocker login/, ['push', '-q', name]);
  await pulls(basic);
});

test('login asks on a terminal, and shows no password', async () => {
  const [file, args] = inTerminal([EXECUTABLE, 'login', basic.host]);
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...host.settings(), ...env, MYDOCKER_ROOT: host.root },
  });
  let seen = '';
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await until('it asks for the name', () => seen.includes('Username: '));
  child.stdin.write(`${USER}\r`);
  await until('it asks for the password', () => seen.includes('Password: '));
  child.stdin.write(`${PASSWORD}\r`);
  await until('it says that it worked', () => seen.includes('Login Succeeded'));
  child.stdin.end();
  assert.equal(await ended, 0);
  assert.ok(!seen.includes(PASSWORD), seen);
});

test('login: what is wrong with the command line or the registry', async () => {
  await fails(
    125,
    /exclude each other/,
    ['login', '-u', 'a', '-p', 'b', '--password-stdin', basic.host],
    'b',
  );
  await fails(125, /needs a password/, ['login', '-u', 'a', '--password-stdin', basic.host], '');
  await fails(125, /needs a name/, ['login', '--password-stdin', basic.host], 'x');
  await fails(125, /certificate/, ['login', '-u', USER, '-p', PASSWORD, tls.host]);
  await fails(125, /cannot reach the registry/, ['login', '-u', USER, '-p', 'x', '127.0.0.1:1']);
});

test('Docker’s own file: auths, an identity token that is none; broken files are told, without their text', async () => {
  rmSync(FILE);
  const docker = (value: unknown): void =>
    writeFileSync(`${DOCKER}/config.json`, typeof value === 'string' ? value : JSON.stringify(value));
  const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  docker({ auths: { [basic.host]: { auth } } });
  await pulls(basic);
  docker({ auths: { [`https://${basic.host}`]: { auth } } });
  await pulls(basic);
  docker({ auths: { [basic.host]: { username: USER, password: PASSWORD } } });
  await pulls(basic);
  docker({ auths: { [basic.host]: { identitytoken: 'a-token' } } });
  await fails(1, /only a token is known/, ['pull', `${basic.host}/app:v1`]);
  docker({ auths: { [basic.host]: { auth: 'not base64 at all %%%' } } });
  await fails(1, /mydocker login/, ['pull', `${basic.host}/app:v1`]);
  docker(`{"auths": {"x": {"auth": "${auth}"}`);
  await fails(125, /config\.json: it is no JSON object/, ['pull', `${basic.host}/app:v1`]);
  docker([]);
  await fails(125, /config\.json: it is no JSON object/, ['pull', `${basic.host}/app:v1`]);
  docker({ auths: [], credHelpers: 5, credsStore: 7 });
  await fails(1, /mydocker login/, ['pull', `${basic.host}/app:v1`]);
  rmSync(`${DOCKER}/config.json`);
});

test('credential helpers: asked by docker’s protocol; what goes wrong with one is told', async () => {
  const helper = (name: string, script: string): void => {
    writeFileSync(`${directory}/bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
    chmodSync(`${directory}/bin/docker-credential-${name}`, 0o755);
  };
  const docker = (value: object): void => writeFileSync(`${DOCKER}/config.json`, JSON.stringify(value));
  const log = `${directory}/asked`;
  const answer = JSON.stringify({ ServerURL: basic.host, Username: USER, Secret: PASSWORD });
  helper('safe', `echo "$1 $(cat)" >> ${log}\ncat <<'EOF'\n${answer}\nEOF`);
  docker({ credHelpers: { [basic.host]: 'safe' } });
  await pulls(basic);
  docker({ credsStore: 'safe' });
  await pulls(basic);
  assert.deepEqual([...new Set(readFileSync(log, 'utf8').trim().split('\n'))], [`get ${basic.host}`]);
  const failing: ReadonlyArray<readonly [string, string, number, RegExp]> = [
    ['knows-nothing', "echo 'credentials not found in native keychain'; exit 1", 1, /mydocker login/],
    [
      'broken',
      `echo '${PASSWORD}'; exit 3`,
      125,
      /docker-credential-broken failed: it ended with exit code 3/,
    ],
    ['noise', `echo '${PASSWORD}'`, 125, /docker-credential-noise failed: its answer is no JSON/],
    ['half', `echo '{"Username":"${USER}"}'`, 125, /docker-credential-half failed: .*no Username and Secret/],
  ];
  for (const [name, script, code, line] of failing) {
    helper(name, script);
    docker({ credHelpers: { [basic.host]: name } });
    await fails(code, line, ['pull', `${basic.host}/app:v1`]);
  }
  docker({ credHelpers: { [basic.host]: 'missing' } });
  await fails(125, /docker-credential-missing failed: there is no such program/, [
    'pull',
    `${basic.host}/app:v1`,
  ]);
  docker({ credHelpers: { [basic.host]: '../evil' } });
  await fails(125, /no name of a program/, ['pull', `${basic.host}/app:v1`]);
  docker({ credHelpers: { [token.host]: 'broken' } });
  await fails(1, /mydocker login/, ['pull', `${basic.host}/app:v1`]);
  // Our own file comes first: nobody else is asked.
  docker({ credHelpers: { [basic.host]: 'broken' } });
  await ok(['login', '-u', USER, '-p', PASSWORD, basic.host]);
  await pulls(basic);
});

test('a certificate that only /etc/docker/certs.d vouches for is taken', async () => {
  // Laid over /etc for this one program: the host's own stays as it is.
  const script = `
    mount -t tmpfs none ${directory}/bin && mkdir ${directory}/bin/upper ${directory}/bin/work &&
    mount -t overlay -o lowerdir=/etc,upperdir=${directory}/bin/upper,workdir=${directory}/bin/work none /etc &&
    mkdir -p /etc/docker/certs.d/${tls.host} && cp ${tls.ca} /etc/docker/certs.d/${tls.host}/ca.crt &&
    '${EXECUTABLE}' login -u ${USER} --password-stdin ${tls.host} &&
    '${EXECUTABLE}' pull -q ${tls.host}/app:v1`;
  const result = await command('unshare', ['-m', 'sh', '-c', script], {
    input: PASSWORD,
    env: { ...host.settings(), ...env, MYDOCKER_ROOT: host.root },
  });
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `Login Succeeded\n${tls.host}/app:v1\n`);
  assert.throws(() => statSync(`/etc/docker/certs.d/${tls.host}`), /ENOENT/);
});
