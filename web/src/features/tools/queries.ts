import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import { toolsQuery } from '@/lib/api/queries';
import type { components } from '@/lib/api/schema';
import type { ToolInfo } from '@/lib/api/types';

type Schemas = components['schemas'];

export const openapiProviderQuery = (id: string) =>
  queryOptions({
    queryKey: ['tools', 'openapi', id],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/tools/openapi/{tool_provider_id}', { params: { path: { tool_provider_id: id } }, signal })),
  });

export const mcpServersQuery = queryOptions({
  queryKey: ['tools', 'mcp'],
  queryFn: async ({ signal }) => (await unwrap(api.GET('/api/tools/mcp', { signal }))).data,
});

export const workflowToolsQuery = queryOptions({
  queryKey: ['tools', 'workflows'],
  queryFn: async ({ signal }) => (await unwrap(api.GET('/api/tools/workflows', { signal }))).data,
});

/** Published workflows, which may become tools. */
export const workflowAppsQuery = queryOptions({
  queryKey: ['apps', 'workflows'],
  queryFn: async ({ signal }) =>
    (
      await unwrap(api.GET('/api/apps', { params: { query: { mode: 'workflow', sort: 'name', limit: 100 } }, signal }))
    ).data.filter((app) => app.published),
});

function useChanged() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: toolsQuery.queryKey });
}

export function usePreviewOpenapi() {
  return useMutation({
    mutationFn: (source: { document: string } | { document_url: string }) =>
      unwrap(api.POST('/api/tools/openapi/preview', { body: source })),
    meta: { silent: true },
  });
}

export function useSaveOpenapi(id: string | undefined) {
  const onSuccess = useChanged();
  return useMutation({
    mutationFn: (body: Schemas['CreateOpenapiProvider']) =>
      id
        ? unwrap(
            api.PATCH('/api/tools/openapi/{tool_provider_id}', { params: { path: { tool_provider_id: id } }, body }),
          )
        : unwrap(api.POST('/api/tools/openapi', { body })),
    onSuccess,
    meta: { silent: true },
  });
}

export function useSaveMcp(id: string | undefined) {
  const onSuccess = useChanged();
  return useMutation({
    mutationFn: (body: Schemas['CreateMcpServer']) =>
      id
        ? unwrap(api.PATCH('/api/tools/mcp/{mcp_server_id}', { params: { path: { mcp_server_id: id } }, body }))
        : unwrap(api.POST('/api/tools/mcp', { body })),
    onSuccess,
    meta: { silent: true },
  });
}

export function useRefreshMcp() {
  const onSuccess = useChanged();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST('/api/tools/mcp/{mcp_server_id}/refresh', { params: { path: { mcp_server_id: id } } })),
    onSuccess,
  });
}

export function useSaveWorkflowTool(id: string | undefined) {
  const onSuccess = useChanged();
  return useMutation({
    mutationFn: (body: Schemas['CreateWorkflowTool']) => {
      const { app_id: _, ...change } = body;
      return id
        ? unwrap(
            api.PATCH('/api/tools/workflows/{workflow_tool_id}', {
              params: { path: { workflow_tool_id: id } },
              body: change,
            }),
          )
        : unwrap(api.POST('/api/tools/workflows', { body }));
    },
    onSuccess,
    meta: { silent: true },
  });
}

export function useDeleteProvider() {
  const onSuccess = useChanged();
  return useMutation({
    mutationFn: ({ type, id }: { type: ToolInfo['provider_type']; id: string }) => {
      if (type === 'api')
        return unwrap(
          api.DELETE('/api/tools/openapi/{tool_provider_id}', { params: { path: { tool_provider_id: id } } }),
        );
      if (type === 'mcp')
        return unwrap(api.DELETE('/api/tools/mcp/{mcp_server_id}', { params: { path: { mcp_server_id: id } } }));
      return unwrap(
        api.DELETE('/api/tools/workflows/{workflow_tool_id}', { params: { path: { workflow_tool_id: id } } }),
      );
    },
    onSuccess,
  });
}

export function useCallTool() {
  return useMutation({
    mutationFn: ({ tool, values }: { tool: ToolInfo; values: Record<string, unknown> }) =>
      unwrap(
        api.POST('/api/tools/call', {
          body: {
            provider_type: tool.provider_type,
            provider_id: tool.provider_id,
            provider_name: tool.provider_name,
            tool_name: tool.name,
            arguments: values as Record<string, never>,
          },
        }),
      ),
    meta: { silent: true },
  });
}
