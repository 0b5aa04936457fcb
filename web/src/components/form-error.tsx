import { CircleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { errorMessage } from '@/lib/api/errors';

/** Why a form was refused, above its button. */
export function FormError({ error, text }: { error: unknown; text?: string | undefined }) {
  const { t } = useTranslation();
  if (!error) return null;
  return (
    <p role="alert" className="flex items-start gap-2 rounded-md bg-danger-soft px-3 py-2 text-danger text-sm">
      <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
      {text ?? errorMessage(error, t)}
    </p>
  );
}
