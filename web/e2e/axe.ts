import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** What keeps people from using the page as it stands, by axe. */
export async function seriousIssues(page: Page): Promise<string[]> {
  const { passes, violations } = await new AxeBuilder({ page }).analyze();
  expect(passes.length, 'rules that were looked at').toBeGreaterThan(5);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}\n${failureSummary ?? ''}`),
    );
}
