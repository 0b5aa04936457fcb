import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Ellipsis, MessageSquarePlus, PencilLine, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { Skeleton } from '@/components/ui/skeleton';
import { cn } from '@/lib/cn';
import type { Conversation, SiteClient } from './api';

interface ConversationListProps {
  client: SiteClient;
  open: string | undefined;
  onOpen: (conversation: string | undefined) => void;
}

/** What this browser has talked about with the app. */
export function ConversationList({ client, open, onOpen }: ConversationListProps) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const key = ['site-conversations', client.code];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => client.conversations(pageParam || undefined),
    initialPageParam: '',
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
  const [asked, setAsked] = useState<{ what: 'rename' | 'remove'; conversation: Conversation } | null>(null);
  const [name, setName] = useState('');
  const done = () => {
    setAsked(null);
    return queries.invalidateQueries({ queryKey: key });
  };
  const rename = useMutation({ mutationFn: (id: string) => client.rename(id, name.trim()), onSuccess: done });
  const remove = useMutation({
    mutationFn: (id: string) => client.remove(id),
    onSuccess: (_, id) => {
      toast.success(t('site.removed'));
      if (id === open) onOpen(undefined);
      return done();
    },
  });
  const conversations = list.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <nav aria-label={t('site.conversations')} className="flex h-full min-h-0 flex-col gap-3 p-3">
      <Button size="md" className="w-full justify-start" onClick={() => onOpen(undefined)}>
        <MessageSquarePlus />
        {t('site.newChat')}
      </Button>
      <div className="min-h-0 grow overflow-y-auto">
        {list.isPending ? (
          <div className="space-y-2" aria-busy>
            <Skeleton className="h-8" />
            <Skeleton className="h-8" />
          </div>
        ) : conversations.length === 0 ? (
          <p className="px-2 text-ink-3 text-sm">{t('site.noConversations')}</p>
        ) : (
          <ul className="space-y-0.5">
            {conversations.map((conversation) => (
              <li key={conversation.id} className="group relative">
                <button
                  type="button"
                  aria-current={conversation.id === open ? 'page' : undefined}
                  onClick={() => onOpen(conversation.id)}
                  className={cn(
                    'w-full truncate rounded-md py-2 pr-9 pl-2.5 text-left text-sm hover:bg-hover',
                    conversation.id === open && 'bg-hover font-medium',
                  )}
                >
                  {conversation.name}
                </button>
                <Menu>
                  <MenuTrigger asChild>
                    <Button
                      variant="ghost"
                      size="icon-xs"
                      aria-label={`${t('common.more')}: ${conversation.name}`}
                      className="absolute top-1.5 right-1 opacity-0 focus-visible:opacity-100 group-hover:opacity-100 data-[state=open]:opacity-100 max-md:opacity-100"
                    >
                      <Ellipsis />
                    </Button>
                  </MenuTrigger>
                  <MenuContent>
                    <MenuItem
                      onSelect={() => {
                        setName(conversation.name);
                        setAsked({ what: 'rename', conversation });
                      }}
                    >
                      <PencilLine />
                      {t('site.rename')}
                    </MenuItem>
                    <MenuItem danger onSelect={() => setAsked({ what: 'remove', conversation })}>
                      <Trash2 />
                      {t('site.remove')}
                    </MenuItem>
                  </MenuContent>
                </Menu>
              </li>
            ))}
          </ul>
        )}
        {list.hasNextPage && (
          <Button variant="ghost" className="mt-2 w-full" onClick={() => void list.fetchNextPage()}>
            {t('common.loadMore')}
          </Button>
        )}
      </div>
      <Confirm
        open={asked?.what === 'remove'}
        onOpenChange={() => setAsked(null)}
        title={t('site.removeTitle', { name: asked?.conversation.name ?? '' })}
        text={t('site.removeText')}
        action={t('site.remove')}
        danger
        busy={remove.isPending}
        onConfirm={() => asked && remove.mutate(asked.conversation.id)}
      />
      <Dialog
        open={asked?.what === 'rename'}
        onOpenChange={() => setAsked(null)}
        title={t('site.renameTitle')}
        footer={
          <>
            <Button onClick={() => setAsked(null)}>{t('common.cancel')}</Button>
            <Button type="submit" form="rename" variant="primary" busy={rename.isPending} disabled={!name.trim()}>
              {t('common.save')}
            </Button>
          </>
        }
      >
        <form
          id="rename"
          onSubmit={(event) => {
            event.preventDefault();
            if (asked) rename.mutate(asked.conversation.id);
          }}
        >
          <Field label={t('site.name')}>
            {(control) => (
              <Input {...control} maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
            )}
          </Field>
        </form>
      </Dialog>
    </nav>
  );
}
