import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Check, PencilLine, Plus, Tag as TagIcon, Trash2, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { api, unwrap } from '@/lib/api/client';
import type { AppSummary, Tag } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { tagsQuery, useSetTags } from './queries';

interface TagFilterProps {
  value: string | undefined;
  onChange: (tag: string | undefined) => void;
  canEdit: boolean;
}

/** Chooses the tag whose apps are listed; tags are renamed and taken away here too. */
export function TagFilter({ value, onChange, canEdit }: TagFilterProps) {
  const { t } = useTranslation();
  const { data: tags } = useQuery(tagsQuery);
  const [open, setOpen] = useState(false);
  const [renaming, setRenaming] = useState<Tag | null>(null);
  const [removing, setRemoving] = useState<Tag | null>(null);
  const { rename, remove } = useChangeTags();
  if (!value && (tags?.length ?? 0) === 0) return null;
  return (
    <>
      <Popover open={open} onOpenChange={setOpen}>
        <PopoverTrigger asChild>
          <Button size="md" className={cn(value && 'border-accent-line bg-accent-soft text-accent-ink')}>
            <TagIcon />
            <span className="max-w-32 truncate">{value ?? t('home.tags')}</span>
          </Button>
        </PopoverTrigger>
        <PopoverContent aria-label={t('home.tags')} align="start" className="w-64 p-1.5">
          <ul>
            {tags?.map((tag) => (
              <li key={tag.name} className="group/tag flex items-center rounded-md hover:bg-hover">
                <button
                  type="button"
                  aria-pressed={tag.name === value}
                  className="flex min-w-0 grow items-center gap-2 px-2.5 py-1.5 text-left text-sm"
                  onClick={() => {
                    onChange(tag.name === value ? undefined : tag.name);
                    setOpen(false);
                  }}
                >
                  <Check className={cn('size-4 shrink-0 text-accent', tag.name !== value && 'invisible')} aria-hidden />
                  <span className="min-w-0 grow truncate">{tag.name}</span>
                  <span className="text-ink-3 text-xs tabular-nums">{tag.n_apps}</span>
                </button>
                {canEdit && (
                  <>
                    <Button
                      variant="ghost"
                      size="icon-xs"
                      aria-label={t('home.renameTag', { tag: tag.name })}
                      onClick={() => setRenaming(tag)}
                    >
                      <PencilLine />
                    </Button>
                    <Button
                      variant="ghost"
                      size="icon-xs"
                      className="mr-1"
                      aria-label={t('home.deleteTag', { tag: tag.name })}
                      onClick={() => setRemoving(tag)}
                    >
                      <Trash2 />
                    </Button>
                  </>
                )}
              </li>
            ))}
          </ul>
          {value && (
            <Button
              variant="ghost"
              className="mt-1 w-full justify-start"
              onClick={() => {
                onChange(undefined);
                setOpen(false);
              }}
            >
              <X />
              {t('home.anyTag')}
            </Button>
          )}
        </PopoverContent>
      </Popover>
      {renaming && (
        <RenameTag
          tag={renaming}
          error={rename.error}
          busy={rename.isPending}
          onClose={() => setRenaming(null)}
          onRename={(name) =>
            rename.mutate(
              { tag: renaming.name, name },
              {
                onSuccess: () => {
                  setRenaming(null);
                  if (value === renaming.name) onChange(name);
                },
              },
            )
          }
        />
      )}
      <Confirm
        open={removing !== null}
        onOpenChange={() => setRemoving(null)}
        title={t('home.deleteTagTitle', { tag: removing?.name ?? '' })}
        text={t('home.deleteTagText', { count: removing?.n_apps ?? 0 })}
        action={t('common.remove')}
        danger
        busy={remove.isPending}
        onConfirm={() =>
          removing &&
          remove.mutate(removing.name, {
            onSuccess: () => {
              setRemoving(null);
              if (value === removing.name) onChange(undefined);
            },
          })
        }
      />
    </>
  );
}

function useChangeTags() {
  const client = useQueryClient();
  const changed = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: tagsQuery.queryKey }),
      client.invalidateQueries({ queryKey: ['apps'] }),
    ]);
  const rename = useMutation({
    mutationFn: ({ tag, name }: { tag: string; name: string }) =>
      unwrap(api.PATCH('/api/tags/{tag}', { params: { path: { tag } }, body: { name } })),
    onSuccess: changed,
    meta: { silent: true },
  });
  const remove = useMutation({
    mutationFn: (tag: string) => unwrap(api.DELETE('/api/tags/{tag}', { params: { path: { tag } } })),
    onSuccess: changed,
  });
  return { rename, remove };
}

function RenameTag({
  tag,
  error,
  busy,
  onRename,
  onClose,
}: {
  tag: Tag;
  error: unknown;
  busy: boolean;
  onRename: (name: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [name, setName] = useState(tag.name);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('home.renameTag', { tag: tag.name })}
      description={t('home.renameTagText', { count: tag.n_apps })}
      className="max-w-sm"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form="rename-tag" busy={busy} disabled={!name.trim()}>
            {t('common.save')}
          </Button>
        </>
      }
    >
      <form
        id="rename-tag"
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          onRename(name.trim());
        }}
      >
        <Input
          autoFocus
          aria-label={t('home.tagName')}
          maxLength={50}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <FormError error={error} />
      </form>
    </Dialog>
  );
}

/** The tags of one app. */
export function AppTagsDialog({ app, onClose }: { app: AppSummary; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: tags } = useQuery(tagsQuery);
  const save = useSetTags(app.id);
  const [chosen, setChosen] = useState(app.tags);
  const [text, setText] = useState('');
  const all = [...new Set([...(tags ?? []).map((tag) => tag.name), ...chosen])].sort((a, b) => a.localeCompare(b));
  const add = () => {
    const name = text.trim();
    if (name && !chosen.includes(name)) setChosen([...chosen, name]);
    setText('');
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('home.tagsOf', { name: app.name })}
      description={t('home.tagsText')}
      className="max-w-md"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            variant="primary"
            busy={save.isPending}
            onClick={() => {
              const name = text.trim();
              save.mutate(name && !chosen.includes(name) ? [...chosen, name] : chosen, {
                onSuccess: () => {
                  toast.success(t('common.saved'));
                  onClose();
                },
              });
            }}
          >
            {t('common.save')}
          </Button>
        </>
      }
    >
      <form
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <Input
          autoFocus
          aria-label={t('home.newTag')}
          placeholder={t('home.newTag')}
          maxLength={50}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" size="md" disabled={!text.trim()}>
          <Plus />
          {t('common.add')}
        </Button>
      </form>
      <ul className="mt-3 grid max-h-64 gap-0.5 overflow-y-auto">
        {all.map((tag) => (
          <li key={tag}>
            {/* biome-ignore lint/a11y/noLabelWithoutControl: the checkbox inside is the control */}
            <label className="flex items-center gap-2.5 rounded-md px-2 py-1.5 text-sm hover:bg-hover">
              <Checkbox
                aria-label={tag}
                checked={chosen.includes(tag)}
                onCheckedChange={(on) =>
                  setChosen(on === true ? [...chosen, tag] : chosen.filter((other) => other !== tag))
                }
              />
              <span className="truncate">{tag}</span>
            </label>
          </li>
        ))}
      </ul>
      <FormError error={save.error} />
    </Dialog>
  );
}
