import { useQuery } from '@tanstack/react-query';
import { findModel, ModelPicker } from '@/components/model-picker';
import { Parameters } from '@/components/parameters';
import { modelsQuery } from '@/lib/api/queries';
import type { Model } from '@/lib/api/types';
import type { CompletionParams, ModelChoice } from '@/lib/app-config';
import { type Data, record, text } from '../graph/types';

/** A node's model as the pickers want it. Agents say `model` for its name. */
export function choiceOf(value: unknown): ModelChoice {
  const model = record(value);
  return {
    provider: text(model.provider),
    name: text(model.name) || text(model.model),
    mode: text(model.mode, 'chat'),
    completion_params: record(model.completion_params) as CompletionParams,
  };
}

export function useModel(value: unknown): Model | undefined {
  const { data } = useQuery(modelsQuery);
  return findModel(data, choiceOf(value));
}

interface ModelFieldProps {
  value: unknown;
  onChange: (model: Data) => void;
  /** `model` of agents. */
  nameKey?: 'name' | 'model';
  disabled: boolean;
}

export function ModelField({ value, onChange, nameKey = 'name', disabled }: ModelFieldProps) {
  const choice = choiceOf(value);
  const model = useModel(value);
  const set = (patch: Partial<ModelChoice>) => {
    const { name, ...rest } = patch;
    onChange({ ...record(value), ...rest, ...(name === undefined ? {} : { [nameKey]: name }) });
  };
  return (
    <div className="@container flex gap-1.5">
      <ModelPicker
        choice={choice}
        onChange={({ provider, name, mode }) => set({ provider, name, mode })}
        disabled={disabled}
      />
      <Parameters
        params={choice.completion_params}
        onChange={(completion_params) => set({ completion_params })}
        contextSize={model?.context_size}
        disabled={disabled}
      />
    </div>
  );
}
