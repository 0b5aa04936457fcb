/** A question to pick. */
export function Suggestion({ text, onPick }: { text: string; onPick: () => void }) {
  return (
    <button
      type="button"
      onClick={onPick}
      className="max-w-full rounded-full border border-line-strong bg-surface px-3.5 py-1.5 text-left text-ink-2 text-sm shadow-1 transition-colors hover:border-accent-line hover:bg-accent-soft/50 hover:text-accent-ink"
    >
      {text}
    </button>
  );
}
