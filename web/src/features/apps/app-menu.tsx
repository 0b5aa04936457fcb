import { Copy, Download, Ellipsis, PencilLine, Tag, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/dialog';
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '@/components/ui/menu';
import type { App, AppSummary } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { EditAppDialog } from './app-form';
import { useDeleteApp, useDuplicateApp, useExportApp } from './queries';
import { AppTagsDialog } from './tags';

interface AppMenuProps {
  app: AppSummary;
  canEdit: boolean;
  onDuplicated: (app: App) => void;
  onDeleted?: () => void;
  className?: string;
}

export function AppMenu({ app, canEdit, onDuplicated, onDeleted, className }: AppMenuProps) {
  const { t } = useTranslation();
  const [dialog, setDialog] = useState<'edit' | 'tags' | 'delete' | null>(null);
  const duplicate = useDuplicateApp();
  const remove = useDeleteApp();
  const exportApp = useExportApp();
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button
            variant="ghost"
            size="icon"
            aria-label={`${t('common.more')}: ${app.name}`}
            className={cn('text-ink-3', className)}
          >
            <Ellipsis />
          </Button>
        </MenuTrigger>
        <MenuContent>
          {canEdit && (
            <MenuItem onSelect={() => setDialog('edit')}>
              <PencilLine />
              {t('apps.editInfo')}
            </MenuItem>
          )}
          {canEdit && (
            <MenuItem onSelect={() => setDialog('tags')}>
              <Tag />
              {t('home.tags')}
            </MenuItem>
          )}
          {canEdit && (
            <MenuItem
              onSelect={() =>
                duplicate.mutate(
                  { id: app.id, name: t('apps.copyName', { name: app.name }) },
                  {
                    onSuccess: (copy) => {
                      toast.success(t('apps.duplicated', { name: copy.name }));
                      onDuplicated(copy);
                    },
                  },
                )
              }
            >
              <Copy />
              {t('apps.duplicate')}
            </MenuItem>
          )}
          <MenuItem onSelect={() => exportApp.mutate({ id: app.id, name: app.name })}>
            <Download />
            {t('apps.export')}
          </MenuItem>
          {canEdit && (
            <>
              <MenuSeparator />
              <MenuItem danger onSelect={() => setDialog('delete')}>
                <Trash2 />
                {t('common.delete')}
              </MenuItem>
            </>
          )}
        </MenuContent>
      </Menu>
      {dialog === 'edit' && <EditAppDialog app={app} onClose={() => setDialog(null)} />}
      {dialog === 'tags' && <AppTagsDialog app={app} onClose={() => setDialog(null)} />}
      <Confirm
        open={dialog === 'delete'}
        onOpenChange={() => setDialog(null)}
        title={t('apps.deleteTitle', { name: app.name })}
        text={t('apps.deleteText')}
        action={t('common.delete')}
        danger
        busy={remove.isPending}
        onConfirm={() =>
          remove.mutate(app.id, {
            onSuccess: () => {
              setDialog(null);
              toast.success(t('apps.deleted', { name: app.name }));
              onDeleted?.();
            },
          })
        }
      />
    </>
  );
}
