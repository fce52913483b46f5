import assert from 'node:assert/strict';
import { Tab } from './tab.ts';

/** A tab with Converse, of whose chats one is open. */
export class ConverseTab extends Tab {
  async openChat(jid: string): Promise<void> {
    const [bare = ''] = jid.split('/');
    const contact = this.page.locator(`li.online a.open-chat[data-jid="${bare}"]`);
    await contact.waitFor();
    // A copy finds the chat open, as the first had it.
    const field = this.page.locator('textarea.chat-textarea');
    if (!(await field.isVisible())) await contact.click();
    await field.waitFor();
  }

  async say(text: string): Promise<void> {
    const field = this.page.locator('textarea.chat-textarea');
    await field.fill(text);
    await field.press('Enter');
  }

  /** Waits until the chat shows the message; it must be there once. */
  async shows(text: string): Promise<void> {
    const message = this.page.locator('converse-chat-message-body.chat-msg__text').getByText(text, { exact: true });
    await message.first().waitFor();
    assert.equal(await message.count(), 1, `${this.name} shows “${text}” once`);
  }
}
