import { ExternalLink, QrCode, RefreshCw, TriangleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { renderSVG } from 'uqr';
import { CodeBlock } from '@/components/code-block';
import { CopyIcon } from '@/components/copy';
import { PageBody, Panel, Section } from '@/components/page';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Switch } from '@/components/ui/switch';
import type { App } from '@/lib/api/types';
import { parseColor } from '@/lib/brand';
import { useRenew, useUpdate } from './queries';
import { SiteSettings } from './site-settings';
import { bubbleSnippet, frameSnippet, mcpConfig } from './snippets';

const ACCENT = '#0d7a6f';

/** Where the app can be used without the console: its page, other pages, other assistants. */
export function PublishPage({ app, canEdit }: { app: App; canEdit: boolean }) {
  const { t } = useTranslation();
  const origin = window.location.origin;
  return (
    <PageBody className="pt-5 sm:px-6">
      <div className="max-w-6xl">
        {!app.published_version && (
          <p className="mb-5 flex items-center gap-2.5 rounded-lg bg-warn-soft px-3.5 py-2.5 text-sm text-warn-ink">
            <TriangleAlert className="size-4 shrink-0" aria-hidden />
            {t('publish.notPublished')}
          </p>
        )}
        <div className="grid items-start gap-x-8 xl:grid-cols-[minmax(0,1fr)_24rem]">
          <div className="min-w-0">
            <WebApp app={app} canEdit={canEdit} origin={origin} />
            <SiteSettings key={app.id} app={app} canEdit={canEdit} />
            <Embed app={app} origin={origin} />
            <McpServer app={app} canEdit={canEdit} origin={origin} />
          </div>
          <Preview app={app} />
        </div>
      </div>
    </PageBody>
  );
}

function WebApp({ app, canEdit, origin }: { app: App; canEdit: boolean; origin: string }) {
  const { t } = useTranslation();
  const update = useUpdate(app);
  const [qr, setQr] = useState(false);
  const url = `${origin}/a/${app.site_code}`;
  return (
    <Section title={t('publish.webApp')} text={t('publish.webAppText')}>
      <Panel className="divide-y">
        <Row label={t('publish.webAppOn')}>
          <Switch
            aria-label={t('publish.webAppOn')}
            className="ml-auto"
            checked={app.enable_site}
            disabled={!canEdit || update.isPending}
            onCheckedChange={(on) => update.mutate({ enable_site: on })}
          />
        </Row>
        {app.enable_site && (
          <Row label={t('publish.link')}>
            <code className="min-w-0 grow break-all font-mono text-xs">{url}</code>
            <span className="ml-auto flex items-center gap-1">
              <CopyIcon text={url} />
              <Button variant="ghost" size="icon-xs" aria-label={t('publish.qr')} onClick={() => setQr(true)}>
                <QrCode />
              </Button>
              <Button size="xs" asChild>
                <a href={url} target="_blank" rel="noopener">
                  <ExternalLink />
                  {t('publish.open')}
                </a>
              </Button>
              {canEdit && <Renew app={app} what="site" />}
            </span>
          </Row>
        )}
      </Panel>
      <Dialog
        open={qr}
        onOpenChange={setQr}
        title={t('publish.qr')}
        description={t('publish.qrText')}
        className="max-w-sm"
      >
        <img
          className="w-full rounded-lg border bg-white"
          alt={url}
          src={`data:image/svg+xml,${encodeURIComponent(renderSVG(url, { border: 2 }))}`}
        />
        <p className="mt-3 break-all text-center font-mono text-ink-2 text-xs">{url}</p>
      </Dialog>
    </Section>
  );
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1.5 px-4 py-3">
      <span className="w-28 shrink-0 text-sm">{label}</span>
      {children}
    </div>
  );
}

function Renew({ app, what }: { app: App; what: 'site' | 'mcp' }) {
  const { t } = useTranslation();
  const renew = useRenew(app, what);
  const [asked, setAsked] = useState(false);
  return (
    <>
      <Button variant="ghost" size="xs" onClick={() => setAsked(true)}>
        <RefreshCw />
        {t('publish.renew')}
      </Button>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title={t(what === 'site' ? 'publish.renewTitle' : 'publish.mcpRenewTitle')}
        text={t(what === 'site' ? 'publish.renewText' : 'publish.mcpRenewText')}
        action={t('publish.renew')}
        danger
        busy={renew.isPending}
        onConfirm={() =>
          renew.mutate(undefined, {
            onSuccess: () => {
              setAsked(false);
              toast.success(t('publish.renewed'));
            },
          })
        }
      />
    </>
  );
}

function Embed({ app, origin }: { app: App; origin: string }) {
  const { t } = useTranslation();
  const [way, setWay] = useState<'bubble' | 'frame'>('bubble');
  const [color, setColor] = useState(parseColor(app.site.chat_color_theme) ?? ACCENT);
  const [side, setSide] = useState<'left' | 'right'>('right');
  const embedded = { origin, code: app.site_code, title: app.site.title };
  if (!app.enable_site) return null;
  return (
    <Section title={t('publish.embed')} text={t('publish.embedText')}>
      <div className="mb-2 flex flex-wrap items-end gap-3">
        <Segmented
          label={t('publish.embedHow')}
          value={way}
          onChange={setWay}
          options={[
            { value: 'bubble', label: t('publish.bubble') },
            { value: 'frame', label: t('publish.frame') },
          ]}
        />
        {way === 'bubble' && (
          <>
            <Segmented
              label={t('publish.side')}
              value={side}
              onChange={setSide}
              options={[
                { value: 'left', label: t('publish.left') },
                { value: 'right', label: t('publish.right') },
              ]}
            />
            <Input
              type="color"
              aria-label={t('publish.color')}
              className="h-8 w-12 p-1"
              value={color}
              onChange={(event) => setColor(event.target.value)}
            />
          </>
        )}
      </div>
      <p className="mb-2 text-ink-3 text-xs">{t(way === 'bubble' ? 'publish.bubbleText' : 'publish.frameText')}</p>
      <CodeBlock code={way === 'bubble' ? bubbleSnippet(embedded, color, side) : frameSnippet(embedded)} />
    </Section>
  );
}

function McpServer({ app, canEdit, origin }: { app: App; canEdit: boolean; origin: string }) {
  const { t } = useTranslation();
  const update = useUpdate(app);
  const url = `${origin}/mcp/${app.mcp_code}`;
  return (
    <Section title={t('publish.mcp')} text={t('publish.mcpText')}>
      <Panel className="divide-y">
        <Row label={t('publish.mcpOn')}>
          <Switch
            aria-label={t('publish.mcpOn')}
            className="ml-auto"
            checked={app.enable_mcp}
            disabled={!canEdit || update.isPending}
            onCheckedChange={(on) => update.mutate({ enable_mcp: on })}
          />
        </Row>
        {app.enable_mcp && (
          <Row label={t('publish.mcpAddress')}>
            <code className="min-w-0 grow break-all font-mono text-xs">{url}</code>
            <span className="ml-auto flex items-center gap-1">
              <CopyIcon text={url} />
              {canEdit && <Renew app={app} what="mcp" />}
            </span>
          </Row>
        )}
      </Panel>
      {app.enable_mcp && (
        <Field label={t('publish.mcpConfig')} className="mt-3">
          {() => <CodeBlock code={mcpConfig(app.name, url)} />}
        </Field>
      )}
    </Section>
  );
}

/** The page itself, small. */
function Preview({ app }: { app: App }) {
  const { t } = useTranslation();
  const isOpen = app.enable_site && app.published_version;
  return (
    <section aria-label={t('publish.preview')} className="sticky top-0 max-xl:mt-8">
      <h2 className="mb-3 font-semibold text-base">{t('publish.preview')}</h2>
      {isOpen ? (
        <iframe
          // looks like what was just saved
          key={`${app.site_code}-${app.updated_at}`}
          src={`/a/${app.site_code}`}
          title={t('publish.preview')}
          className="h-[38rem] w-full rounded-xl border bg-surface shadow-2"
        />
      ) : (
        <p className="flex h-60 items-center justify-center rounded-xl border border-dashed text-ink-3 text-sm">
          {t('publish.previewOff')}
        </p>
      )}
    </section>
  );
}
