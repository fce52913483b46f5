import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { requireProgram } from './real-server.ts';

export const chromiumProgram = '/usr/bin/chromium';

/** `more`: further arguments of the program. */
export function launchChromium(more: readonly string[] = []): Promise<Browser> {
  requireProgram(chromiumProgram);
  return chromium.launch({
    executablePath: chromiumProgram,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });
}

/** Takes a picture of the page, into SLUICE_SCREENSHOTS or the system's folder for temporary files. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['SLUICE_SCREENSHOTS'] ?? join(tmpdir(), 'sluice-screenshots');
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
