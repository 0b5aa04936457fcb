import type { TFunction } from 'i18next';
import type { Issue } from '@/lib/api/types';

/** An issue of the checklist in the reader's language; what the server has no code for, as it says it. */
export function issueText({ finding, message }: Issue, t: TFunction): string {
  if (!finding) return message;
  const variables = 'variables' in finding ? finding.variables.join(', ') : '';
  return t(`studio.checks.found.${finding.code}`, {
    ...finding,
    variables: variables || t('studio.checks.found.no_variables'),
  });
}
