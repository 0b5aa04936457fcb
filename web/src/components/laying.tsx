/** Three stones being laid, until the first word. */
export function Laying({ label }: { label: string }) {
  return (
    <span role="status" aria-label={label} className="inline-flex h-6 items-center gap-1">
      {[0, 1, 2].map((n) => (
        <span
          key={n}
          className="stone-dot h-2 w-3.5 rounded-[2px] bg-accent"
          style={{ animationDelay: `${n * 140}ms` }}
          aria-hidden
        />
      ))}
    </span>
  );
}
