import { MessageSquareQuote, Plus, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Input, Textarea } from '@/components/ui/input';
import { Feature, type FeaturePartProps } from './group';

export function OpeningFeature({ config, set, disabled }: FeaturePartProps) {
  const { t } = useTranslation();
  // An opening that is switched on but still empty exists only here.
  const [opened, setOpened] = useState(false);
  const questions = config.suggested_questions;
  const enabled = opened || config.opening_statement !== '' || questions.length > 0;
  const setQuestions = (suggested_questions: string[]) => set({ suggested_questions });
  return (
    <Feature
      icon={<MessageSquareQuote />}
      title={t('editor.featureOpening')}
      text={t('editor.featureOpeningText')}
      enabled={enabled}
      onToggle={(on) => {
        setOpened(on);
        if (!on) set({ opening_statement: '', suggested_questions: [] });
      }}
      disabled={disabled}
    >
      <Textarea
        aria-label={t('editor.opening')}
        rows={3}
        disabled={disabled}
        placeholder={t('editor.openingPlaceholder')}
        value={config.opening_statement}
        onChange={(event) => set({ opening_statement: event.target.value })}
      />
      <div>
        <p className="mb-1.5 font-medium text-sm">{t('editor.suggested')}</p>
        <div className="space-y-1.5">
          {questions.map((question, index) => (
            <div key={index} className="flex gap-1">
              <Input
                aria-label={`${t('editor.suggested')} ${index + 1}`}
                className="h-8"
                disabled={disabled}
                placeholder={t('editor.suggestedPlaceholder')}
                value={question}
                onChange={(event) =>
                  setQuestions(questions.map((old, other) => (other === index ? event.target.value : old)))
                }
              />
              <Button
                variant="ghost"
                size="icon"
                disabled={disabled}
                aria-label={`${t('common.remove')}: ${t('editor.suggested')} ${index + 1}`}
                onClick={() => setQuestions(questions.filter((_, other) => other !== index))}
              >
                <X />
              </Button>
            </div>
          ))}
          {questions.length < 10 && !disabled && (
            <Button variant="ghost" size="xs" onClick={() => setQuestions([...questions, ''])}>
              <Plus />
              {t('editor.addQuestion')}
            </Button>
          )}
        </div>
      </div>
    </Feature>
  );
}
