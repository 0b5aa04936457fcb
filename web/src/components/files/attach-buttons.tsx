import { FilePlus2, ImagePlus, Link2 } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { acceptedExtensions, type FileRules, parseUrl, picturesOnly } from '@/lib/files';
import { Button } from '../ui/button';
import { Input } from '../ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '../ui/popover';
import { Tooltip } from '../ui/tooltip';

interface AttachButtonsProps {
  /** What the place takes and has; `addUrl` where it takes addresses. */
  attachments: {
    rules: FileRules;
    files: readonly unknown[];
    addFiles: (files: File[]) => void;
    addUrl?: (url: string) => void;
  };
}

/** The ways in which a file may come; nothing where none may. */
export function AttachButtons({ attachments }: AttachButtonsProps) {
  const { t } = useTranslation();
  const { rules, files, addFiles, addUrl } = attachments;
  const isFull = files.length >= rules.limit;
  const input = useRef<HTMLInputElement>(null);
  const pictures = picturesOnly(rules);
  const attach = t(pictures ? 'files.attachPicture' : 'files.attach');
  return (
    <>
      {rules.methods.includes('local_file') && (
        <>
          <Tooltip text={attach}>
            <Button
              variant="ghost"
              size="icon"
              aria-label={attach}
              disabled={isFull}
              onClick={() => input.current?.click()}
            >
              {pictures ? <ImagePlus /> : <FilePlus2 />}
            </Button>
          </Tooltip>
          <input
            ref={input}
            type="file"
            hidden
            accept={acceptedExtensions(rules)
              .map((extension) => `.${extension}`)
              .join(',')}
            multiple={rules.limit > 1}
            data-testid="file-input"
            onChange={(event) => {
              addFiles([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </>
      )}
      {addUrl && rules.methods.includes('remote_url') && (
        <UrlButton
          label={t(pictures ? 'files.attachPictureUrl' : 'files.attachUrl')}
          placeholder={t(pictures ? 'files.pictureUrlPlaceholder' : 'files.urlPlaceholder')}
          disabled={isFull}
          onAdd={addUrl}
        />
      )}
    </>
  );
}

interface UrlButtonProps {
  label: string;
  placeholder: string;
  disabled: boolean;
  onAdd: (url: string) => void;
}

function UrlButton({ label, placeholder, disabled, onAdd }: UrlButtonProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const url = parseUrl(text);
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <Tooltip text={label}>
        <PopoverTrigger asChild>
          <Button variant="ghost" size="icon" aria-label={label} disabled={disabled}>
            <Link2 />
          </Button>
        </PopoverTrigger>
      </Tooltip>
      <PopoverContent aria-label={label} align="start" side="top" className="w-80 p-2.5">
        <form
          className="flex gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            // the form around it stays as it is
            event.stopPropagation();
            if (!url) return;
            onAdd(url);
            setText('');
            setOpen(false);
          }}
        >
          <Input
            type="url"
            className="h-8"
            aria-label={label}
            placeholder={placeholder}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <Button type="submit" variant="primary" disabled={!url}>
            {t('common.add')}
          </Button>
        </form>
      </PopoverContent>
    </Popover>
  );
}
