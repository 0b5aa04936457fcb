import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ChevronRight, PencilLine, RotateCw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import type { ToolInfo, ToolProvider } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatAgo } from '@/lib/format';
import { McpDialog } from './mcp-dialog';
import { OpenapiDialog } from './openapi-dialog';
import { mcpServersQuery, openapiProviderQuery, useDeleteProvider, useRefreshMcp, workflowToolsQuery } from './queries';
import { TryTool } from './try-tool';
import { WorkflowDialog } from './workflow-dialog';

interface ProviderDrawerProps {
  provider: ToolProvider;
  admin: boolean;
  onClose: () => void;
}

/** What a provider's tools take, and a place to try them. */
export function ProviderDrawer({ provider, admin, onClose }: ProviderDrawerProps) {
  const { t, i18n } = useTranslation();
  const { provider_type: type, id } = provider;
  const [chosen, setChosen] = useState<string | null>(
    provider.tools.length === 1 ? (provider.tools[0]?.name ?? null) : null,
  );
  const [editing, setEditing] = useState(false);
  const [asked, setAsked] = useState(false);
  const remove = useDeleteProvider();
  const refresh = useRefreshMcp();
  const own = admin && type !== 'builtin';
  const servers = useQuery({ ...mcpServersQuery, enabled: own && type === 'mcp' });
  const openapi = useQuery({ ...openapiProviderQuery(id), enabled: own && type === 'api' && editing });
  const workflows = useQuery({ ...workflowToolsQuery, enabled: own && type === 'workflow' });
  const server = servers.data?.find((other) => other.id === id);
  const workflow = workflows.data?.find((other) => other.id === id);
  return (
    <>
      <Dialog
        open
        variant="side"
        onOpenChange={(open) => !open && onClose()}
        title={provider.label || provider.name}
        description={provider.description || t(`tools.type_${type}`)}
        className="max-w-lg"
        footer={
          own && (
            <>
              <Button variant="danger-ghost" className="mr-auto" onClick={() => setAsked(true)}>
                <Trash2 />
                {t('common.remove')}
              </Button>
              {type === 'mcp' && (
                <Button
                  busy={refresh.isPending}
                  onClick={() =>
                    refresh.mutate(id, {
                      onSuccess: (fresh) => toast.success(t('tools.refreshed', { count: fresh.tools.length })),
                    })
                  }
                >
                  {!refresh.isPending && <RotateCw />}
                  {t('tools.refresh')}
                </Button>
              )}
              <Button onClick={() => setEditing(true)}>
                <PencilLine />
                {t('common.edit')}
              </Button>
            </>
          )
        }
      >
        {server && (
          <p className="mb-3 break-all font-mono text-ink-3 text-xs">
            {server.url}
            <span className="block font-sans">
              {t('tools.refreshedAgo', { ago: formatAgo(server.tools_refreshed_at, i18n.language) })}
            </span>
          </p>
        )}
        {workflow && (
          <p className="mb-3 text-sm">
            <Link
              to="/apps/$appId"
              params={{ appId: workflow.app_id }}
              className="text-accent-ink underline underline-offset-2"
            >
              {t('tools.openApp', { name: workflow.app_name })}
            </Link>
          </p>
        )}
        <ul className="divide-y rounded-lg border border-line bg-surface">
          {provider.tools.map((tool) => (
            <ToolItem
              key={tool.name}
              tool={tool}
              open={chosen === tool.name}
              onToggle={() => setChosen(chosen === tool.name ? null : tool.name)}
            />
          ))}
          {provider.tools.length === 0 && <li className="px-4 py-3 text-ink-3 text-sm">{t('tools.none')}</li>}
        </ul>
      </Dialog>
      {editing && type === 'api' && openapi.data && (
        <OpenapiDialog provider={openapi.data} onClose={() => setEditing(false)} />
      )}
      {editing && type === 'mcp' && server && <McpDialog server={server} onClose={() => setEditing(false)} />}
      {editing && type === 'workflow' && workflow && (
        <WorkflowDialog tool={workflow} onClose={() => setEditing(false)} />
      )}
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title={t('tools.removeTitle', { name: provider.label || provider.name })}
        text={t('tools.removeText')}
        action={t('common.remove')}
        danger
        busy={remove.isPending}
        onConfirm={() =>
          remove.mutate(
            { type, id },
            {
              onSuccess: () => {
                toast.success(t('tools.removed', { name: provider.label || provider.name }));
                onClose();
              },
            },
          )
        }
      />
    </>
  );
}

function ToolItem({ tool, open, onToggle }: { tool: ToolInfo; open: boolean; onToggle: () => void }) {
  const { t } = useTranslation();
  return (
    <li>
      <button
        type="button"
        aria-expanded={open}
        className="flex w-full items-start gap-2.5 px-3.5 py-3 text-left hover:bg-hover"
        onClick={onToggle}
      >
        <ChevronRight
          className={cn('mt-0.5 size-4 shrink-0 text-ink-3 transition-transform', open && 'rotate-90')}
          aria-hidden
        />
        <span className="min-w-0">
          <span className="block font-medium text-sm">{tool.label || tool.name}</span>
          <span className={cn('block text-ink-3 text-xs', !open && 'line-clamp-2')}>{tool.description}</span>
        </span>
      </button>
      {open && (
        <div className="space-y-4 px-3.5 pb-4 pl-10">
          {tool.parameters.length > 0 && (
            <ul className="flex flex-wrap gap-1.5" aria-label={t('tools.takes')}>
              {tool.parameters.map((parameter) => (
                <li key={parameter.name}>
                  <Badge className="font-mono">
                    {parameter.name}
                    {parameter.required && <span title={t('tools.required')}>*</span>}
                  </Badge>
                </li>
              ))}
            </ul>
          )}
          {tool.provider_type === 'workflow' ? (
            <p className="text-ink-3 text-xs">{t('tools.tryWorkflow')}</p>
          ) : (
            <TryTool tool={tool} />
          )}
        </div>
      )}
    </li>
  );
}
