/** Lists that are none, what a list cannot go with, kernels without a filter; and what explain says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetHost } from './network-host.ts';
import { stateOf } from './state.ts';

const host = new NetHost();

/** Flags, and what must be said of them. */
const WRONG: ReadonlyArray<readonly [flags: string[], line: RegExp]> = [
  [['--egress', 'example.com'], /--egress "example\.com": it is neither allow=…, none nor any/],
  [['--egress', ''], /--egress "": it is neither allow=…, none nor any/],
  [['--egress', 'allow='], /"allow=": an entry of the list is empty.*--egress none/],
  [['--egress', 'allow=a.test,,b.test'], /an entry of the list is empty/],
  [['--egress', 'none', '--egress', 'allow=a.test'], /--egress none: it stands alone/],
  [['--egress', 'allow=a.test', '--egress', 'any'], /--egress any: it stands alone/],
  [['--egress', 'allow=a_test..b'], /"a_test\.\.b": it is neither a name, nor an address, nor a range/],
  [['--egress', 'allow=-a.test'], /"-a\.test": it is neither a name/],
  [['--egress', 'allow=a test'], /"a test": it is neither a name/],
  [['--egress', 'allow=https://a.test/'], /"https:\/\/a\.test\/": it is neither a name/],
  [['--egress', 'allow=a.test:443'], /"a\.test:443": it is neither a name/],
  [['--egress', 'allow=bücher.test'], /a name has ASCII letters only.*xn--/],
  [['--egress', 'allow=*'], /"\*": a "\*" stands for whole labels at the beginning only/],
  [['--egress', 'allow=a.*.test'], /a "\*" stands for whole labels at the beginning only/],
  [['--egress', 'allow=*a.test'], /a "\*" stands for whole labels at the beginning only/],
  [['--egress', `allow=${'a'.repeat(64)}.test`], /it is neither a name/],
  [['--egress', 'allow=10.0.0.0/33'], /"10\.0\.0\.0\/33": a prefix has 32 bits at most/],
  [['--egress', 'allow=10.0.0.1/8'], /"10\.0\.0\.1\/8": the address has bits behind its prefix/],
  [['--egress', 'allow=10.0.0/8'], /"10\.0\.0\/8": it is neither/],
  [['--egress', 'allow=10.0.0.0/'], /"10\.0\.0\.0\/": it is neither/],
  [['--egress', 'allow=1.2.3'], /"1\.2\.3": it is neither/],
  [['--egress', 'allow=300.0.0.1'], /"300\.0\.0\.1": it is neither/],
  [['--egress', 'allow=fd00::/129'], /a prefix has 128 bits at most/],
  [['--egress', 'allow=fd00::1/64'], /the address has bits behind its prefix/],
  [
    ['--egress', `allow=${Array.from({ length: 513 }, (_, i) => `a${i}.test`).join(',')}`],
    /513 entries, and 512 are the most/,
  ],
  [['--egress', 'none', '--network', 'host'], /--egress: with --network host it has no network of its own/],
  [
    ['--egress', 'none', '--privileged'],
    /--egress: with --privileged, a privileged container can take the filter away/,
  ],
  [
    ['--egress', 'none', '--cap-add', 'NET_ADMIN'],
    /--egress: with --cap-add CAP_NET_ADMIN, it could take the filter away/,
  ],
  [['--egress', 'none', '--cap-add', 'net_raw'], /--egress: with --cap-add CAP_NET_RAW/],
  [['--egress', 'none', '--cap-add', 'all'], /--egress: with --cap-add ALL/],
  [
    ['--egress', 'none', '--pid', 'host'],
    /--egress: with --pid host, it reaches processes that are not limited/,
  ],
];

test('bad input: one line, and nothing changed', async () => {
  await host.ok('run', '-d', '--name', 'there', '--egress', 'allow=good.test', 'busybox', 'sleep', '600');
  const updates: Array<readonly [words: string[], line: RegExp, code?: number]> = [
    [['update', 'there'], /update needs something to change/],
    [['update', '--egress-add', 'x..y', 'there'], /"x\.\.y": it is neither a name/],
    [['update', '--egress-add', '', 'there'], /--egress-add: an entry is empty/],
    [['update', '--egress-rm', 'bad.test', 'there'], /"bad\.test" is not in the list of there: good\.test/],
    [['update', '--egress', 'none', '--egress-add', 'a.test', 'there'], /--egress: it replaces the list/],
    [['update', '--egress', 'none', 'nobody'], /no such container: nobody/, 1],
    [['network', 'denied', 'nobody'], /no such container: nobody/, 1],
    [['network', 'denied', '--format', '{{.No}', 'there'], /--format/],
  ];
  const runs = WRONG.map(([flags, line]) => [['run', '--rm', ...flags, 'busybox', 'true'], line] as const);
  runs.push([
    ['run', '--rm', '--egress', 'none', '--network', 'container:there', 'busybox', 'true'],
    /--egress: its network is that of there, and so is what it may reach.*give --egress to there/,
  ]);
  const before = stateOf(host.root);
  for (const [words, line, code = 125] of [...runs, ...updates] as typeof updates) {
    const result = await host.run(words);
    const said = `mydocker ${words.join(' ').slice(0, 100)}: ${result.stderr}`;
    assert.equal(result.code, code, said);
    assert.match(result.stderr, /^mydocker: [^\n]+\n$/, said);
    assert.match(result.stderr, line, said);
    assert.equal(result.stdout, '', said);
  }
  assert.deepEqual(stateOf(host.root), before);
  await host.ok('rm', '-f', 'there');
});

test('network denied of a container without a list says that it may reach everything', async () => {
  await host.ok('create', '--name', 'plain', 'busybox', 'true');
  const { code, stderr } = await host.run(['network', 'denied', 'plain']);
  assert.equal(code, 1);
  assert.match(stderr, /^mydocker: plain may reach everything: it has no egress list; give it one[^\n]*\n$/);
  await host.ok('rm', 'plain');
});

test('a kernel without nftables, or without a part of it, is named in one sentence', async () => {
  const explained = JSON.parse(
    await host.ok('explain', '--json', 'run', '--rm', '--egress', 'none', 'busybox', 'true'),
  ) as {
    steps: Array<{ n: number; op: string }>;
  };
  for (const op of ['nft-batch', 'filter-sockets']) {
    const step = explained.steps.find((one) => one.op === op)?.n;
    for (const errno of ['EPROTONOSUPPORT', 'ENOENT']) {
      const env = { MYDOCKER_FAIL_STEP: `${step}:${errno}` };
      const { code, stderr } = await host.run(['run', '--rm', '--egress', 'none', 'busybox', 'true'], {
        env,
      });
      assert.equal(code, 125, stderr);
      assert.match(
        stderr,
        /^mydocker: cannot start [^\n]*: this kernel has no nftables, or lacks a part of it that --egress needs; load nf_tables[^\n]*\n$/,
      );
    }
  }
});

test('explain tells each step of a list', async () => {
  const text = await host.ok('explain', 'run', '--egress', 'allow=example.com,10.0.0.0/8', 'busybox', 'true');
  for (const words of [
    /write\(".*\/egress", "#00000001\\nexample\.com\\n"/,
    /--egress: the names it may ask for/,
    /sendto\(NETLINK_NETFILTER, NFT_MSG_NEWTABLE mydocker-egress, 3 × NFT_MSG_NEWCHAIN mydocker-egress, /,
    /--egress: only what is in the list \(2\) may be reached; a table in the container’s own network namespace/,
    /an IPv6 address of an allowed name may be reached as long as the answer holds, 60 s to 24 h/,
  ])
    assert.match(text, words);
});
