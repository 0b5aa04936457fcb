import { useQuery } from '@tanstack/react-query';
import type { i18n } from 'i18next';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { toolsQuery } from './api/queries';
import type { ToolProvider } from './api/types';

/** Every tool that apps can use, by provider; of those that come with the server, the texts in the console's language. */
export function useTools() {
  const { i18n } = useTranslation();
  const { language } = i18n;
  const select = useCallback(
    (providers: ToolProvider[]) =>
      providers.map((provider) =>
        provider.provider_type === 'builtin' ? inLanguage(provider, i18n, language) : provider,
      ),
    [i18n, language],
  );
  return useQuery({ ...toolsQuery, select });
}

/** What has no text in that language stays as the server says it. */
function inLanguage(provider: ToolProvider, i18n: i18n, language: string): ToolProvider {
  const described = <T extends { label: string; description: string }>(path: string, it: T): T => {
    const own = (what: 'label' | 'description'): string =>
      i18n.getResource(language, 'builtinTools', `${path}.${what}`) ?? it[what];
    return { ...it, label: own('label'), description: own('description') };
  };
  const { id } = provider;
  return {
    ...described(id, provider),
    tools: provider.tools.map((tool) => ({
      ...described(`${id}.${tool.name}`, tool),
      parameters: tool.parameters.map((parameter) => described(`${id}.${tool.name}.${parameter.name}`, parameter)),
    })),
  };
}
