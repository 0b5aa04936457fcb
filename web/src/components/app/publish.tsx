import { Link } from '@tanstack/react-router';
import { ChevronDown, Rocket } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import type { App } from '@/lib/api/types';
import type { Autosave } from '@/lib/use-autosave';
import { usePublish } from './queries';

interface PublishProps {
  app: App;
  draft: Autosave;
  /** Over the form: what is to be known before. */
  notice?: ReactNode;
  /** It would be refused. */
  isBlocked?: boolean;
}

export function Publish({ app, draft, notice, isBlocked = false }: PublishProps) {
  const { t } = useTranslation();
  const publish = usePublish(app.id);
  const [open, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState<unknown>(null);
  const number = (app.published_version?.number ?? 0) + 1;
  const pending = !app.published_version || app.has_unpublished_changes || draft.status !== 'saved';

  const submit = async () => {
    setFailure(null);
    if (!(await draft.flush())) return setFailure(draft.error ?? new Error('not saved'));
    publish.mutate(
      { ...(name.trim() ? { name: name.trim() } : {}), ...(note.trim() ? { note: note.trim() } : {}) },
      {
        onError: setFailure,
        onSuccess: (version) => {
          setOpen(false);
          setName('');
          setNote('');
          toast.success(t('app.published', { number: version.number }));
        },
      },
    );
  };

  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button variant="primary">
          {t('app.publish')}
          <ChevronDown />
        </Button>
      </PopoverTrigger>
      <PopoverContent aria-label={t('app.publish')} align="end" className="w-84 max-w-[calc(100vw-2rem)] p-4">
        {pending ? (
          <form
            className="space-y-3.5"
            onSubmit={(event) => {
              event.preventDefault();
              void submit();
            }}
          >
            <div>
              <p className="font-semibold text-sm">{t('app.publishTitle', { number })}</p>
              <p className="mt-0.5 text-ink-3 text-xs">{t('app.publishText')}</p>
            </div>
            {notice}
            <Field label={t('app.versionName')} optional>
              {(control) => (
                <Input
                  {...control}
                  maxLength={60}
                  placeholder={t('app.versionNamePlaceholder', { number })}
                  value={name}
                  onChange={(event) => setName(event.target.value)}
                />
              )}
            </Field>
            <Field label={t('app.versionNote')} optional>
              {(control) => (
                <Textarea
                  {...control}
                  rows={2}
                  maxLength={1000}
                  placeholder={t('app.versionNotePlaceholder')}
                  value={note}
                  onChange={(event) => setNote(event.target.value)}
                />
              )}
            </Field>
            <FormError error={failure} />
            <Button
              type="submit"
              variant="primary"
              size="md"
              className="w-full"
              disabled={isBlocked}
              busy={publish.isPending || draft.status === 'saving'}
            >
              <Rocket />
              {t('app.publish')}
            </Button>
          </form>
        ) : (
          <p className="text-ink-2 text-sm">{t('app.upToDate')}</p>
        )}
        {app.published_version && (
          <Link
            to="/apps/$appId/api"
            params={{ appId: app.id }}
            className="-mx-4 mt-3.5 -mb-4 block rounded-b-xl border-t px-4 py-2.5 text-accent-ink text-sm hover:bg-hover"
          >
            {t('app.useApi')}
          </Link>
        )}
      </PopoverContent>
    </Popover>
  );
}
