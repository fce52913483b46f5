import { secretText, yesNo } from '../fields.ts';

export const pages = {
  monitorPage: yesNo(
    true,
    'Whether / is a page that says how many sessions and streams there are, by transport, for how long the gateway is up, and its version. Not on a server that it is attached to.',
  ),
  systemInfoPassword: secretText(
    'The password of `sysinfo/` below `path`, and of /sysinfo/: the same numbers, and all settings but the secret ones. The user is admin. It comes in clear text over http.',
    'none: the page answers 403',
  ),
};
