// Loaded before each test file: a file whose tests are done, but whose process stays, left something open. That is a fault, and it
// would hang the whole run, since the runner's timeout looks at tests only.
import { after } from 'node:test';

const GRACE_MS = 5000;

after(() => {
  // With nothing left to do, Node closes what is still there, and has been seen to go round in that for ever. An exit that is
  // asked for does not wait.
  process.once('exit', () => process.exit());
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ');
    console.error(
      `${process.argv[1]}: its tests are done, but the process stays, for something was left open: ${open}`,
    );
    process.exit(1);
  }, GRACE_MS).unref();
});
