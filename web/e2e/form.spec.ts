import { type APIRequestContext, type Browser, expect, type Page, test } from '@playwright/test';
import { baseUrl } from './base';

/** A workflow that asks somebody before it ends. */
const WORKFLOW = `
app: {name: Refunds, mode: workflow, icon: 📮, icon_background: '#FBE4D0'}
kind: app
version: 0.6.0
workflow:
  features: {}
  graph:
    nodes:
      - {id: start, type: custom, data: {type: start, title: Start, variables: [{variable: order, label: Order, type: text-input, required: true, max_length: 48}]}}
      - id: ask
        type: custom
        data:
          type: human-input
          title: Check the refund
          form_content: "**Order {{#start.order#}}** <script>document.title = 'gotcha'</script>\\n\\n{{#$output.reply#}}\\n\\nWho pays?\\n\\n{{#$output.account#}}\\n\\nThe receipt:\\n\\n{{#$output.receipt#}}"
          inputs:
            - {type: paragraph, output_variable_name: reply, default: {type: constant, selector: [], value: Dear customer}}
            - {type: select, output_variable_name: account, option_source: {type: constant, selector: [], value: [Goodwill, Returns]}}
            - {type: file, output_variable_name: receipt, allowed_file_types: [document], allowed_file_upload_methods: [local_file]}
          user_actions:
            - {id: approve, title: Approve, button_style: primary}
            - {id: reject, title: Reject, button_style: default}
          delivery_methods: [{id: 5d7d41b5-6f4d-4d0c-8f2b-0f6f0f2f9a01, type: webapp, enabled: true, config: {}}]
          timeout: 1
          timeout_unit: day
      - {id: read, type: custom, data: {type: document-extractor, title: Read, variable_selector: [ask, receipt], is_array_file: false}}
      - {id: end, type: custom, data: {type: end, title: End, outputs: [{variable: reply, value_selector: [ask, reply]}, {variable: account, value_selector: [ask, account]}, {variable: receipt, value_selector: [read, text]}]}}
      - {id: rejected, type: custom, data: {type: end, title: Rejected, outputs: [{variable: said, value_selector: [ask, __action_value]}]}}
    edges:
      - {id: a, source: start, sourceHandle: source, target: ask, targetHandle: target}
      - {id: b, source: ask, sourceHandle: approve, target: read, targetHandle: target}
      - {id: c, source: read, sourceHandle: source, target: end, targetHandle: target}
      - {id: d, source: ask, sourceHandle: reject, target: rejected, targetHandle: target}
`;

/** Imports and publishes the workflow; gives a key for it. */
async function publish(request: APIRequestContext): Promise<string> {
  const base = baseUrl();
  const { csrf_token } = await (await request.get(`${base}/api/session`)).json();
  const post = async (path: string, data: object) => {
    const response = await request.post(`${base}${path}`, { data, headers: { 'X-CSRF-Token': csrf_token } });
    expect(response.status(), await response.text()).toBeLessThan(300);
    return response.json();
  };
  const { app } = await post('/api/apps/import', { yaml: WORKFLOW });
  await post(`/api/apps/${app.id}/publish`, {});
  return (await post(`/api/apps/${app.id}/keys`, { name: 'Forms' })).token;
}

/** A run that waits for its form: its id, and the form's page. */
async function pause(request: APIRequestContext, key: string) {
  const response = await request.post(`${baseUrl()}/v1/workflows/run`, {
    headers: { Authorization: `Bearer ${key}` },
    data: { inputs: { order: '20419' }, user: 'e2e' },
  });
  const { workflow_run_id, data } = await response.json();
  expect(data.status).toBe('paused');
  return { run: workflow_run_id as string, url: `${baseUrl()}/form/${data.reasons[0].form_token}` };
}

/** Somebody else's browser. */
async function stranger(browser: Browser, url: string): Promise<Page> {
  const page = await (
    await browser.newContext({ storageState: { cookies: [], origins: [] }, locale: 'en-US' })
  ).newPage();
  await page.goto(url);
  return page;
}

test('a run waits until somebody answers its form, and goes on', async ({ request, browser }) => {
  const key = await publish(request);
  const { run, url } = await pause(request, key);
  const [ann, bob] = [await stranger(browser, url), await stranger(browser, url)];
  const errors: string[] = [];
  ann.on('pageerror', (error) => errors.push(String(error)));

  await expect(ann.getByRole('heading', { name: 'Check the refund' })).toBeVisible();
  await expect(ann.getByText('Order 20419')).toBeVisible();
  // what looks like HTML stays text
  await expect(ann.getByText("<script>document.title = 'gotcha'</script>")).toBeVisible();
  await expect(ann).toHaveTitle('Check the refund · Refunds');
  await expect(ann.getByRole('textbox', { name: 'reply' })).toHaveValue('Dear customer');
  await ann.screenshot({ path: 'screenshots/server/form.png' });

  // somebody else fills it in as well
  const receipt = { name: 'receipt.txt', mimeType: 'text/plain', buffer: Buffer.from('Paid in full.') };
  await bob.getByRole('combobox', { name: 'account' }).click();
  await bob.getByRole('option', { name: 'Returns' }).click();
  await bob.getByTestId('file-receipt').setInputFiles(receipt);
  await expect(bob.getByText('receipt.txt', { exact: true })).toBeVisible();
  await expect(bob.getByRole('status')).toHaveCount(0);

  // with the keyboard alone
  await ann.getByRole('button', { name: 'Approve' }).press('Enter');
  await expect(ann.getByText('Choose one of the options.')).toBeVisible();
  await expect(ann.getByRole('combobox', { name: 'account' })).toBeFocused();
  await ann.keyboard.press('Enter');
  await expect(ann.getByRole('option', { name: 'Returns' })).toBeVisible();
  await ann.keyboard.press('Home');
  await ann.keyboard.press('Enter');
  await expect(ann.getByRole('combobox', { name: 'account' })).toHaveText('Goodwill');
  await ann.getByTestId('file-receipt').setInputFiles(receipt);
  await expect(ann.getByText('receipt.txt', { exact: true })).toBeVisible();
  await expect(ann.getByRole('status')).toHaveCount(0);
  await ann.getByRole('textbox', { name: 'reply' }).fill('Dear Mary');
  await ann.getByRole('button', { name: 'Approve' }).press('Enter');
  await expect(ann.getByRole('heading', { name: 'Thank you, your answer is in' })).toBeFocused();
  await expect(ann.getByText('You chose “Approve”')).toBeVisible();
  await ann.screenshot({ path: 'screenshots/server/form-sent.png' });

  // who had it open too, and answers a moment later
  await bob.getByRole('button', { name: 'Reject' }).click();
  await expect(bob.getByRole('heading', { name: 'Already answered' })).toBeVisible();
  await expect(bob.getByText('“Approve” was chosen on')).toBeVisible();

  await expect(async () => {
    const detail = await request.get(`${baseUrl()}/v1/workflows/run/${run}`, {
      headers: { Authorization: `Bearer ${key}` },
    });
    const { status, outputs } = await detail.json();
    expect(status).toBe('succeeded');
    expect(outputs).toEqual({ reply: 'Dear Mary', account: 'Goodwill', receipt: 'Paid in full.' });
  }).toPass({ timeout: 30_000 });
  expect(errors).toEqual([]);
});

test('a stopped run needs no answer, and a broken link leads nowhere', async ({ request, browser }) => {
  const key = await publish(request);
  const { url } = await pause(request, key);
  const page = await stranger(browser, `${url}0`);
  await expect(page.getByRole('heading', { name: 'There is no form here' })).toBeVisible();
  const { run, url: other } = await pause(request, key);
  const headers = { Authorization: `Bearer ${key}` };
  await page.goto(other);
  await expect(page.getByRole('button', { name: 'Reject' })).toBeVisible();
  const events = await request.get(`${baseUrl()}/v1/workflow/${run}/events?user=e2e&include_state_snapshot=true`, {
    headers,
  });
  const task = /"task_id":"([^"]+)"/.exec(await events.text())?.[1];
  await request.post(`${baseUrl()}/v1/workflows/tasks/${task}/stop`, { headers, data: { user: 'e2e' } });
  await page.reload();
  await expect(page.getByRole('heading', { name: 'No answer is needed any more' })).toBeVisible();
});
