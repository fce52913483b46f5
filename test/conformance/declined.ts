const SCRIPT =
  'XEP-0252 is obsolete and no client of today speaks it; GET with data= and callback=, which old pages use, is served instead.';

/** Items that Sluice does not fulfil on purpose, and why. What is merely not built yet does not belong here. */
export const DECLINED: ReadonlyMap<string, string> = new Map([
  ['BOSH-SCRIPT-03', SCRIPT],
  ['BOSH-SCRIPT-04', SCRIPT],
  ['BOSH-SCRIPT-05', SCRIPT],
  ['BOSH-SCRIPT-06', SCRIPT],
]);
