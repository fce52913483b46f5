const SCRIPT =
  'XEP-0252 is obsolete and no client of today speaks it; GET with data= and callback=, which old pages use, is served instead.';

const HOST_META_2 =
  "XEP-0487 is at version 0.1 of 2024, without a change since. Its `xmpp` object tells clients to look for nothing else, so it would have to name the server's own ports, addresses and keys, which a gateway does not know.";

/** Items that Sluice does not fulfil on purpose, and why. What is merely not built yet does not belong here. */
export const DECLINED: ReadonlyMap<string, string> = new Map([
  ['BOSH-SCRIPT-03', SCRIPT],
  ['BOSH-SCRIPT-04', SCRIPT],
  ['BOSH-SCRIPT-05', SCRIPT],
  ['BOSH-SCRIPT-06', SCRIPT],
  ['DISC-12', HOST_META_2],
  ['DISC-13', HOST_META_2],
]);
