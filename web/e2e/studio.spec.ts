import { expect, test } from '@playwright/test';
import { baseUrl } from './base';
import { accessible, block, poster, saved, watch } from './studio';

test('a workflow is built by clicking, run, and published', async ({ page, request }) => {
  const errors = watch(page);
  const app = await (await poster(request))('/api/apps', { name: 'Built by hand', mode: 'workflow' });
  await page.goto(`${baseUrl()}/apps/${app.id}`);
  await page.getByRole('button', { name: 'Begin with a start node' }).click();
  await block(page, 'Start').click();
  const panel = page.getByRole('region', { name: 'Start' });
  await panel.getByRole('button', { name: 'Add', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Variable name').fill('topic');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(block(page, 'Start').getByText('topic')).toBeVisible();

  // the next block, from the panel
  await panel.getByRole('button', { name: 'Add next' }).click();
  await page.getByRole('combobox', { name: 'Search nodes and tools' }).fill('llm');
  await page.keyboard.press('Enter');
  const llm = page.getByRole('region', { name: 'LLM' });
  await llm.getByRole('textbox', { name: 'User' }).click();
  await page.keyboard.type('Say something about {topic');
  await page.getByRole('option', { name: 'topic' }).click();
  await expect(llm.getByText('Starttopic')).toBeVisible();
  await llm.getByRole('button', { name: 'Parameters' }).click();
  await page.getByRole('switch', { name: 'Max tokens' }).click();
  await page.getByRole('spinbutton', { name: /^Max tokens/ }).fill('300');
  await page.keyboard.press('Escape');
  await page.screenshot({ path: 'screenshots/server/studio-llm.png' });

  // the last one, from the handle
  await block(page, 'LLM').locator('.react-flow__handle.source').click();
  await page.getByRole('option', { name: 'End', exact: false }).click();
  await expect(block(page, 'End').getByText('text').first()).toBeVisible();
  await saved(page);
  await expect(page.getByRole('button', { name: 'Checklist: 0' })).toBeVisible();

  // undo and redo
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.locator('.react-flow__node')).toHaveCount(2);
  await page.getByRole('button', { name: 'Redo' }).click();
  await expect(page.locator('.react-flow__node')).toHaveCount(3);
  await accessible(page);

  // run it
  await page.getByRole('button', { name: 'Test run' }).click();
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run' }).click();
  await expect(run.getByText('Please fill this in.')).toBeVisible();
  await run.getByLabel('topic').fill('stone walls');
  await run.getByRole('button', { name: 'Run' }).click();
  await expect(run.getByText('Succeeded')).toBeVisible();
  for (const title of ['Start', 'LLM', 'End']) await expect(block(page, title).getByLabel('Succeeded')).toBeVisible();
  await run.getByRole('tab', { name: 'Trace' }).click();
  await run.getByRole('button', { name: /LLM/ }).first().click();
  await expect(run.getByText('Say something about stone walls')).toHaveCount(0);
  await page.screenshot({ path: 'screenshots/server/studio-run.png' });
  await accessible(page);

  // once more from the model on
  await run.getByRole('button', { name: 'Run from here' }).click();
  await page.getByRole('dialog').getByRole('textbox').first().fill('arches');
  await page.getByRole('dialog').getByRole('button', { name: 'Run from here' }).click();
  await expect(run.getByText('Succeeded')).toBeVisible();

  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByRole('button', { name: 'Publish', exact: true }).last().click();
  await expect(page.getByText('Version 1 is live.')).toBeVisible();

  // what a node gave, edited, and the node behind it alone
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Last values' }).click();
  const values = page.getByRole('region', { name: 'Last values' });
  await values.getByRole('button', { name: 'Edit: topic' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('mortar');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(values.getByText('edited')).toBeVisible();
  await values.getByRole('button', { name: 'Close' }).click();
  await block(page, 'LLM').click();
  await page.getByRole('button', { name: 'Run this node alone' }).click();
  await expect(llm.getByRole('textbox', { name: /topic/ })).toHaveValue('mortar');
  await llm.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(llm.getByRole('heading', { name: 'Result' })).toBeVisible();

  await page.getByRole('button', { name: 'Run history' }).click();
  const history = page.getByRole('region', { name: 'Run history' });
  await history
    .getByRole('button', { name: /Succeeded/ })
    .first()
    .click();
  await expect(history.getByText('tokens').first()).toBeVisible();
  expect(errors).toEqual([]);
});

const LOOP = `
kind: app
version: 0.6.0
app: {mode: workflow, name: Count to five}
workflow:
  features: {}
  graph:
    nodes:
      - {id: start_node, type: custom, data: {title: Start, type: start, variables: []}}
      - id: loop_node
        type: custom
        data:
          title: Loop
          type: loop
          loop_count: 10
          logical_operator: and
          break_conditions: [{variable_selector: [loop_node, num], comparison_operator: "≥", value: "5", varType: number}]
          loop_variables: [{label: num, var_type: number, value_type: constant, value: 1}]
          start_node_id: loop_start
      - {id: loop_start, type: custom-loop-start, parentId: loop_node, data: {title: "", type: loop-start}}
      - id: assigner_node
        type: custom
        parentId: loop_node
        data: {title: Add one, type: assigner, version: "2", items: [{variable_selector: [loop_node, num], input_type: constant, operation: +=, value: 1}]}
      - id: ask
        type: custom
        data:
          type: human-input
          title: Is it enough?
          form_content: "It is {{#loop_node.num#}}.\\n\\n{{#$output.why#}}"
          inputs: [{type: paragraph, output_variable_name: why}]
          user_actions: [{id: enough, title: Enough, button_style: primary}]
          delivery_methods: [{id: 5d7d41b5-6f4d-4d0c-8f2b-0f6f0f2f9a01, type: webapp, enabled: true, config: {}}]
          timeout: 1
          timeout_unit: day
      - {id: end_node, type: custom, data: {title: End, type: end, outputs: [{variable: num, value_type: number, value_selector: [loop_node, num]}, {variable: why, value_selector: [ask, why]}]}}
    edges:
      - {id: a, source: start_node, sourceHandle: source, target: loop_node, targetHandle: target}
      - {id: b, source: loop_start, sourceHandle: source, target: assigner_node, targetHandle: target}
      - {id: c, source: loop_node, sourceHandle: source, target: ask, targetHandle: target}
      - {id: d, source: ask, sourceHandle: enough, target: end_node, targetHandle: target}
`;

test('an imported file runs, asks a person in the panel, and goes back as it came', async ({ page, request }) => {
  const errors = watch(page);
  const post = await poster(request);
  const { app } = await post('/api/apps/import', { yaml: LOOP });
  const before = (await (await request.get(`${baseUrl()}/api/apps/${app.id}`)).json()).draft;
  await page.goto(`${baseUrl()}/apps/${app.id}?panel=run`);
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run' }).click();
  await expect(run.getByText('It is 5.')).toBeVisible();
  await expect(block(page, 'Is it enough?').getByLabel('Waiting')).toBeVisible();
  await run.getByRole('textbox', { name: 'why' }).fill('five stones');
  await page.screenshot({ path: 'screenshots/server/studio-form.png' });
  await run.getByRole('button', { name: 'Enough' }).click();
  await expect(run.getByText('Succeeded')).toBeVisible();
  await expect(run.getByText('five stones').first()).toBeVisible();
  await run.getByRole('tab', { name: 'Trace' }).click();
  await run.getByRole('button', { name: /^Loop/ }).first().click();
  await expect(run.getByText('#4')).toBeVisible();
  const after = (await (await request.get(`${baseUrl()}/api/apps/${app.id}`)).json()).draft;
  expect(after).toEqual(before);
  expect(errors).toEqual([]);
});

test('a chatflow answers in its preview', async ({ page, request }) => {
  const errors = watch(page);
  const post = await poster(request);
  const { app } = await post('/api/apps/import', {
    yaml: `
kind: app
version: 0.6.0
app: {mode: advanced-chat, name: Talk}
workflow:
  features: {opening_statement: Hello there.}
  graph:
    nodes:
      - {id: s, type: custom, position: {x: 0, y: 0}, data: {title: Start, type: start, variables: []}}
      - {id: m, type: custom, position: {x: 320, y: 0}, data: {title: Model, type: llm, model: {provider: local, name: default, mode: chat, completion_params: {max_tokens: 16}}, prompt_template: [{role: user, text: "{{#sys.query#}}"}], context: {enabled: false, variable_selector: []}, vision: {enabled: false}}}
      - {id: a, type: custom, position: {x: 640, y: 0}, data: {title: Answer, type: answer, answer: "You said {{#sys.query#}}. {{#m.text#}}"}}
    edges:
      - {id: a, source: s, sourceHandle: source, target: m, targetHandle: target}
      - {id: b, source: m, sourceHandle: source, target: a, targetHandle: target}
`,
  });
  await page.goto(`${baseUrl()}/apps/${app.id}?panel=run`);
  const chat = page.getByRole('region', { name: 'Preview' });
  await expect(chat.getByText('Hello there.')).toBeVisible();
  await chat.getByRole('textbox').fill('stone');
  await page.keyboard.press('Enter');
  await expect(chat.getByText(/You said stone\./)).toBeVisible();
  await expect(chat.getByText('Succeeded')).toBeVisible();
  await expect(block(page, 'Answer').getByLabel('Succeeded')).toBeVisible();
  await accessible(page);
  await page.screenshot({ path: 'screenshots/server/studio-chat.png' });
  expect(errors).toEqual([]);
});
