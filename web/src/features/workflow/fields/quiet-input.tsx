import { type ComponentProps, useEffect, useRef, useState } from 'react';

/** What is typed reaches the draft in the first pause this long. */
export const PAUSE_MS = 150;

interface QuietInputProps extends Omit<ComponentProps<'input'>, 'value' | 'onChange'> {
  value: string;
  onChange: (value: string) => void;
}

/** A line of text that keeps what is typed to itself until there is a pause, or until it is left. */
export function QuietInput({ value, onChange, ...rest }: QuietInputProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  const tell = useRef(() => {});
  tell.current = () => {
    clearTimeout(pause.current);
    if (typed === null) return;
    setTyped(null);
    if (typed !== value) onChange(typed);
  };
  useEffect(() => {
    const now = () => tell.current();
    // before the draft itself is saved on leaving the page
    window.addEventListener('beforeunload', now, { capture: true });
    return () => {
      window.removeEventListener('beforeunload', now, { capture: true });
      now();
    };
  }, []);
  return (
    <input
      {...rest}
      value={typed ?? value}
      onChange={(event) => {
        setTyped(event.target.value);
        clearTimeout(pause.current);
        pause.current = setTimeout(() => tell.current(), PAUSE_MS);
      }}
      onBlur={() => tell.current()}
    />
  );
}
