import { useEffect, useLayoutEffect, useRef } from 'react';

/** Follows the answer while the reader is at the end; leaves them alone when they scrolled up. `turns` change with every word. */
export function useStickToEnd(turns: readonly { key: unknown }[]) {
  const ref = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const newest = turns.at(-1)?.key;
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const onScroll = () => {
      stuck.current = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => element.removeEventListener('scroll', onScroll);
  }, []);
  useEffect(() => {
    if (newest !== undefined) stuck.current = true;
  }, [newest]);
  useLayoutEffect(() => {
    if (turns.length > 0 && stuck.current && ref.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, [turns]);
  return ref;
}
